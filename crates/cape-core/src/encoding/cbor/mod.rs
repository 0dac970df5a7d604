//! CBOR (RFC 8949): a strict reader for untrusted bytes and a writer of the deterministic form.
//!
//! Only what Cape's formats use exists: integers, byte and text strings, arrays, maps, booleans and
//! null. Tags, floats and other simple values are refused.

mod error;
mod reader;
mod writer;

pub use error::Error;
pub use reader::{Container, Form, Key, Reader};
pub use writer::Writer;
