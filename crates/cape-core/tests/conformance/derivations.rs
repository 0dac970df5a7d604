//! What is computed from what, as far as the core tells it.

use cape_core::attest::Policy;
use cape_core::crypto::{Kem, Secret};
use cape_core::encoding::hex;
use cape_core::envelope::{KeyType, PrivateKey};
use cape_core::identity::{
    Account, AccountId, BlobKind, BlobName, Checksum, Manifest, OwnerSession, Signed, Vault,
};
use serde_json::Value;

use crate::files::{Vector, octets, read};

#[test]
fn each_gives_what_it_says() {
    for vector in read("derivations", 17) {
        let computed = compute(&vector);
        for (name, output) in computed {
            assert_eq!(output, vector.result(name), "{} of {}", name, vector.name);
        }
    }
}

/// Results, by the names of their steps.
fn compute(vector: &Vector) -> Vec<(&'static str, String)> {
    let inputs = vector.value("inputs");
    match vector.text("derives") {
        "account" => account(inputs),
        "account_key" => account_key(inputs),
        "blob" => blob(inputs, &vector.result("sealed")),
        "function" => function(inputs),
        "key_id" => key_id(inputs),
        "owner_session" => {
            let export = Secret::take(&mut octets(&inputs["export"]));
            let session = OwnerSession::new(&octets(&inputs["server_hello_sha384"]), &export);
            vec![("session", hex::encode(session.as_bytes())), ("text", session.to_string())]
        }
        "release_digest" => {
            let policy = Policy::from_toml(inputs["policy"].as_str().unwrap()).unwrap();
            vec![("digest", hex::encode(&policy.releases().next().unwrap().digest()))]
        }
        "vault_id" => vec![("vault_id", hex::encode(&vault(inputs).id()))],
        other => panic!("{other}"),
    }
}

fn account(inputs: &Value) -> Vec<(&'static str, String)> {
    let account = Account::from_seed(Secret::take(&mut octets(&inputs["seed"]))).unwrap();
    vec![
        ("public", hex::encode(account.id().as_bytes())),
        ("account_id", account.id().to_string()),
        ("private_text", account.to_text().to_string()),
    ]
}

fn function(inputs: &Value) -> Vec<(&'static str, String)> {
    let manifest = Signed::<Manifest>::read(inputs["manifest"].as_str().unwrap()).unwrap();
    vec![("checksum", manifest.checksum().to_string()), ("function_id", manifest.function_id().to_string())]
}

fn vault(inputs: &Value) -> Vault {
    Vault::new(Secret::take(&mut octets(&inputs["secret"])))
}

fn account_key(inputs: &Value) -> Vec<(&'static str, String)> {
    let kem = if inputs["kem"] == 0x0020 { Kem::X25519 } else { Kem::XWing };
    let account: AccountId = inputs["account"].as_str().unwrap().parse().unwrap();
    let epoch = inputs["epoch"].as_u64().unwrap().try_into().unwrap();
    let key = vault(inputs).account_key(kem, account, epoch);
    vec![
        ("private", hex::encode(key.seed().expose())),
        ("public", hex::encode(key.public_key().unwrap().as_bytes())),
    ]
}

/// The key is one with the vector's when what it sealed opens.
fn blob(inputs: &Value, sealed: &str) -> Vec<(&'static str, String)> {
    let kind = if inputs["kind"] == 1 { BlobKind::Bundle } else { BlobKind::Manifest };
    let name = BlobName { kind, function: Checksum::from_bytes(octets(&inputs["checksum"])) };
    let opened = vault(inputs).open_whole(name, &hex::decode(sealed).unwrap()).unwrap();
    assert_eq!(hex::encode(&opened), inputs["content"].as_str().unwrap());
    vec![("name", name.to_string())]
}

fn key_id(inputs: &Value) -> Vec<(&'static str, String)> {
    let key_type = if inputs["type"] == 0x0020 { KeyType::X25519 } else { KeyType::XWing };
    let private = hex::decode(inputs["private"].as_str().unwrap()).unwrap();
    let private = PrivateKey::from_raw(key_type, &private).unwrap();
    let public = private.public_key();
    vec![
        ("public", hex::encode(public.as_raw())),
        ("key_id", hex::encode(public.key_id().as_bytes())),
        ("fingerprint", public.fingerprint()),
        ("public_text", public.to_text()),
        ("private_text", private.to_text().to_string()),
    ]
}

impl Vector {
    /// The output of the step of that name.
    fn result(&self, name: &str) -> String {
        let steps = self.value("steps").as_array().unwrap();
        let step = steps.iter().find(|step| step["name"] == name).unwrap();
        step["output"].as_str().unwrap().to_owned()
    }
}
