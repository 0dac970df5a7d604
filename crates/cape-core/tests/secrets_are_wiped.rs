//! Memory that held a secret is given back without it. What lay on a stack is not seen.

mod freed_blocks;

use std::sync::{Mutex, MutexGuard, OnceLock};

use cape_core::crypto::{Kem, KemPrivateKey, Secret, setup_receiver, setup_sender};
use cape_core::envelope::{Context, KeyType, PrivateKey, SealOptions, open, seal};
use cape_core::identity::{Account, Vault};
use freed_blocks::Looking;
use getrandom::SysRng;
use rand_core::UnwrapErr;

const SECRET: [u8; 32] = *b"\x91only those who may know it, non";
const KINDS: [KeyType; 2] = [KeyType::X25519, KeyType::XWing];

/// A part of each secret that is used here, as bytes and as the characters of its text.
static PARTS: OnceLock<Vec<[u8; 16]>> = OnceLock::new();

#[global_allocator]
static ALLOCATOR: Looking = Looking::at_blocks(holds_secret);

fn holds_secret(block: &[u8]) -> bool {
    let parts = PARTS.get().map_or(&[][..], Vec::as_slice);
    block.windows(16).any(|part| parts.iter().any(|secret| part == secret))
}

/// For a whole test: the count is of the whole process, and what a test prepares may free secrets too.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    let alone = ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    PARTS.get_or_init(parts);
    alone
}

/// How many blocks are freed with a part of a secret in them while `work` runs.
fn left_behind<T>(work: impl FnOnce() -> T) -> usize {
    ALLOCATOR.left_behind(work)
}

fn secret() -> Secret<32> {
    Secret::fill_with(|place| place.copy_from_slice(&SECRET))
}

fn account() -> Account {
    Account::from_seed(secret()).unwrap()
}

fn parts() -> Vec<[u8; 16]> {
    let mut parts = vec![*SECRET.first_chunk().unwrap(), of_text(&account().to_text())];
    parts.extend(KINDS.map(|kind| of_text(&PrivateKey::from_raw(kind, &SECRET).unwrap().to_text())));
    #[cfg(feature = "aws-lc")]
    parts.extend([of_rsa(&published_rsa()), of_text(&rsa_key().to_text())]);
    parts
}

/// The last part of a text that its checksum has nothing to do with.
fn of_text(text: &str) -> [u8; 16] {
    *text.as_bytes()[..text.len() - 6].last_chunk().unwrap()
}

#[test]
fn what_is_not_wiped_is_found() {
    let _alone = alone();
    assert_eq!(left_behind(|| SECRET.to_vec()), 1);
    assert_eq!(left_behind(|| account().to_text().to_string()), 1);
    for kind in KINDS {
        let text = || PrivateKey::from_raw(kind, &SECRET).unwrap().to_text().to_string();
        assert_eq!(left_behind(text), 1, "{kind:?}");
    }
}

#[test]
fn secrets() {
    let _alone = alone();
    assert_eq!(left_behind(secret), 0);
    assert_eq!(left_behind(|| KemPrivateKey::from_seed(Kem::XWing, secret())), 0);
}

#[test]
fn private_keys_and_their_texts() {
    let _alone = alone();
    for kind in KINDS {
        let read_again = || {
            let key = PrivateKey::from_raw(kind, &SECRET).unwrap();
            let text = key.to_text();
            (PrivateKey::from_text(&text).unwrap(), key)
        };
        assert_eq!(left_behind(read_again), 0, "{kind:?}");
    }
    assert_eq!(left_behind(|| Account::from_text(&account().to_text()).unwrap()), 0);
}

#[test]
fn the_vaults_secret() {
    let _alone = alone();
    assert_eq!(left_behind(|| Vault::new(secret())), 0);
}

#[test]
fn private_keys_in_use() {
    let _alone = alone();
    for kind in KINDS {
        let rng = &mut UnwrapErr(SysRng);
        let key = PrivateKey::from_raw(kind, &SECRET).unwrap();
        let recipients = [key.public_key()];
        let sealed = seal(b"x", &recipients, &Context::empty(), b"", SealOptions::default(), rng).unwrap();
        let opened = || open(&sealed, &[&key], b"").unwrap().plaintext;
        assert_eq!(left_behind(opened), 0, "{kind:?}");

        let kem = kind.kem().unwrap();
        let key = KemPrivateKey::from_seed(kem, secret());
        let (encapsulated, _) = setup_sender(&key.public_key().unwrap(), b"", rng).unwrap();
        assert_eq!(left_behind(|| setup_receiver(&key, &encapsulated, b"").unwrap()), 0, "{kind:?}");
    }
}

/// Without AWS-LC there are no RSA keys. AWS-LC's own memory is not this allocator's.
#[cfg(feature = "aws-lc")]
#[test]
fn rsa_keys_their_texts_and_their_use() {
    let _alone = alone();
    let pkcs8 = published_rsa();
    assert_eq!(left_behind(|| pkcs8.to_vec()), 1);
    assert_eq!(left_behind(|| rsa_key().to_text().to_string()), 1);

    let key = || PrivateKey::from_raw(KeyType::Rsa, &pkcs8).unwrap();
    assert_eq!(left_behind(key), 0);
    assert_eq!(left_behind(|| PrivateKey::from_text(&key().to_text()).unwrap()), 0);
    let rng = &mut UnwrapErr(SysRng);
    let own = key();
    let recipients = [own.public_key()];
    let sealed = seal(b"x", &recipients, &Context::empty(), b"", SealOptions::default(), rng).unwrap();
    assert_eq!(left_behind(|| open(&sealed, &[&key()], b"").unwrap().plaintext), 0);
}

#[cfg(feature = "aws-lc")]
fn rsa_key() -> PrivateKey {
    PrivateKey::from_raw(KeyType::Rsa, &published_rsa()).unwrap()
}

/// PKCS #8.
#[cfg(feature = "aws-lc")]
fn published_rsa() -> zeroize::Zeroizing<Vec<u8>> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/envelope2.json");
    let vectors: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let pkcs8 = vectors["keys"]["rsa"]["private_pkcs8"].as_str().unwrap();
    zeroize::Zeroizing::new(cape_core::encoding::hex::decode(pkcs8).unwrap())
}

/// A part that only its owner knows: the exponents and primes are the end of it.
#[cfg(feature = "aws-lc")]
fn of_rsa(pkcs8: &[u8]) -> [u8; 16] {
    pkcs8[pkcs8.len() - 200..][..16].try_into().unwrap()
}
