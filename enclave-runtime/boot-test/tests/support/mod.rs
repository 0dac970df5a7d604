//! What the tests of booted machines stand on: the machine, its host's side, and a client.

#![allow(dead_code, reason = "tests and timings use a part of this")]

pub(crate) mod environment;
pub(crate) mod image;
pub(crate) mod machine;
pub(crate) mod probe;
