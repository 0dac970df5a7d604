//! Enclave images: what is written is read again, what is altered is refused or told, and signatures
//! hold for one image only.

mod cuts;
mod form;
mod golden;
mod metadata;
mod mutations;
mod round_trip;
mod signatures;
mod support;
