//! What goes over the wire to an NSM and back: CBOR, one item each way.
//!
//! An operation without arguments is a text string, one with arguments a map of one entry, its
//! name to a map of the arguments; absent arguments are null.

use core::fmt;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_bytes::{ByteArray, ByteBuf};
use zeroize::Zeroize;

use crate::Error;

/// The largest request, in bytes.
pub const REQUEST_MAX: usize = 4096;

/// The largest response, in bytes.
pub const RESPONSE_MAX: usize = 12288;

/// How many registers (PCRs) a module has.
pub const REGISTERS: u16 = 32;

/// The length of a register's value, in bytes: that of a SHA-384 digest.
pub const REGISTER_LENGTH: usize = 48;

/// What an enclave asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// A register's value, and whether it is locked.
    #[serde(rename = "DescribePCR")]
    DescribePcr {
        /// The register.
        index: u16,
    },
    /// Replace a register's value by SHA-384(value || data).
    #[serde(rename = "ExtendPCR")]
    ExtendPcr {
        /// The register.
        index: u16,
        /// What is appended before hashing.
        #[serde(with = "serde_bytes")]
        data: Vec<u8>,
    },
    /// Make a register's value final.
    #[serde(rename = "LockPCR")]
    LockPcr {
        /// The register.
        index: u16,
    },
    /// Make the values of the registers 0 to `range - 1` final.
    #[serde(rename = "LockPCRs")]
    LockPcrs {
        /// The first register that is left out.
        range: u16,
    },
    /// The module's description.
    #[serde(rename = "DescribeNSM")]
    DescribeNsm,
    /// A signed document about this enclave.
    Attestation {
        /// Bytes of the enclave's own choice.
        user_data: Option<ByteBuf>,
        /// Bytes that make the document answer to somebody.
        nonce: Option<ByteBuf>,
        /// A key that others may encrypt to.
        public_key: Option<ByteBuf>,
    },
    /// Random bytes.
    GetRandom,
}

/// What the module answers: the variant of the request's name, or [`Response::Error`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Response {
    /// A register.
    #[serde(rename = "DescribePCR")]
    DescribePcr(Register),
    /// A register was extended.
    #[serde(rename = "ExtendPCR")]
    ExtendPcr {
        /// Its new value.
        data: ByteArray<REGISTER_LENGTH>,
    },
    /// A register was locked.
    #[serde(rename = "LockPCR")]
    LockPcr,
    /// Registers were locked.
    #[serde(rename = "LockPCRs")]
    LockPcrs,
    /// The module.
    #[serde(rename = "DescribeNSM")]
    DescribeNsm(Description),
    /// A signed document.
    Attestation {
        /// A COSE_Sign1 structure.
        #[serde(with = "serde_bytes")]
        document: Vec<u8>,
    },
    /// Random bytes.
    GetRandom {
        /// 256 of them.
        random: RandomBytes,
    },
    /// The request was refused.
    Error(Error),
}

/// What keys may be made of: it does not show itself, and is wiped when it is dropped.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RandomBytes(#[serde(with = "serde_bytes")] Vec<u8>);

impl RandomBytes {
    /// The bytes, which are the caller's secret from then on.
    pub fn into_bytes(mut self) -> Vec<u8> {
        core::mem::take(&mut self.0)
    }
}

impl From<Vec<u8>> for RandomBytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl Drop for RandomBytes {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for RandomBytes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "RandomBytes({} bytes)", self.0.len())
    }
}

/// A platform configuration register (PCR).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Register {
    /// Whether its value is final.
    pub lock: bool,
    /// Its value.
    pub data: ByteArray<REGISTER_LENGTH>,
}

/// What a module says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// Rises with changes that break its users.
    pub version_major: u16,
    /// Rises with additions.
    pub version_minor: u16,
    /// Rises with repairs.
    pub version_patch: u16,
    /// The instance and the enclave: `i-0123456789abcdef0-enc0123456789abcdef`.
    pub module_id: String,
    /// How many registers there are.
    pub max_pcrs: u16,
    /// Those whose value is final.
    pub locked_pcrs: BTreeSet<u16>,
    /// The hash that extends them.
    pub digest: Digest,
}

/// A hash function that extends registers. Every module seen so far uses SHA-384.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Digest {
    /// SHA-256.
    #[serde(rename = "SHA256")]
    Sha256,
    /// SHA-384.
    #[serde(rename = "SHA384")]
    Sha384,
    /// SHA-512.
    #[serde(rename = "SHA512")]
    Sha512,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(message: &impl Serialize) -> Vec<u8> {
        serde_cbor::to_vec(message).unwrap()
    }

    #[test]
    fn an_operation_without_arguments_is_a_text_string() {
        assert_eq!(encoded(&Request::DescribeNsm), b"\x6bDescribeNSM");
        assert_eq!(encoded(&Request::GetRandom), b"\x69GetRandom");
        assert_eq!(encoded(&Response::LockPcr), b"\x67LockPCR");
        assert_eq!(encoded(&Response::LockPcrs), b"\x68LockPCRs");
    }

    #[test]
    fn an_operation_with_arguments_is_a_map_of_one_entry() {
        assert_eq!(encoded(&Request::DescribePcr { index: 7 }), b"\xa1\x6bDescribePCR\xa1\x65index\x07");
        assert_eq!(
            encoded(&Request::ExtendPcr { index: 16, data: vec![1, 2, 3] }),
            b"\xa1\x69ExtendPCR\xa2\x65index\x10\x64data\x43\x01\x02\x03"
        );
        assert_eq!(encoded(&Request::LockPcr { index: 31 }), b"\xa1\x67LockPCR\xa1\x65index\x18\x1f");
        assert_eq!(encoded(&Request::LockPcrs { range: 32 }), b"\xa1\x68LockPCRs\xa1\x65range\x18\x20");
    }

    #[test]
    fn absent_arguments_are_null() {
        assert_eq!(
            encoded(&Request::Attestation {
                user_data: None,
                nonce: Some(ByteBuf::from(*b"n")),
                public_key: None,
            }),
            b"\xa1\x6bAttestation\xa3\x69user_data\xf6\x65nonce\x41n\x6apublic_key\xf6"
        );
    }

    #[test]
    fn a_refusal_names_its_error() {
        assert_eq!(encoded(&Response::Error(Error::ReadOnlyIndex)), b"\xa1\x65Error\x6dReadOnlyIndex");
    }

    #[test]
    fn a_description_is_read_in_any_order_of_its_keys() {
        // In the order of a module that is not AWS's (QEMU's).
        let bytes = b"\xa1\x6bDescribeNSM\xa7\x66digest\x66SHA384\x68max_pcrs\x18\x20\
            \x69module_id\x6ei-1234-enc5678\x6blocked_pcrs\x82\x00\x01\
            \x6dversion_major\x01\x6dversion_minor\x00\x6dversion_patch\x00";
        let Response::DescribeNsm(description) = serde_cbor::from_slice(bytes).unwrap() else {
            panic!("another response");
        };
        assert_eq!(description.module_id, "i-1234-enc5678");
        assert_eq!(description.locked_pcrs, BTreeSet::from([0, 1]));
        assert_eq!(description.digest, Digest::Sha384);
    }

    #[test]
    fn a_register_of_another_length_is_refused() {
        let mut bytes = b"\xa1\x6bDescribePCR\xa2\x64lock\xf5\x64data\x58\x20".to_vec();
        bytes.extend([0; 32]);
        assert!(serde_cbor::from_slice::<Response>(&bytes).is_err());
    }
}
