//! The salts of a receipt, as a file of their own: what is read is written again, and read the same, and no
//! salt is shown by `Debug`.

use cape_core::session::Salts;

pub(crate) fn check(input: &[u8]) {
    let Ok(salts) = Salts::from_bytes(input) else { return };
    let written = salts.to_bytes();
    // Keys that a later version may have are passed over.
    assert!(written.len() <= input.len());
    assert!(Salts::from_bytes(&written) == Ok(salts));
    let others = Salts { input: [0; 32], output: salts.output.map(|_| [0; 32]) };
    assert_eq!(format!("{salts:?}"), format!("{others:?}"));
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let both = Salts { input: [1; 32], output: Some([2; 32]) }.to_bytes();
    let of_a_failure = Salts { input: [1; 32], output: None }.to_bytes();
    let mut of_a_later_version = both.clone();
    of_a_later_version[0] += 1;
    of_a_later_version.extend([9, 0xf6]);
    vec![both, of_a_failure, of_a_later_version]
}
