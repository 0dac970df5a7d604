//! `pycape._core`: the border between `cape-core` and Python. It converts, and decides nothing;
//! `error.rs` alone turns errors into exceptions, `buffer.rs` and `output.rs` alone are unsafe.

#![deny(unsafe_code)]
#![allow(missing_docs, reason = "Python's documentation is in python/pycape/_core.pyi")]

mod attestation;
#[allow(unsafe_code, reason = "buffers that Python lends")]
mod buffer;
mod description;
mod envelope;
mod error;
mod identity;
mod keys;
#[allow(unsafe_code, reason = "memory that becomes a bytes object")]
mod output;
mod random;
mod session;
mod time;

use pyo3::prelude::*;

#[pymodule]
mod _core {
    #[pymodule_export]
    use crate::attestation::{
        Certificate, ChainCache, Policy, Release, TrustRoots, UnverifiedAttestation, VerifiedAttestation,
        inspect_document, verify_birth_document, verify_document,
    };
    #[pymodule_export]
    use crate::description::{IsolationLayer, RuntimeDescription};
    #[pymodule_export]
    use crate::envelope::{EnvelopeHeader, Stanza, inspect_envelope, open, seal, seal_into, sealed_size};
    #[pymodule_export]
    use crate::identity::{
        Account, Manifest, RevocationList, TokenClaims, function_id, is_account_id, is_function_id,
        verify_epoch_record, verify_name_claim, verify_request,
    };
    #[pymodule_export]
    use crate::keys::{PrivateKey, PublicKey};
    #[pymodule_export]
    use crate::session::{
        AccountKey, ClientHandshake, ClientSession, CloseEvent, CreditEvent, DataEvent, Description,
        EndEvent, ErrorEvent, LogEvent,
    };
}
