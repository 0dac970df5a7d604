//! `pycape._core`: the border between `cape-core` and Python. It converts, and decides nothing;
//! `error.rs` alone turns errors into exceptions, `buffer.rs` and `output.rs` alone are unsafe.

#![deny(unsafe_code)]
#![allow(missing_docs, reason = "Python's documentation is in python/pycape/_core.pyi")]

mod account;
mod attestation;
#[allow(unsafe_code, reason = "buffers that Python lends")]
mod buffer;
mod compressor;
mod decompressor;
mod description;
#[cfg(unix)]
mod enclave_event;
#[cfg(unix)]
mod enclave_session;
mod envelope;
mod envelope_header;
mod error;
mod event;
#[cfg(unix)]
mod image;
#[cfg(unix)]
mod image_tree;
#[cfg(unix)]
mod image_writer;
#[cfg(unix)]
mod insecure_enclave;
mod integer;
mod keys;
#[allow(unsafe_code, reason = "memory that becomes a bytes object")]
mod output;
mod policy;
mod random;
mod receipt;
mod session;
mod several;
mod statements;
mod stream;
mod text;
mod threads;
mod time;
#[cfg(unix)]
mod watch;

use pyo3::prelude::*;

#[pymodule]
mod _core {
    #[pymodule_export]
    use crate::account::Account;
    #[pymodule_export]
    use crate::attestation::{
        Certificate, ChainCache, TrustRoots, UnverifiedAttestation, VerifiedAttestation, inspect_document,
        verify_birth_document, verify_document,
    };
    #[pymodule_export]
    use crate::compressor::Compressor;
    #[pymodule_export]
    use crate::decompressor::ZstdDecompressor;
    #[pymodule_export]
    use crate::description::{IsolationLayer, RuntimeDescription, RuntimeLimits};
    #[cfg(unix)]
    #[pymodule_export]
    use crate::enclave_event::{CancelEvent, InputEndEvent, OpenEvent};
    #[cfg(unix)]
    #[pymodule_export]
    use crate::enclave_session::{EnclaveHandshake, EnclaveSession, IssuedReceipt};
    #[pymodule_export]
    use crate::envelope::{change_recipients, open, seal, seal_into, seal_version_one, sealed_size};
    #[pymodule_export]
    use crate::envelope_header::{EnvelopeHeader, Stanza, inspect_envelope, inspect_envelope_start};
    #[pymodule_export]
    use crate::event::{
        AccountKey, CloseEvent, CreditEvent, DataEvent, Description, EndEvent, ErrorEvent, LogEvent,
    };
    #[cfg(unix)]
    #[pymodule_export]
    use crate::image::{
        EnclaveImage, RamdiskEntry, SigningCertificate, read_image, read_ramdisk, read_ramdisk_files,
        section_sha256,
    };
    #[cfg(unix)]
    #[pymodule_export]
    use crate::image_tree::ImageTree;
    #[cfg(unix)]
    #[pymodule_export]
    use crate::image_writer::{ImageSigner, sign_image, write_image};
    #[cfg(unix)]
    #[pymodule_export]
    use crate::insecure_enclave::InsecureEnclave;
    #[pymodule_export]
    use crate::keys::{PrivateKey, PublicKey};
    #[pymodule_export]
    use crate::policy::{Policy, Release};
    #[pymodule_export]
    use crate::receipt::{
        ReceiptStatement, UnverifiedReceipt, VerifiedReceipt, inspect_receipt_file, verify_receipt_file,
    };
    #[pymodule_export]
    use crate::session::{ClientHandshake, ClientSession};
    #[pymodule_export]
    use crate::statements::{
        Manifest, RevocationList, TokenClaims, function_id, is_account_id, is_function_id, read_statement,
        verify_epoch_record, verify_name_claim, verify_request,
    };
    #[pymodule_export]
    use crate::stream::{RandomAccess, StreamOpener, StreamSealer, head_size, header_size, last_chunk_start};
}
