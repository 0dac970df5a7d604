//! The text of a statement: what is taken is what was signed, of that type and no other.

use cape_core::identity::{Credential, Jws, Records, StatementType};
use serde_json::Value;

use crate::vectors;

pub(crate) fn check(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    let taken: Vec<_> = StatementType::ALL.iter().filter_map(|kind| Jws::verify(text, *kind).ok()).collect();
    assert!(taken.len() <= 1, "a statement is of one type");
    for jws in taken {
        assert_eq!(jws.text(), text);
        let payload: Value = serde_json::from_slice(jws.payload()).expect("a second opinion");
        let account = payload.get("account").or(payload.get("iss")).and_then(Value::as_str);
        assert_eq!(account, Some(jws.account().to_string().as_str()));
    }
    let _ = Credential::read(Some(text), None);
    let _ = Credential::read(None, Some(text));
    let _ = Records::read([text, text]);
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = ["manifest", "token"].map(|name| vectors::statement(name).as_bytes().to_vec()).to_vec();
    seeds.extend(crate::statement::examples().map(|(_, text)| text.into_bytes()));
    seeds
}
