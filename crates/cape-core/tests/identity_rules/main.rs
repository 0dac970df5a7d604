//! Each rule of `docs/spec/trust.md` for what accounts sign, broken by a test of its own.

mod forge;
mod jws;
mod manifest;
