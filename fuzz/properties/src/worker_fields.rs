//! The fields of a worker's frames, which are the function's claims: what is read and written again is read the
//! same.

// The runtime is a binary; this is its reader of what a function's process sends.
#[path = "../../../enclave-runtime/src/worker/fields.rs"]
mod reading;

use reading::{fields, texts};

pub(crate) fn check(input: &[u8]) {
    let Some(values) = texts(input) else { return };
    let written = fields(values.iter().map(String::as_str));
    assert_eq!(texts(&written).as_ref(), Some(&values));
    // What is not UTF-8 is replaced, and nothing else is changed.
    assert!(written == input || values.iter().any(|value| value.contains('\u{fffd}')));
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let seeds: [&[&str]; 4] =
        [&[], &["3.11"], &["seccomp", "", "landlock", "the kernel has none"], &["ü", "", "\0"]];
    seeds.map(|values| fields(values.iter().copied())).to_vec()
}
