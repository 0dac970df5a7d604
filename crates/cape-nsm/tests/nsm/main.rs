//! The simulated module, its development PKI and the measurements, through the public API.

mod chain;
mod document;
mod limits;
mod measurement;
mod never_panics;
mod no_secret_is_shown;
mod pki;
mod registers;
mod renewal;
mod support;
mod verification;
