use core::fmt;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use cape_core::cose;

use super::PemDefect;
use super::certificate::{Certificate, CertificateDefect};
use super::pem;
use super::signature::{Signature, payload};

/// A key that signs images, and its certificate. The library that holds the key wipes it.
pub struct Signer {
    certificate: Certificate,
    key: EcdsaKeyPair,
    random: SystemRandom,
}

impl Signer {
    /// The key and the certificate from their texts: the key is a block `PRIVATE KEY` (PKCS #8,
    /// RFC 5958) or `EC PRIVATE KEY` (RFC 5915), not encrypted; `EC PARAMETERS` may stand beside it.
    ///
    /// # Errors
    ///
    /// What is wrong with one of them, or that they do not belong together.
    pub fn from_pem(certificate: &[u8], private_key: &[u8]) -> Result<Self, SignerError> {
        let certificate = Certificate::from_pem(certificate).map_err(SignerError::Certificate)?;
        let mut blocks = pem::blocks(private_key).map_err(SignerError::KeyText)?;
        blocks.retain(|block| block.label != "EC PARAMETERS");
        let [block] = blocks.as_slice() else {
            return Err(SignerError::KeyText(PemDefect::BlockCount { found: blocks.len() }));
        };
        if !["PRIVATE KEY", "EC PRIVATE KEY"].contains(&block.label) {
            return Err(SignerError::KeyText(PemDefect::Label { expected: "PRIVATE KEY" }));
        }
        let key = EcdsaKeyPair::from_private_key_der(&ECDSA_P384_SHA384_FIXED_SIGNING, &block.content)
            .map_err(|_| SignerError::Key)?;
        if key.public_key().as_ref() != certificate.public_key() {
            return Err(SignerError::OtherKey);
        }
        Ok(Self { certificate, key, random: SystemRandom::new() })
    }

    /// The certificate that images are signed under.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The content of a signature's section, for the image that has this PCR0.
    ///
    /// # Errors
    ///
    /// The library made no signature.
    pub fn sign(&self, pcr0: &[u8; 48]) -> Result<Vec<u8>, NotSigned> {
        let payload = payload(pcr0);
        let signed = cose::to_be_signed(&[], &payload);
        let signature = self.key.sign(&self.random, &signed).map_err(|_| NotSigned)?;
        let signature = signature.as_ref().try_into().map_err(|_| NotSigned)?;
        Ok(Signature::encode(&self.certificate, &cose::encode(&payload, signature)))
    }
}

/// No signature was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotSigned;

impl fmt::Display for NotSigned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no signature was made")
    }
}

impl core::error::Error for NotSigned {}

/// Why a key and a certificate sign nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignerError {
    /// The certificate is wrong.
    Certificate(CertificateDefect),
    /// The key is not one on P-384.
    Key,
    /// The key's text is wrong.
    KeyText(PemDefect),
    /// The certificate is of another key.
    OtherKey,
}

impl fmt::Display for SignerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate(defect) => write!(f, "certificate: {defect}"),
            Self::Key => f.write_str("not a private key on P-384"),
            Self::KeyText(defect) => write!(f, "private key: {defect}"),
            Self::OtherKey => f.write_str("the certificate is of another key"),
        }
    }
}

impl core::error::Error for SignerError {}
