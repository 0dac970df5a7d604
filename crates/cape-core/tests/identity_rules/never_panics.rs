use cape_core::identity::{
    Account, AccountId, Checksum, EpochRecord, FunctionId, Manifest, NameClaim, OwnerProof, OwnerSession,
    Records, Request, RevocationList, Signed, StatementType, Token,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::forge::{manifest_payload, statement, token_payload};

fn read(text: &str) {
    let _ = Signed::<EpochRecord>::read(text);
    let _ = Signed::<Manifest>::read(text);
    let _ = Signed::<NameClaim>::read(text);
    let _ = Signed::<OwnerProof>::read(text);
    let _ = Signed::<Request>::read(text);
    let _ = Signed::<RevocationList>::read(text);
    let _ = Signed::<Token>::read(text);
    let _ = Records::read([text]);
}

proptest! {
    #[test]
    fn on_any_text(text in "\\PC{0,200}", parts in vec("[A-Za-z0-9_=-]{0,80}", 0..5)) {
        read(&text);
        read(&parts.join("."));
        let _ = text.parse::<AccountId>();
        let _ = text.parse::<Checksum>();
        let _ = text.parse::<FunctionId>();
        let _ = text.parse::<OwnerSession>();
        let _ = Account::from_text(&text);
    }

    #[test]
    fn on_any_payload_that_is_signed(payload in "\\PC{0,200}", kind in 0..StatementType::ALL.len()) {
        read(&statement(StatementType::ALL[kind].as_str(), &payload));
    }

    #[test]
    fn on_payloads_that_are_altered_and_signed(at: usize, character: char, manifest: bool) {
        let (typ, payload) = match manifest {
            true => ("cape-manifest+jws", manifest_payload().to_string()),
            false => ("cape-token+jwt", token_payload().to_string()),
        };
        let mut characters: Vec<char> = payload.chars().collect();
        let at = at % characters.len();
        characters[at] = character;
        read(&statement(typ, &characters.into_iter().collect::<String>()));
    }

    #[test]
    fn and_nothing_altered_is_read(at: usize, character: char) {
        let text = statement("cape-token+jwt", &token_payload().to_string());
        let mut characters: Vec<char> = text.chars().collect();
        let at = at % characters.len();
        characters[at] = character;
        let altered: String = characters.into_iter().collect();
        read(&altered);
        prop_assert_eq!(Signed::<Token>::read(&altered).is_ok(), altered == text);
    }
}
