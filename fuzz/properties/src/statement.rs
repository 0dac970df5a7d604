//! What an account signs, by kind: its payload is anything, its signature holds.

use std::sync::LazyLock;

use aws_lc_rs::signature::Ed25519KeyPair;
use cape_core::UnixTime;
use cape_core::crypto::Secret;
use cape_core::encoding::base64url;
use cape_core::identity::{
    Account, AccountId, Checksum, EpochRecord, Manifest, NameClaim, OwnerProof, OwnerSession, Request,
    RevocationList, Signed, Statement, StatementType, Token, Version,
};
use serde_json::Value;

use crate::random::Scripted;
use crate::vectors;

static SIGNER: LazyLock<Ed25519KeyPair> =
    LazyLock::new(|| Ed25519KeyPair::from_seed_unchecked(&vectors::account_seed()).expect("a key"));
static ACCOUNT: LazyLock<Account> =
    LazyLock::new(|| Account::from_seed(Secret::take(&mut vectors::account_seed())).expect("an account"));

/// The first byte says which type, the rest is the payload.
pub(crate) fn check(input: &[u8]) {
    let Some((&kind, payload)) = input.split_first() else { return };
    let Some(kind) = StatementType::ALL.get(usize::from(kind)) else { return };
    let text = signed(*kind, payload);
    match kind {
        StatementType::Epoch => check_statement::<EpochRecord>(&text, payload),
        StatementType::Manifest => check_statement::<Manifest>(&text, payload),
        StatementType::Name => check_statement::<NameClaim>(&text, payload),
        StatementType::Owner => check_statement::<OwnerProof>(&text, payload),
        StatementType::Request => check_statement::<Request>(&text, payload),
        StatementType::Revocations => check_statement::<RevocationList>(&text, payload),
        StatementType::Token => check_statement::<Token>(&text, payload),
    }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds: Vec<_> = examples().map(|(kind, text)| seed(kind, &text)).collect();
    seeds.push(seed(StatementType::Manifest, vectors::statement("manifest")));
    seeds.push(seed(StatementType::Token, vectors::statement("token")));
    seeds
}

fn seed(kind: StatementType, text: &str) -> Vec<u8> {
    let number = StatementType::ALL.iter().position(|known| *known == kind).expect("a type");
    let payload = text.split('.').nth(1).expect("a payload");
    [&[number as u8], base64url::decode(payload.as_bytes()).expect("base64url").as_slice()].concat()
}

/// One statement of each type that has no published vector.
pub(crate) fn examples() -> impl Iterator<Item = (StatementType, String)> {
    let (v, account, now) = (Version, ACCOUNT.id(), UnixTime::from_seconds(1_790_000_000));
    let mut revocations = RevocationList::new(account, 7, now);
    revocations.jtis.push("a1".to_owned());
    revocations.checksums.push(Checksum::from_bytes([7; 32]));
    [
        text_of(EpochRecord { v, account, epoch: 1 }),
        text_of(NameClaim { v, account, name: "alice".to_owned() }),
        text_of(OwnerProof::new(account, OwnerSession::from_bytes([7; 32]))),
        text_of(Request::new(account, "GET", "/v2/functions", now, &mut Scripted::new(Vec::new()))),
        text_of(revocations),
    ]
    .into_iter()
}

fn text_of<T: Statement>(statement: T) -> (StatementType, String) {
    (T::TYPE, Signed::sign(statement, &ACCOUNT).expect("a statement that keeps the rules").text().to_owned())
}

fn signed(kind: StatementType, payload: &[u8]) -> String {
    let header = base64url::encode(format!(r#"{{"alg":"EdDSA","typ":"{kind}"}}"#).as_bytes());
    let signed = format!("{header}.{}", base64url::encode(payload));
    format!("{signed}.{}", base64url::encode(SIGNER.sign(signed.as_bytes()).as_ref()))
}

fn check_statement<T: Statement>(text: &str, payload: &[u8]) {
    let Ok(statement) = Signed::<T>::read(text) else { return };
    let account: AccountId = ACCOUNT.id();
    assert_eq!((statement.account(), statement.text(), statement.payload()), (account, text, payload));
    let value = value_of(&*statement);
    let foreign: Value = serde_json::from_slice(payload).expect("a second opinion");
    let (Value::Object(ours), Value::Object(foreign)) = (&value, &foreign) else {
        panic!("a statement is an object");
    };
    // What is written besides are members that may be left out.
    assert!(foreign.iter().all(|(name, member)| ours.get(name) == Some(member)), "{ours:?} {foreign:?}");
    let again = Signed::sign(statement.into_inner(), &ACCOUNT).expect("what is read can be signed");
    let again = Signed::<T>::read(again.text()).expect("and is read again");
    assert_eq!(value_of(&*again), value);
}

fn value_of<T: Statement>(statement: &T) -> Value {
    serde_json::to_value(statement).expect("a statement is JSON")
}
