//! The simulated module, its development PKI and the measurements, through the public API.

mod chain;
mod document;
mod limits;
mod measurement;
mod never_panics;
mod pki;
mod registers;
mod renewal;
mod support;
mod verification;
