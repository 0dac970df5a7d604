//! Enclave images: files in the Enclave Image Format (EIF), version 4, read, measured, written and
//! signed (`docs/spec/image.md`).
//!
//! ```text
//! Image::read(file)? -> Image: measurements, command line, metadata, signature
//! ImageWriter::new(file, description, kernel)?.ramdisk(|out| tree.write(out))?.finish(Some(&signer))?
//! ```
//!
//! | module | what it is |
//! |---|---|
//! | [`cpio`] | the archives that ramdisks are |
//! | [`signing`] | who made an image: certificates, signatures, the key that signs |
//!
//! Nothing here opens an image by its path, reads a clock or an environment; only
//! [`cpio::Tree`] reads files, those that it was told to hold. An image passes through in pieces, so
//! that memory does not grow with it. Input is untrusted everywhere; no function panics on it.

#![forbid(unsafe_code)]
#![deny(
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]
#![cfg_attr(
    test,
    allow(
        clippy::as_conversions,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unwrap_used
    )
)]

mod checked;
mod command_line;
pub mod cpio;
mod error;
mod header;
mod image;
mod measurement;
mod metadata;
mod section;
pub mod signing;
mod source;
mod writer;

pub use command_line::{CommandLine, CommandLineDefect};
pub use error::Error;
pub use header::Architecture;
pub use image::Image;
pub use measurement::Measurements;
pub use metadata::{BuildMetadata, Metadata, MetadataDefect};
pub use section::{Section, SectionKind};
pub use writer::{Description, ImageWriter, SectionWriter, WriteError};
