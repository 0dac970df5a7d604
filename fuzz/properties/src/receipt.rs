//! Receipts, bare and in files: what is read has one encoding, which is what was read.

use cape_core::receipt::{Receipt, ReceiptFile};

use crate::vectors;

/// r and s, at the end of a receipt.
const SIGNATURE: usize = 96;

pub(crate) fn check(input: &[u8]) {
    if let Ok(file) = ReceiptFile::parse(input) {
        assert!(Receipt::parse(input).is_err(), "a file is no receipt");
        assert!(file.inspect().statement.started.as_millis() > 0);
    }
    let Ok(receipt) = Receipt::parse(input) else { return };
    let statement = receipt.inspect().statement;
    let signature = input.last_chunk::<SIGNATURE>().expect("a receipt has a signature");
    let written = statement.sign(|_| Ok::<_, ()>(*signature)).expect("it is signed");
    assert_eq!(written, input, "the deterministic form");
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    vectors::receipt_files().into_iter().flat_map(|(file, receipt)| [receipt, file]).collect()
}
