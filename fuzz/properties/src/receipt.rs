//! Receipts, bare and in files: what is read has one encoding, which is what was read.

use cape_core::receipt::{Receipt, ReceiptFile};
use serde_cbor::Value;

use crate::vectors;

/// r and s, at the end of a receipt.
const SIGNATURE: usize = 96;

pub(crate) fn check(input: &[u8]) {
    if let Ok(file) = ReceiptFile::parse(input) {
        assert!(Receipt::parse(input).is_err(), "a file is no receipt");
        assert!(file.inspect().statement.started.as_millis() > 0);
        let parts: Value = serde_cbor::from_slice(input).expect("another library reads it");
        assert_eq!(serde_cbor::to_vec(&parts).expect("its parts"), input, "the deterministic form");
    }
    let Ok(receipt) = Receipt::parse(input) else { return };
    let statement = receipt.inspect().statement;
    let signature = input.last_chunk::<SIGNATURE>().expect("a receipt has a signature");
    let written = statement.sign(|_| Ok::<_, ()>(*signature)).expect("it is signed");
    assert_eq!(written, input, "the deterministic form");
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds: Vec<_> =
        vectors::receipt_files().into_iter().flat_map(|(file, receipt)| [receipt, file]).collect();
    let (file, _) = vectors::receipt_files().swap_remove(0);
    let of_indefinite_length = [&[0xbf], &file[1..], &[0xff]].concat();
    let of_a_longer_head = [&[0xb8, 4], &file[1..]].concat();
    let in_another_order = [&file[..1], &file[3..], &file[1..3]].concat();
    seeds.extend([of_indefinite_length, of_a_longer_head, in_another_order]);
    seeds
}
