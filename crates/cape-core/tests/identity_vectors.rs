//! Statements and derivations made by an independent implementation of `docs/spec/trust.md`.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

use cape_core::UnixTime;
use cape_core::crypto::{Kem, Secret, sha384};
use cape_core::encoding::hex;
use cape_core::identity::{
    Account, BlobKind, BlobName, Manifest, OwnerProof, OwnerSession, Signed, Token, Vault,
};
use serde_json::Value;

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../../tests/vectors/session2.json")).unwrap()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap()
}

fn secret(digits: &str) -> Secret<32> {
    Secret::take(&mut hex::decode_array(digits).unwrap())
}

#[test]
fn the_account_and_what_it_signed() {
    let statements = &vectors()["statements"];
    let account = Account::from_seed(secret(text(statements, "account_seed"))).unwrap();
    assert_eq!(account.id().to_string(), text(statements, "account_id"));
    assert_eq!(hex::encode(account.id().as_bytes()), text(statements, "account_public"));

    let manifest = Signed::<Manifest>::read(text(statements, "manifest")).unwrap();
    assert_eq!(manifest.account, account.id());
    assert_eq!(manifest.checksum().to_string(), text(statements, "checksum"));
    assert_eq!(manifest.function_id().to_string(), text(statements, "function_id"));

    let token = Signed::<Token>::read(text(statements, "token")).unwrap();
    assert_eq!(token.verify(&manifest, token.issued_at), Ok(()));
    assert!(token.verify(&manifest, token.expires).is_err());
    assert!(token.verify(&manifest, UnixTime::from_millis(token.expires.as_millis() - 1)).is_ok());
}

#[test]
fn what_follows_from_the_vaults_secret() {
    let statements = &vectors()["statements"];
    let account = Account::from_seed(secret(text(statements, "account_seed"))).unwrap().id();
    let vault = Vault::new(secret(text(statements, "vault_secret")));
    assert_eq!(hex::encode(&vault.id()), text(statements, "vault_id"));
    for (name, expected) in statements["account_keys"].as_object().unwrap() {
        let kem = if name.starts_with("0x0020") { Kem::X25519 } else { Kem::XWing };
        let epoch = name.rsplit(' ').next().unwrap().parse().unwrap();
        let key = vault.account_key(kem, account, epoch);
        assert_eq!(hex::encode(key.seed().expose()), expected.as_str().unwrap(), "{name}");
    }
    let manifest = Signed::<Manifest>::read(text(statements, "manifest")).unwrap();
    let name = BlobName { kind: BlobKind::Bundle, function: manifest.checksum() };
    assert_eq!(name.to_string(), format!("01{}", manifest.checksum()));
}

#[test]
fn owner_proofs_of_the_handshakes() {
    let vectors = vectors();
    let account = Account::from_seed(secret(text(&vectors["statements"], "account_seed"))).unwrap();
    for handshake in vectors["handshakes"].as_array().unwrap() {
        let proof = Signed::<OwnerProof>::read(text(handshake, "owner_proof")).unwrap();
        let hello = hex::decode(text(handshake, "server_hello")).unwrap();
        let export = secret(text(&handshake["exports"], "cape/2 owner"));
        let session = OwnerSession::new(&sha384(&[&hello]), &export);
        assert_eq!(proof.verify(account.id(), &session), Ok(()));
        assert!(proof.verify(account.id(), &OwnerSession::from_bytes([0; 32])).is_err());
        assert_eq!(proof.session, session);
        assert_eq!(session.to_string().len(), 43);
    }
}
