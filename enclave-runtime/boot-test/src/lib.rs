//! Boots enclave images under QEMU's machine `nitro-enclave`, and tests what runs in them
//! (`README.md` of this folder).

#![forbid(unsafe_code)]

pub mod vsock;
