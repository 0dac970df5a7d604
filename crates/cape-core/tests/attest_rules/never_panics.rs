use cape_core::attest::{Document, Policy, TrustRoots};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::document::{Forge, bytes, signed};
use crate::verifier::Verifier;

/// Reads and judges; what is accepted, others accept too ([`Verifier::judge`]).
fn judged(document: &[u8]) -> bool {
    let _ = Document::parse(document).map(|document| document.inspect());
    Verifier::of(&Forge::new()).judge(document).is_ok()
}

fn change(bytes: &mut [u8], changes: &[(usize, u8)]) {
    for (position, byte) in changes {
        let position = position % bytes.len();
        bytes[position] = *byte;
    }
}

fn changes() -> impl Strategy<Value = Vec<(usize, u8)>> {
    vec((any::<usize>(), any::<u8>()), 1..4)
}

proptest! {
    #[test]
    fn on_any_bytes(bytes in vec(any::<u8>(), 0..300)) {
        prop_assert!(!judged(&bytes));
        let forge = Forge::new();
        prop_assert!(!judged(&signed(&bytes, forge.chain.leaf_key())));
    }

    #[test]
    fn and_nothing_altered_is_accepted(changes in changes()) {
        let document = Forge::new().document();
        let mut altered = document.clone();
        change(&mut altered, &changes);
        prop_assert_eq!(judged(&altered), altered == document);
    }

    #[test]
    fn on_payloads_that_are_altered_and_signed(changes in changes()) {
        let forge = Forge::new();
        let mut payload = forge.payload();
        change(&mut payload, &changes);
        judged(&signed(&payload, forge.chain.leaf_key()));
    }

    #[test]
    fn on_certificates_that_are_altered_and_signed(level in 1_usize..5, changes in changes()) {
        let mut forge = Forge::new();
        let mut to_be_signed = forge.chain.certificates[level].to_be_signed();
        change(&mut to_be_signed, &changes);
        let signature = forge.chain.keys[level - 1].sign(&to_be_signed);
        let certificate = crate::x509::certificate(&to_be_signed, &signature);
        let mut certificates = forge.certificates.clone();
        certificates[level] = certificate;
        forge = Forge::issued(forge.chain, certificates);
        let _ = Verifier::of(&forge).judge(&forge.document());
    }

    #[test]
    fn on_roots_and_policies(root in vec(any::<u8>(), 0..300), policy in "\\PC{0,200}", pins in "[a-z0-9_=\"\\[\\]\n -]{0,200}") {
        if let Ok(roots) = TrustRoots::development(vec![root.clone()]) {
            let mut forge = Forge::new();
            forge.certificates[0] = root;
            let bundle = forge.certificates[..4].to_vec();
            forge.set("cabundle", crate::document::array(&bundle));
            let document = forge.document();
            let verifier = Verifier::of(&Forge::new());
            let document = Document::parse(&document).unwrap();
            let _ = document.verify(&roots, &verifier.policy, &verifier.expectation, verifier.now, None);
        }
        let _ = Policy::from_toml(&policy);
        let _ = Policy::from_toml(&format!("[[release]]\n{pins}"));
    }

    #[test]
    fn on_user_data(data in vec(any::<u8>(), 0..200)) {
        judged(&Forge::with(|forge| forge.set("user_data", bytes(&data))));
    }
}
