//! The development PKI: a root of our own, and below it the chain that AWS puts below its root.
//!
//! The root is made once and kept. What stands between it and an enclave's certificate lives for
//! days and is issued again when it could not outlive what it has to sign.

mod authority;
mod certificate;
mod error;
mod key;
mod pem;
mod store;

use std::fmt;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};

use authority::Authority;
pub(crate) use certificate::{LEAF_LIFETIME, Leaf};
use certificate::{Tier, Validity};
pub use error::PkiError;
use store::Store;

/// A development root and its authorities, kept in a folder that only its owner can read, or nowhere.
///
/// The folder holds `root.pem` (written once) and `chain.pem` (replaced as a whole when an
/// authority is renewed), each with certificates and keys. Processes may share it: whoever finds
/// an authority about to expire issues another, and each chain that anyone wrote is good.
pub struct Pki {
    /// Where they are kept, if anywhere.
    store: Option<Store>,
    root: Authority,
    chain: Vec<Authority>,
}

/// What certifies one enclave.
pub(crate) struct Chain {
    /// The enclave's certificate, DER.
    pub(crate) certificate: Vec<u8>,
    /// The authorities' certificates from the root downward, DER.
    pub(crate) cabundle: Vec<Vec<u8>>,
}

impl Pki {
    /// Makes a root and writes it into `directory`, which is made as well (mode 0700) when there
    /// is none. `now` is in milliseconds since 1970.
    ///
    /// # Errors
    ///
    /// [`PkiError::Exists`] when the folder has a root already: it is never replaced.
    /// [`PkiError::Exposed`] when others have access to the folder, [`PkiError::Io`] when
    /// something cannot be written, [`PkiError::Clock`] for a time that no certificate can state.
    pub fn create(directory: &Path, now: u64) -> Result<Self, PkiError> {
        let store = Store::create(directory)?;
        let root = Authority::new_root(seconds(now))?;
        if !store.write_root(&root)? {
            return Err(PkiError::Exists { directory: directory.to_owned() });
        }
        Ok(Self { store: Some(store), root, chain: Vec::new() })
    }

    /// Makes a root that is kept nowhere: it goes with the value. `now` is as for [`Pki::create`].
    ///
    /// # Errors
    ///
    /// [`PkiError::Clock`] for a time that no certificate can state.
    pub fn in_memory(now: u64) -> Result<Self, PkiError> {
        Ok(Self { store: None, root: Authority::new_root(seconds(now))?, chain: Vec::new() })
    }

    /// Opens what [`Pki::create`] made.
    ///
    /// # Errors
    ///
    /// [`PkiError::Missing`] when the folder has no root, [`PkiError::Exposed`] when others have
    /// access to it, [`PkiError::Malformed`] when a file is not what was written, and
    /// [`PkiError::Io`].
    pub fn open(directory: &Path) -> Result<Self, PkiError> {
        let store = Store::open(directory)?;
        let root = store.read_root()?.ok_or_else(|| PkiError::Missing { directory: directory.to_owned() })?;
        let chain = store.read_chain(&root)?;
        Ok(Self { store: Some(store), root, chain })
    }

    /// The root's certificate, DER: what a verifier has to be given to accept this PKI.
    pub fn root(&self) -> &[u8] {
        self.root.certificate()
    }

    /// The name of the machine that this installation stands for, shaped like that of an EC2
    /// instance: `i-0` and 16 hexadecimal digits. It stays the same as long as the root does.
    pub(crate) fn instance_id(&self) -> String {
        let digest = digest(&SHA256, self.root());
        let digits: String = digest.as_ref()[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        format!("i-0{digits}")
    }

    /// Certifies an enclave's key from `now` (milliseconds since 1970) on, for three hours.
    pub(crate) fn certify(&mut self, leaf: &Leaf<'_>, now: u64) -> Result<Chain, PkiError> {
        let now = seconds(now);
        self.renew(now)?;
        let issuer = self.chain.last().unwrap_or(&self.root);
        let certificate = issuer.issue_leaf(leaf, now)?;
        let cabundle = [&self.root]
            .into_iter()
            .chain(&self.chain)
            .map(|authority| authority.certificate().to_vec())
            .collect();
        Ok(Chain { certificate, cabundle })
    }

    /// Completes the chain so that every authority in it outlives what it signs.
    fn renew(&mut self, now: u64) -> Result<(), PkiError> {
        let kept = self.still_good(now)?;
        if kept == Tier::BELOW_ROOT.len() {
            return Ok(());
        }
        let kept = &self.chain[..kept];
        let mut renewed: Vec<Authority> = Vec::new();
        for tier in &Tier::BELOW_ROOT[kept.len()..] {
            let issuer = renewed.last().or(kept.last()).unwrap_or(&self.root);
            let common_name = tier.common_name(&self.instance_id())?;
            let authority = issuer.issue_authority(tier, &common_name, now)?;
            renewed.push(authority);
        }
        if let Some(store) = &self.store {
            store.write_chain(&self.root, kept.iter().chain(&renewed))?;
        }
        self.chain.truncate(kept.len());
        self.chain.append(&mut renewed);
        Ok(())
    }

    /// How many authorities below the root, counted from it, need not be issued again.
    fn still_good(&self, now: u64) -> Result<usize, PkiError> {
        let mut needed = Validity { not_before: now, not_after: now + LEAF_LIFETIME };
        for (below, tier) in Tier::BELOW_ROOT.iter().enumerate().rev() {
            if let Some(authority) = self.chain.get(below)
                && authority.validity().covers(needed)
            {
                return Ok(below + 1);
            }
            needed.not_after = now + tier.lifetime;
        }
        let Validity { not_before, not_after } = self.root.validity();
        if self.root.validity().covers(needed) {
            return Ok(0);
        }
        Err(PkiError::RootNotValid { directory: self.directory(), not_before, not_after, now })
    }

    /// Where it is kept; of one that is kept nowhere, an empty path.
    fn directory(&self) -> PathBuf {
        self.store.as_ref().map(|store| store.directory().to_owned()).unwrap_or_default()
    }
}

impl fmt::Debug for Pki {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Pki").field("directory", &self.directory()).finish_non_exhaustive()
    }
}

fn seconds(milliseconds: u64) -> u64 {
    milliseconds / 1000
}
