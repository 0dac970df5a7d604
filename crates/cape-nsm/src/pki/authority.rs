use aws_lc_rs::pkcs8::Document;
use rcgen::{Certificate, Issuer, PublicKeyData, SubjectPublicKeyInfo};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use super::PkiError;
use super::certificate::{Leaf, Tier, Validity};
use super::key::AuthorityKey;

/// A certificate that may sign others, with its key (P-384).
pub(super) struct Authority {
    certificate: Vec<u8>,
    validity: Validity,
    issuer: Issuer<'static, AuthorityKey>,
}

impl Authority {
    /// A new root, signed by itself.
    pub(super) fn new_root(now: u64) -> Result<Self, PkiError> {
        let key = AuthorityKey::generate()?;
        let common_name = Tier::ROOT.common_name("")?;
        let certificate =
            Tier::ROOT.profile(&common_name, now, None)?.self_signed(&key).map_err(PkiError::issue)?;
        Self::issued(&certificate, key)
    }

    /// A new authority below this one.
    pub(super) fn issue_authority(&self, tier: &Tier, common_name: &str, now: u64) -> Result<Self, PkiError> {
        let key = AuthorityKey::generate()?;
        let certificate = tier
            .profile(common_name, now, Some(self.validity))?
            .signed_by(&key, &self.issuer)
            .map_err(PkiError::issue)?;
        Self::issued(&certificate, key)
    }

    /// An enclave's certificate, DER.
    pub(super) fn issue_leaf(&self, leaf: &Leaf<'_>, now: u64) -> Result<Vec<u8>, PkiError> {
        let key = SubjectPublicKeyInfo::from_der(leaf.public_key).map_err(PkiError::issue)?;
        let certificate =
            leaf.profile(now, self.validity)?.signed_by(&key, &self.issuer).map_err(PkiError::issue)?;
        Ok(certificate.der().to_vec())
    }

    /// Takes up an authority again from its certificate (DER) and key (PKCS #8). The error says
    /// what is wrong with them.
    pub(super) fn from_parts(certificate: Vec<u8>, key: &[u8]) -> Result<Self, String> {
        Self::new(certificate, AuthorityKey::from_pkcs8(key)?)
    }

    fn issued(certificate: &Certificate, key: AuthorityKey) -> Result<Self, PkiError> {
        Self::new(certificate.der().to_vec(), key).map_err(PkiError::issue)
    }

    fn new(certificate: Vec<u8>, key: AuthorityKey) -> Result<Self, String> {
        let (_, parsed) = X509Certificate::from_der(&certificate).map_err(|error| error.to_string())?;
        if parsed.public_key().subject_public_key.data != key.der_bytes() {
            return Err("a key does not belong to its certificate".to_owned());
        }
        let validity = Validity {
            not_before: seconds(parsed.validity().not_before.timestamp())?,
            not_after: seconds(parsed.validity().not_after.timestamp())?,
        };
        let issuer = Issuer::from_ca_cert_der(&certificate.as_slice().into(), key)
            .map_err(|error| error.to_string())?;
        Ok(Self { certificate, validity, issuer })
    }

    /// DER.
    pub(super) fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// PKCS #8, DER: a secret, which is wiped when it is dropped.
    pub(super) fn key(&self) -> Result<Document, PkiError> {
        self.issuer.key().to_pkcs8()
    }

    pub(super) fn validity(&self) -> Validity {
        self.validity
    }
}

fn seconds(timestamp: i64) -> Result<u64, String> {
    u64::try_from(timestamp).map_err(|_| "a certificate is from before 1970".to_owned())
}
