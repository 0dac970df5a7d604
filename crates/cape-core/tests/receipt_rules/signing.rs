use core::num::NonZeroU64;

use cape_core::UnixTime;
use cape_core::identity::Checksum;
use cape_core::receipt::{Outcome, Receipt, Statement};
use proptest::prelude::*;

use crate::forge::{ENCLAVE, Forge};

fn sign(statement: &Statement) -> Vec<u8> {
    let signed = statement.sign(|message| {
        ENCLAVE.key.sign_fixed(message).try_into().map_err(|_| "a signature of another length")
    });
    signed.unwrap()
}

fn statements() -> impl Strategy<Value = Statement> {
    let outcome = prop_oneof![
        any::<[u8; 32]>().prop_map(|output_digest| Outcome::Succeeded { output_digest }),
        "[A-Z][A-Za-z]{0,63}".prop_map(|error| Outcome::Failed { error }),
    ];
    let digests = (any::<[u8; 32]>(), any::<[u8; 32]>(), any::<Option<[u8; 32]>>(), any::<[u8; 32]>());
    let numbers = (1_u64..253_402_300_800_000, any::<u64>(), 1_u64..);
    (digests, outcome, numbers, any::<Option<[u8; 32]>>(), any::<[[u8; 24]; 2]>()).prop_map(
        |((function, input_digest, ciphertext_digest, session), outcome, numbers, call_nonce, halves)| {
            let (started, duration_us, sequence) = numbers;
            Statement {
                function: Checksum::from_bytes(function),
                input_digest,
                ciphertext_digest,
                outcome,
                started: UnixTime::from_millis(started),
                duration_us,
                call_nonce,
                sequence: NonZeroU64::new(sequence).unwrap(),
                session,
                document_sha384: halves.concat().try_into().unwrap(),
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_signed_is_read_again(statement in statements()) {
        prop_assert_eq!(Receipt::parse(&sign(&statement)).unwrap().inspect().statement, statement);
    }
}

#[test]
fn a_receipt_is_written_as_it_is_forged() {
    let forged = Forge::new().receipt();
    let statement = Receipt::parse(&forged).unwrap().inspect().statement;
    // All but the signature, which is another each time.
    assert_eq!(sign(&statement)[..forged.len() - 96], forged[..forged.len() - 96]);
}

#[test]
fn a_key_that_does_not_sign_makes_no_receipt() {
    let statement = Receipt::parse(&Forge::new().receipt()).unwrap().inspect().statement;
    assert_eq!(statement.sign(|_| Err::<[u8; 96], _>("no")), Err("no"));
}
