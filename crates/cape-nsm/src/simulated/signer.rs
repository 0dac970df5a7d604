use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand;
use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair};

use crate::pki::{Chain, LEAF_LIFETIME, Leaf};
use crate::{Pki, PkiError};

/// What the module signs with. The certificate is replaced, with its key, when half of its life
/// is over, so that a document is good for an hour and a half at least.
pub(super) struct Signer {
    pki: Pki,
    enclave: u64,
    identity: Identity,
}

pub(super) struct Identity {
    pub(super) module_id: String,
    pub(super) key: EcdsaKeyPair,
    pub(super) certificate: Vec<u8>,
    pub(super) cabundle: Vec<Vec<u8>>,
    /// When it was certified, in milliseconds since 1970.
    since: u64,
}

impl Signer {
    /// Starts a new enclave at `now` (milliseconds since 1970): its number is the time, 48 bits,
    /// and 16 random bits.
    pub(super) fn start(mut pki: Pki, now: u64) -> Result<Self, PkiError> {
        let mut random = [0; 2];
        rand::fill(&mut random).map_err(PkiError::issue)?;
        let enclave = (now << 16) | u64::from(u16::from_be_bytes(random));
        let module_id = format!("{}-enc{enclave:016x}", pki.instance_id());
        let identity = Identity::certified(&mut pki, module_id, enclave, now)?;
        Ok(Self { pki, enclave, identity })
    }

    pub(super) fn module_id(&self) -> &str {
        &self.identity.module_id
    }

    /// What to sign with at `now`, in milliseconds since 1970.
    pub(super) fn at(&mut self, now: u64) -> Result<&Identity, PkiError> {
        if !self.identity.is_young(now) {
            let module_id = self.identity.module_id.clone();
            self.identity = Identity::certified(&mut self.pki, module_id, self.enclave, now)?;
        }
        Ok(&self.identity)
    }
}

impl Identity {
    fn certified(pki: &mut Pki, module_id: String, enclave: u64, now: u64) -> Result<Self, PkiError> {
        let key = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).map_err(PkiError::issue)?;
        let public_key = AsDer::<PublicKeyX509Der<'_>>::as_der(key.public_key()).map_err(PkiError::issue)?;
        let leaf = Leaf { public_key: public_key.as_ref(), module_id: &module_id, enclave };
        let Chain { certificate, cabundle } = pki.certify(&leaf, now)?;
        Ok(Self { module_id, key, certificate, cabundle, since: now })
    }

    /// A clock that was set back makes it as unusable as age does.
    fn is_young(&self, now: u64) -> bool {
        now.checked_sub(self.since).is_some_and(|age| age < LEAF_LIFETIME * 1000 / 2)
    }
}
