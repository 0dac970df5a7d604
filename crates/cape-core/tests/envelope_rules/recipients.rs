use cape_core::ErrorCode;
use cape_core::envelope::{Context, Error, PrivateKey, SealOptions, open, seal};

use super::forge::{Forge, PLAINTEXT, key, rng, stanza, xwing_key};

fn opened(sealed: &[u8], keys: &[&PrivateKey]) -> Result<Vec<u8>, Error> {
    open(sealed, keys, b"").map(|opened| opened.plaintext)
}

fn anonymous_for(keys: &[&PrivateKey]) -> Vec<u8> {
    let recipients: Vec<_> = keys.iter().map(|key| key.public_key()).collect();
    let options = SealOptions { anonymous: true, ..SealOptions::default() };
    seal(PLAINTEXT, &recipients, &Context::empty(), b"", options, &mut rng()).unwrap()
}

#[test]
fn a_key_that_is_no_recipients() {
    let sealed = Forge::new().sealed();
    let nobody = Error::NotARecipient { recipients: 1 };
    assert_eq!(opened(&sealed, &[&key(2), &xwing_key(1)]), Err(nobody.clone()));
    assert_eq!(opened(&sealed, &[]), Err(nobody.clone()));
    assert_eq!(nobody.code(), ErrorCode::DecryptFailed);
    assert_eq!(opened(&sealed, &[&key(2), &key(1)]), Ok(PLAINTEXT.to_vec()));
}

#[test]
fn unknown_stanzas_are_skipped() {
    let around = |forge: &mut Forge| {
        forge.stanzas.insert(0, stanza(0x7777, *key(1).public_key().key_id().as_bytes(), b"x"));
        forge.stanzas.push(stanza(0x7778, [0; 8], b""));
    };
    assert_eq!(opened(&Forge::with(around), &[&key(1)]), Ok(PLAINTEXT.to_vec()));
    let alone = |forge: &mut Forge| forge.stanzas = vec![stanza(0x7777, [1; 8], &[0; 80])];
    assert_eq!(opened(&Forge::with(alone), &[&key(1)]), Err(Error::NotARecipient { recipients: 1 }));
}

#[test]
fn a_stanza_with_the_key_id_of_another_key() {
    let misnamed = |forge: &mut Forge| {
        forge.stanzas = vec![forge.stanza_named(&key(2), *key(1).public_key().key_id().as_bytes())];
    };
    assert_eq!(opened(&Forge::with(misnamed), &[&key(1)]), Err(Error::DecryptFailed));
    assert_eq!(opened(&Forge::with(misnamed), &[&key(2)]), Err(Error::NotARecipient { recipients: 1 }));
}

#[test]
fn a_stanza_that_does_not_open_leaves_the_others() {
    let damaged = |forge: &mut Forge| {
        forge.stanzas[0][50] ^= 1;
        forge.stanzas.push(forge.anonymous_stanza_for(&key(1)));
        forge.stanzas.push(forge.stanza_for(&key(2)));
    };
    assert_eq!(opened(&Forge::with(damaged), &[&key(1)]), Ok(PLAINTEXT.to_vec()));
    assert_eq!(opened(&Forge::with(damaged), &[&key(1), &key(2)]), Ok(PLAINTEXT.to_vec()));
}

#[test]
fn anonymous_recipients_tell_no_key_id_and_open() {
    let (one, two) = (key(1), xwing_key(2));
    let sealed = anonymous_for(&[&one, &two]);
    let header = cape_core::envelope::inspect(&sealed).unwrap();
    assert!(header.stanzas.iter().all(|stanza| stanza.key_id.is_anonymous()));
    for key in [&one, &two] {
        assert_eq!(opened(&sealed, &[key]), Ok(PLAINTEXT.to_vec()));
    }
    assert_eq!(opened(&sealed, &[&key(3)]), Err(Error::DecryptFailed));
}

#[test]
fn keys_of_another_kind_are_no_trial_of_an_anonymous_stanza() {
    let sealed = anonymous_for(&[&key(1)]);
    let others: Vec<_> = (1..9).map(xwing_key).collect();
    let mut keys: Vec<_> = others.iter().collect();
    assert_eq!(opened(&sealed, &keys), Err(Error::NotARecipient { recipients: 1 }));
    let key = key(1);
    keys.push(&key);
    assert_eq!(opened(&sealed, &keys), Ok(PLAINTEXT.to_vec()));
}

#[test]
fn four_trials_and_no_more() {
    let [wrong2, wrong3, wrong4, wrong5, right] = [2, 3, 4, 5, 1].map(key);
    let one = anonymous_for(&[&right]);
    assert_eq!(opened(&one, &[&wrong2, &wrong3, &wrong4, &right]), Ok(PLAINTEXT.to_vec()));
    assert_eq!(opened(&one, &[&wrong2, &wrong3, &wrong4, &wrong5, &right]), Err(Error::DecryptFailed));

    let four = anonymous_for(&[&wrong2, &wrong3, &wrong4, &right]);
    assert_eq!(opened(&four, &[&right, &wrong5]), Ok(PLAINTEXT.to_vec()));
    assert_eq!(opened(&four, &[&wrong5, &right]), Err(Error::DecryptFailed));
}
