//! tests/vectors/receipts, made by another implementation: one defect a file, or none.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use cape_core::UnixTime;
use cape_core::attest::{Policy, Release, TrustRoots};
use cape_core::encoding::hex;
use cape_core::identity::Checksum;
use cape_core::receipt::{Error, Expectation, ExpectedInput, ExpectedOutcome, FileError, ReceiptFile};
use cape_core::session::Salts;
use serde_json::Value;

fn octets(value: &Value) -> Option<Vec<u8>> {
    value.as_str().map(|text| hex::decode(text).unwrap())
}

fn array<const N: usize>(value: &Value) -> Option<[u8; N]> {
    octets(value).map(|bytes| bytes.try_into().unwrap())
}

fn read_salts(bytes: &[u8]) -> Result<Salts, FileError> {
    Salts::from_bytes(bytes).map_err(|error| FileError::Receipt(Error::from(error)))
}

fn judge(case: &Value) -> Result<(), FileError> {
    let pcrs: BTreeMap<_, _> = case["pcrs"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(index, value)| (index.parse().unwrap(), array(value).unwrap()))
        .collect();
    let release = Release { name: "one".into(), pcrs, vault: array(&case["vault"]), not_after: None };
    let asked = &case["asked"];
    let (input, output) = (octets(&asked["input"]), octets(&asked["output"]));
    let expectation = Expectation {
        function: array(&asked["checksum"]).map(Checksum::from_bytes),
        session: array(&asked["session"]),
        call_nonce: array(&asked["call_nonce"]),
        after: asked["after"].as_u64(),
        input: input.as_deref().map(ExpectedInput::sent_or_given),
        outcome: output.as_deref().map(ExpectedOutcome::Output),
        salts: octets(&asked["salts"]).map(|salts| read_salts(&salts)).transpose()?,
    };
    let file = octets(&case["file"]).unwrap();
    let roots = TrustRoots::development(vec![octets(&case["trust_root"]).unwrap()]).unwrap();
    let now = UnixTime::from_millis(case["now_ms"].as_u64().unwrap());
    ReceiptFile::parse(&file)
        .map_err(FileError::Receipt)?
        .verify(&roots, &Policy::new(vec![release]).unwrap(), &expectation, now)
        .map(drop)
}

#[test]
fn all_of_them() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/receipts");
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let case: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let (error, reason) = match judge(&case) {
            Ok(()) => (None, None),
            Err(FileError::Receipt(error)) => (Some(error.code()), Some(Error::reason(&error))),
            Err(error) => (Some(error.code()), None),
        };
        assert_eq!(error.map(|code| code.name()), case["error"].as_str(), "{}", path.display());
        assert_eq!(reason, case["reason"].as_str(), "{}", path.display());
        count += 1;
    }
    assert_eq!(count, 144);
}
