//! The keys of receipts, and receipts in files: a key has one encoding, and only what was signed with the key
//! that a document vouches for is verified.

use std::sync::LazyLock;

use cape_core::UnixTime;
use cape_core::attest::{Policy, TrustRoots};
use cape_core::crypto::sha256;
use cape_core::receipt::{Expectation, ReceiptFile, ReceiptKey, Statement};

use crate::vectors;

/// Bytes of a SubjectPublicKeyInfo.
const SPKI: usize = 120;

static VERIFIER: LazyLock<(TrustRoots, Policy, UnixTime)> = LazyLock::new(vectors::receipt_verifier);

pub(crate) fn check(input: &[u8]) {
    if let Ok(key) = ReceiptKey::from_spki(input) {
        assert_eq!(key.to_spki(), input);
        assert_eq!((input.len(), key.fingerprint()), (SPKI, sha256(&[input])));
    }
    let Ok(file) = ReceiptFile::parse(input) else { return };
    let (roots, policy, now) = &*VERIFIER;
    let claimed = file.inspect().statement;
    if file.verify(roots, policy, &Expectation::default(), *now).is_ok() {
        assert!(published().contains(&claimed), "nobody signed {claimed:?}");
    }
}

fn published() -> Vec<Statement> {
    let files = vectors::receipt_files();
    files.iter().map(|(file, _)| ReceiptFile::parse(file).expect("a file").inspect().statement).collect()
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let files = vectors::receipt_files().into_iter().map(|(file, _)| file);
    // The key stands in the file as it is.
    let key = |file: &Vec<u8>| {
        file.windows(SPKI).find(|part| ReceiptKey::from_spki(part).is_ok()).map(<[u8]>::to_vec)
    };
    files.flat_map(|file| [key(&file).expect("a key"), file]).collect()
}
