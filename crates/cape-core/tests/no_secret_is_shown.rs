//! What is printed ends in logs: no type that can be printed shows a byte of a secret, raw, in
//! hexadecimal digits, in base64 or as a list of numbers.
//!
//! `tests/public_surface` holds the names below against all types that can be printed. Secrets
//! themselves (`Secret`, `KemPrivateKey`, `Account`, `Vault`, `Exporter`, both sides of a handshake and
//! of a payload) cannot be printed at all, and so appear nowhere.

use std::fmt::Debug;

use cape_core::UnixTime;
use cape_core::crypto::{Kem, KemPrivateKey, Secret};
use cape_core::encoding::{base64url, hex};
use cape_core::envelope::{KeyType, PrivateKey};
use cape_core::identity::{Account, Checksum, Credential, Signed, Token};
use cape_core::session::{CallId, ClientEvent, End, ErrorMessage, Open, Request, Salts, ServerEvent};
use cape_core::{ErrorCode, Randomness};
use getrandom::SysRng;
use rand_core::UnwrapErr;

const SECRET: [u8; 32] = *b"\x91only those who may know it, non";

/// They hold what is public, or what the enclave, the account or the person has said in the open.
#[rustfmt::skip]
const WITHOUT_SECRETS: &[&str] = &[
    "::ErrorCode", "::UnixTime",
    "attest::CertificateDefect", "attest::ChainCache", "attest::ChainCertificate", "attest::ChainDefect",
    "attest::DerDefect", "attest::Error", "attest::Expectation", "attest::ExpectedNonce", "attest::FormDefect", "attest::Freshness",
    "attest::Policy", "attest::PolicyError", "attest::PolicyFileError", "attest::Purpose", "attest::Release",
    "attest::SessionData", "attest::Trust", "attest::TrustRoots", "attest::TrustRootsError",
    "attest::Unverified", "attest::UserDataDefect", "attest::VaultBirth", "attest::VerifiedAttestation",
    // What KMS has encrypted for a key: without that key nothing of it is to be read.
    "cms::Defect", "cms::EnvelopedData",
    "cose::Defect", "crypto::HpkeError", "crypto::Kem",
    "encoding::cbor::Error", "encoding::cbor::Form", "encoding::cbor::Key",
    "envelope::Context", "envelope::Defect", "envelope::Error", "envelope::Header", "envelope::KeyId",
    "envelope::KeyType", "envelope::PublicKey", "envelope::RecipientChange", "envelope::SealOptions", "envelope::Stanza", "envelope::Suite",
    "envelope::Truncation", "envelope::UseRules",
    "identity::AccountId", "identity::Audience", "identity::BlobKind", "identity::BlobName",
    "identity::BrokenRule", "identity::Caller", "identity::Checksum", "identity::Egress",
    "identity::EpochRecord", "identity::Error", "identity::Form", "identity::FunctionId",
    "identity::Isolation", "identity::Manifest", "identity::NameClaim", "identity::Records",
    "identity::Request", "identity::RevocationList", "identity::RevocationNumbers",
    "identity::StatementType", "identity::Version",
    // What an owner proof signs: a hash that names the session, and no key to anything.
    "identity::OwnerProof", "identity::OwnerSession",
    // What a token says, without the signature that makes it one.
    "identity::Token",
    // A receipt is made to be handed on; the salts beside a verified one print themselves without a byte.
    "receipt::Error", "receipt::FileError", "receipt::FormDefect", "receipt::NotSigned", "receipt::Outcome",
    "receipt::ReceiptKey", "receipt::Statement", "receipt::Unverified", "receipt::VerifiedReceipt",
    "session::Answer", "session::Branch", "session::BranchError", "session::CallId", "session::ContentError",
    "session::DescribeAnswer", "session::Error", "session::FrameType", "session::IsolationLayer",
    "session::KeyAnswer", "session::KeyRequest", "session::Mode", "session::NotCompressed", "session::Offer", "session::OfferError",
    "session::Options", "session::PresentState", "session::Query", "session::QueryError", "session::Request",
    "session::RuntimeDescription", "session::RuntimeLimits", "session::SendError", "session::Suite",
    "session::Usage", "session::Violation", "session::binding::Branch", "session::binding::BranchError",
    // They keep their keys in `Secret`s, which cannot be printed, and print the suite and counts.
    "session::ClientSession", "session::ServerSession",
];

/// Checks that none of the secrets is in what `value` prints, in any notation.
fn assert_shows_nothing(name: &str, value: &dyn Debug, secrets: &[&[u8]]) {
    for printed in [format!("{value:?}"), format!("{value:#?}")] {
        let packed: String = printed.chars().filter(|symbol| !symbol.is_whitespace()).collect();
        for secret in secrets {
            for part in secret.chunks_exact(6) {
                for notation in notations(part) {
                    assert!(!packed.contains(&notation), "{name} shows {notation:?}: {printed}");
                }
            }
        }
    }
    assert!(!WITHOUT_SECRETS.contains(&name));
}

fn notations(bytes: &[u8]) -> Vec<String> {
    let numbers: Vec<_> = bytes.iter().map(u8::to_string).collect();
    let digits: Vec<_> = bytes.iter().map(|byte| format!("{byte:x}")).collect();
    let raw: String =
        String::from_utf8_lossy(bytes).chars().filter(|symbol| !symbol.is_whitespace()).collect();
    let mut notations = vec![
        hex::encode(bytes),
        hex::encode(bytes).to_uppercase(),
        base64url::encode(bytes),
        base64url::encode(bytes).replace('-', "+").replace('_', "/"),
        numbers.join(","),
        digits.join(","),
    ];
    // Too little of it can stand anywhere by chance.
    if raw.len() >= 5 {
        notations.push(raw);
    }
    notations
}

fn rng() -> impl Randomness {
    UnwrapErr(SysRng)
}

#[test]
fn the_notations_are_found() {
    assert!(std::panic::catch_unwind(|| assert_shows_nothing("x", &SECRET, &[&SECRET])).is_err());
    let text = hex::encode(&SECRET);
    assert!(std::panic::catch_unwind(|| assert_shows_nothing("x", &text, &[&SECRET])).is_err());
    assert_shows_nothing("x", &[0_u8; 32], &[&SECRET]);
}

#[test]
fn private_keys() {
    for kind in [KeyType::X25519, KeyType::XWing] {
        let key = PrivateKey::from_raw(kind, &SECRET).unwrap();
        assert_shows_nothing("envelope::PrivateKey", &key, &[&SECRET, key.to_text()[10..].as_bytes()]);
    }
}

#[cfg(feature = "aws-lc")]
#[test]
fn private_keys_of_rsa() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/envelope2.json");
    let vectors: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let pkcs8 = hex::decode(vectors["keys"]["rsa"]["private_pkcs8"].as_str().unwrap()).unwrap();
    let key = PrivateKey::from_raw(KeyType::Rsa, &pkcs8).unwrap();
    // The exponents and primes are the end of it.
    assert_shows_nothing("envelope::PrivateKey", &key, &[&pkcs8[pkcs8.len() - 512..]]);
}

#[test]
fn tokens() {
    let account = Account::generate(&mut rng()).unwrap();
    let now = UnixTime::from_seconds(1_790_000_000);
    let checksum = Checksum::from_bytes([7; 32]);
    let token = Token::new(account.id(), checksum, now, Token::DEFAULT_LIFETIME, &mut rng());
    let token = Signed::sign(token, &account).unwrap();
    let text = token.text().to_owned();
    let signature = text.rsplit('.').next().unwrap();
    let secrets = [signature.as_bytes(), &base64url::decode(signature.as_bytes()).unwrap()];
    assert_shows_nothing("identity::Signed", &token, &secrets);
    let credential = Credential::read(Some(&text), None).unwrap();
    assert_shows_nothing("identity::Credential", &credential, &secrets);
    let jws = cape_core::identity::Jws::verify(&text, cape_core::identity::StatementType::Token).unwrap();
    assert_shows_nothing("identity::Jws", &jws, &secrets);
}

#[test]
fn what_a_session_carries() {
    let call = CallId::new(1).unwrap();
    let text = "only those who may know this one".to_owned();
    let secrets: [&[u8]; 2] = [&SECRET, text.as_bytes()];
    let open = Open {
        token: Some(text.clone()),
        owner_proof: Some(text.clone()),
        input: Some(SECRET.to_vec()),
        statements: vec![text.clone()],
        ..Open::new(Request::Run { checksum: [7; 32] })
    };
    assert_shows_nothing("session::Open", &open, &secrets);
    let event = ServerEvent::Open { call, open: Box::new(open) };
    assert_shows_nothing("session::ServerEvent", &event, &secrets);
    assert_shows_nothing("session::ServerEvent", &ServerEvent::Data { call, bytes: &SECRET }, &secrets);

    let salts = Salts { input: SECRET, output: Some(SECRET) };
    assert_shows_nothing("session::Salts", &salts, &secrets);
    let end = End { output: SECRET.to_vec(), salts: Some(salts), ..End::default() };
    assert_shows_nothing("session::End", &end, &secrets);
    let event = ClientEvent::End { call, end: Box::new(end) };
    assert_shows_nothing("session::ClientEvent", &event, &secrets);
    assert_shows_nothing("session::ClientEvent", &ClientEvent::Data { call, bytes: &SECRET }, &secrets);
    assert_shows_nothing("session::ClientEvent", &ClientEvent::Log { call, bytes: &SECRET }, &secrets);
    let error = ErrorMessage { salts: Some(salts), ..ErrorMessage::new(ErrorCode::Overloaded, text.clone()) };
    let error = error.with_detail("traceback", text.clone());
    assert_shows_nothing("session::ErrorMessage", &error, &secrets);
}

#[test]
fn errors_about_secrets() {
    // What is wrong with a key is said without the key.
    let raw = [&SECRET[..], b"more"].concat();
    for kind in [KeyType::X25519, KeyType::XWing, KeyType::Rsa] {
        let error = PrivateKey::from_raw(kind, &raw).err().unwrap();
        assert_shows_nothing("an error", &(error.to_string(), &error), &[&SECRET]);
    }
    let key = KemPrivateKey::from_seed(Kem::X25519, Secret::take(&mut { SECRET }));
    let text = PrivateKey::from_kem(key).unwrap().to_text();
    let error = PrivateKey::from_text(&text[..text.len() - 1]).err().unwrap();
    assert_shows_nothing("an error", &(error.to_string(), &error), &[&SECRET, &text.as_bytes()[10..]]);
    let error = Account::from_text(&text).err().unwrap();
    assert_shows_nothing("an error", &(error.to_string(), &error), &[&SECRET, &text.as_bytes()[10..]]);
}
