//! Each rule of `docs/spec/trust.md` for what accounts sign, broken by a test of its own.

mod access;
mod forge;
mod jws;
mod manifest;
mod never_panics;
mod records;
mod token;
