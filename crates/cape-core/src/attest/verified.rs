use core::fmt;
use std::collections::BTreeMap;

use super::chain::Chain;
use super::expectation::ExpectedNonce;
use super::payload::{Payload, Pcr};
use super::release::Release;
use super::roots::Trust;
use super::user_data::{SessionData, UserData};
use crate::UnixTime;
use crate::crypto::{sha256, sha384};
use crate::encoding::hex;

/// What an enclave proved. Only [`Document::verify`](super::Document::verify) makes one, after every
/// check held.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifiedAttestation {
    document: Vec<u8>,
    module_id: String,
    timestamp: UnixTime,
    pcrs: BTreeMap<u8, Pcr>,
    public_key: Option<Vec<u8>>,
    user_data: Option<Vec<u8>>,
    nonce: Option<Vec<u8>>,
    nonce_checked: bool,
    trust: Trust,
    root_fingerprint: [u8; 32],
    chain: Vec<ChainCertificate>,
    leaf: Vec<u8>,
    release: Option<Release>,
    own: Option<UserData>,
}

/// One certificate of a verified chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainCertificate {
    /// Its subject.
    pub subject: String,
    /// The first second it is valid at.
    pub not_before: UnixTime,
    /// The last second it is valid at.
    pub not_after: UnixTime,
}

impl VerifiedAttestation {
    pub(super) fn new(
        document: &[u8],
        payload: &Payload<'_>,
        chain: &Chain<'_>,
        own: Option<UserData>,
        release: Option<&Release>,
        nonce: ExpectedNonce<'_>,
    ) -> Self {
        Self {
            document: document.to_vec(),
            module_id: payload.module_id.to_owned(),
            timestamp: payload.timestamp,
            pcrs: payload.pcrs.iter().map(|(index, value)| (index, *value)).collect(),
            public_key: payload.public_key.map(<[u8]>::to_vec),
            user_data: payload.user_data.map(<[u8]>::to_vec),
            nonce: payload.nonce.map(<[u8]>::to_vec),
            nonce_checked: matches!(nonce, ExpectedNonce::Exactly(_)),
            trust: chain.trust,
            root_fingerprint: sha256(&[payload.certificates.root]),
            chain: chain
                .iter()
                .map(|certificate| ChainCertificate {
                    subject: certificate.subject.to_text(),
                    not_before: certificate.not_before,
                    not_after: certificate.not_after,
                })
                .collect(),
            leaf: chain.leaf.der.to_vec(),
            release: release.cloned(),
            own,
        }
    }

    /// The document itself, as received.
    pub fn document(&self) -> &[u8] {
        &self.document
    }

    /// SHA-384 of the document.
    pub fn document_sha384(&self) -> [u8; 48] {
        sha384(&[&self.document])
    }

    /// Which security module signed: instance and enclave.
    pub fn module_id(&self) -> &str {
        &self.module_id
    }

    /// When the document was made.
    pub fn timestamp(&self) -> UnixTime {
        self.timestamp
    }

    /// The measurements, by index.
    pub fn pcrs(&self) -> &BTreeMap<u8, Pcr> {
        &self.pcrs
    }

    /// The public key that the enclave put into the document.
    pub fn public_key(&self) -> Option<&[u8]> {
        self.public_key.as_deref()
    }

    /// What the enclave put into the document.
    pub fn user_data(&self) -> Option<&[u8]> {
        self.user_data.as_deref()
    }

    /// The nonce in the document.
    pub fn nonce(&self) -> Option<&[u8]> {
        self.nonce.as_deref()
    }

    /// Whether the nonce was compared; `false` where the verifier accepted any.
    pub fn nonce_checked(&self) -> bool {
        self.nonce_checked
    }

    /// Whose word all this rests on.
    pub fn trust(&self) -> Trust {
        self.trust
    }

    /// SHA-256 of the root certificate.
    pub fn root_fingerprint(&self) -> &[u8; 32] {
        &self.root_fingerprint
    }

    /// The certificates, the root first and the one that signed the document last.
    pub fn chain(&self) -> &[ChainCertificate] {
        &self.chain
    }

    /// The certificate that signed the document, in DER.
    pub fn leaf(&self) -> &[u8] {
        &self.leaf
    }

    /// The release that fits; `None` under a policy that accepts any code.
    pub fn release(&self) -> Option<&Release> {
        self.release.as_ref()
    }

    /// The vault id that the document names, if it is one of ours.
    pub fn vault(&self) -> Option<[u8; 32]> {
        self.own.as_ref().map(UserData::vault)
    }

    /// What one of our documents for sessions says of the enclave.
    pub fn session_data(&self) -> Option<&SessionData> {
        match &self.own {
            Some(UserData::Session(data)) => Some(data),
            _ => None,
        }
    }
}

impl fmt::Debug for VerifiedAttestation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedAttestation")
            .field("pcr0", &self.pcrs.get(&0).map(|value| hex::encode(value)))
            .field("module_id", &self.module_id)
            .field("trust", &self.trust)
            .field("timestamp", &format_args!("{}", self.timestamp))
            .finish_non_exhaustive()
    }
}
