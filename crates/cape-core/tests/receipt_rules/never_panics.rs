use cape_core::receipt::{Expectation, Receipt, ReceiptFile};
use proptest::prelude::*;

use crate::forge::{ENCLAVE, Forge};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn on_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        prop_assert!(Receipt::parse(&bytes).is_err());
        prop_assert!(ReceiptFile::parse(&bytes).is_err());
    }

    #[test]
    fn on_a_receipt_with_a_part_replaced(
        start in 0_usize..400,
        with in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let genuine = Forge::new().receipt();
        let mut receipt = genuine.clone();
        let start = start.min(receipt.len());
        let end = (start + with.len()).min(receipt.len());
        receipt.splice(start..end, with);
        prop_assert_eq!(ENCLAVE.judge(&receipt, &Expectation::default()).is_ok(), receipt == genuine);
    }
}
