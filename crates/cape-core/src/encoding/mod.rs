//! How bytes are written: CBOR, hexadecimal, base64url, Base58 and bech32m.

pub mod base58;
pub mod base64url;
pub mod bech32m;
pub mod cbor;
pub mod hex;
