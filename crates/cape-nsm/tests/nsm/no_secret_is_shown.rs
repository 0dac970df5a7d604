//! What is printed ends in logs: the bytes that a module draws, and the development root's key, are not in
//! it. `cape-core`'s `tests/public_surface` holds the names below against all types that can be printed.

use cape_nsm::messages::{Request, Response};
use cape_nsm::{Nsm, Pki};

use crate::support::{Folder, START, module};

/// They hold what is public: measurements, documents, and what is asked of a module.
const WITHOUT_SECRETS: &[&str] = &[
    "::AttestationFields",
    "::Device",
    "::Error",
    "::MeasuredFiles",
    "::MeasurementError",
    "::Measurements",
    "::PkiError",
    "messages::Description",
    "messages::Digest",
    "messages::Register",
    "messages::Request",
];

#[test]
fn random_bytes() {
    let (nsm, _) = module();
    let response = nsm.exchange(&serde_cbor::to_vec(&Request::GetRandom).unwrap()).unwrap();
    let response: Response = serde_cbor::from_slice(&response).unwrap();
    assert_shows("messages::Response", &response, "GetRandom { random: RandomBytes(256 bytes) }");
    let Response::GetRandom { random } = response else { panic!("another response") };
    assert_shows("messages::RandomBytes", &random, "RandomBytes(256 bytes)");
    assert_ne!(random.into_bytes(), [0; 256]);
}

#[test]
fn a_root_with_its_key_and_a_module_with_its_own() {
    let folder = Folder::new();
    let directory = folder.join("nsm");
    let pki = Pki::create(&directory, START).unwrap();
    assert_shows("::Pki", &pki, &format!("Pki {{ directory: {directory:?}, .. }}"));
    assert_shows("::SimulatedNsm", &module().0, "SimulatedNsm { .. }");
}

fn assert_shows(name: &str, value: &dyn core::fmt::Debug, expected: &str) {
    assert_eq!(format!("{value:?}"), expected, "{name}");
    assert!(!WITHOUT_SECRETS.contains(&name));
}
