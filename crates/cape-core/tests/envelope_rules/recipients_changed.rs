use cape_core::ErrorCode;
use cape_core::envelope::{
    Context, Defect, Error, KeyId, PrivateKey, PublicKey, RecipientChange, SealOptions, change_header,
    change_recipients, header_length, inspect, open, seal,
};

use super::forge::{Forge, PLAINTEXT, key, rng, stanza, to_text, xwing_key};

/// The whole envelope with other recipients, its payload as it was.
fn changed(sealed: &[u8], key: &PrivateKey, change: RecipientChange<'_>) -> Result<Vec<u8>, Error> {
    let header = change_header(sealed, &[key], change, &mut rng())?;
    let payload = &sealed[header_length(sealed)?..];
    assert_eq!(header_length(&header), Ok(header.len()));
    Ok([&header[..], payload].concat())
}

fn add<'a>(add: &'a [&'a PublicKey]) -> RecipientChange<'a> {
    RecipientChange { add, ..RecipientChange::default() }
}

fn remove(remove: &[KeyId]) -> RecipientChange<'_> {
    RecipientChange { remove, ..RecipientChange::default() }
}

fn refused(defect: Defect) -> Error {
    let error = Error::ChangeRefused(defect);
    assert_eq!(error.code(), ErrorCode::CryptoError);
    error
}

fn opens(sealed: &[u8], key: &PrivateKey) -> bool {
    match open(sealed, &[key], b"aad") {
        Ok(opened) => opened.plaintext == PLAINTEXT && opened.context.get("a") == Some(b"1"),
        Err(Error::NotARecipient { .. }) => false,
        Err(error) => panic!("{error}"),
    }
}

fn sealed_for(keys: &[&PrivateKey], options: SealOptions) -> Vec<u8> {
    let recipients: Vec<_> = keys.iter().map(|key| key.public_key()).collect();
    let context = Context::new([("a", "1")]).unwrap();
    seal(PLAINTEXT, &recipients, &context, b"aad", options, &mut rng()).unwrap()
}

fn sealed() -> Vec<u8> {
    sealed_for(&[&key(1), &xwing_key(2)], SealOptions::default())
}

#[test]
fn who_is_added_opens_and_everybody_else_still_does() {
    let (third, fourth) = (xwing_key(3), key(4));
    let sealed = changed(&sealed(), &key(1), add(&[third.public_key(), fourth.public_key()])).unwrap();
    for key in [&key(1), &xwing_key(2), &third, &fourth] {
        assert!(opens(&sealed, key));
    }
    let again = changed(&sealed, &fourth, add(&[key(5).public_key()])).unwrap();
    assert!(opens(&again, &key(5)));
}

#[test]
fn who_is_removed_does_not_open_the_new_one() {
    let second = xwing_key(2);
    let sealed = sealed();
    let without = changed(&sealed, &key(1), remove(&[second.public_key().key_id()])).unwrap();
    assert!(opens(&without, &key(1)) && !opens(&without, &second));
    assert_eq!(without.len(), sealed.len() - 1180);
    // One may remove oneself.
    let without = changed(&sealed, &second, remove(&[second.public_key().key_id()])).unwrap();
    assert!(opens(&without, &key(1)) && !opens(&without, &second));
}

#[test]
fn a_key_may_take_the_place_of_another_in_a_full_header() {
    let keys: Vec<_> = (1..33).map(key).collect();
    let sealed = sealed_for(&keys.iter().collect::<Vec<_>>(), SealOptions::default());
    let (new, old) = (key(33), key(32).public_key().key_id());
    let full = changed(&sealed, &key(1), add(&[new.public_key()]));
    assert_eq!(full, Err(refused(Defect::RecipientCount(33))));
    let change = RecipientChange { add: &[new.public_key()], remove: &[old], anonymous: false };
    let replaced = changed(&sealed, &key(1), change).unwrap();
    assert!(opens(&replaced, &new) && opens(&replaced, &key(1)) && !opens(&replaced, &key(32)));
}

#[test]
fn the_last_recipient_stays() {
    let ids = [key(1).public_key().key_id(), xwing_key(2).public_key().key_id()];
    assert_eq!(changed(&sealed(), &key(1), remove(&ids)), Err(refused(Defect::RecipientCount(0))));
}

#[test]
fn who_is_not_there_cannot_be_removed() {
    for key_id in [key(3).public_key().key_id(), KeyId::ANONYMOUS] {
        let refused = changed(&sealed(), &key(1), remove(&[key_id])).unwrap_err();
        assert_eq!(refused, Error::RecipientUnknown { key_id });
        assert_eq!(refused.code(), ErrorCode::CryptoError);
    }
}

#[test]
fn a_key_is_a_recipient_once() {
    let (second, third) = (xwing_key(2), key(3));
    for keys in [vec![second.public_key()], vec![third.public_key(), third.public_key()]] {
        let key_id = keys[0].key_id();
        assert_eq!(changed(&sealed(), &key(1), add(&keys)), Err(Error::DuplicateRecipient { key_id }));
    }
}

#[test]
fn a_key_that_is_there_and_not_told_is_added_again() {
    let hidden = SealOptions { anonymous: true, ..SealOptions::default() };
    let (sealed, first) = (sealed_for(&[&key(1)], hidden), key(1));
    let again = &[first.public_key()];
    let twice = changed(&sealed, &first, RecipientChange { anonymous: true, ..add(again) }).unwrap();
    assert_eq!(inspect(&twice).unwrap().stanzas.len(), 2);
    let told = changed(&twice, &first, add(again)).unwrap();
    assert_eq!(inspect(&told).unwrap().stanzas.len(), 3);
    let key_id = first.public_key().key_id();
    assert_eq!(changed(&told, &first, add(again)), Err(Error::DuplicateRecipient { key_id }));
}

#[test]
fn recipients_who_are_not_told_stay_and_are_at_most_four() {
    let hidden = SealOptions { anonymous: true, ..SealOptions::default() };
    let sealed = sealed_for(&[&key(1), &xwing_key(2)], hidden);
    let keys = [3, 4, 5].map(key);
    let publics: Vec<_> = keys.iter().map(PrivateKey::public_key).collect();
    let anonymous = |add| RecipientChange { add, remove: &[], anonymous: true };
    let four = changed(&sealed, &key(1), anonymous(&publics[..2])).unwrap();
    assert!(inspect(&four).unwrap().stanzas.iter().all(|stanza| stanza.key_id.is_anonymous()));
    assert!([&key(1), &xwing_key(2), &key(3), &key(4)].iter().all(|key| opens(&four, key)));
    assert_eq!(changed(&sealed, &key(1), anonymous(&publics)), Err(refused(Defect::AnonymousCount(5))));
    // Who is told does not count.
    assert!(opens(&changed(&four, &key(1), add(&publics[2..])).unwrap(), &key(5)));
}

#[test]
fn it_takes_a_recipients_key() {
    let others = add(&[]);
    assert_eq!(changed(&sealed(), &key(9), others), Err(Error::NotARecipient { recipients: 2 }));
    let mut altered = sealed();
    altered[20] ^= 1;
    assert_eq!(changed(&altered, &key(1), others), Err(Error::DecryptFailed));
    assert_eq!(changed(b"cape:2:AAAA", &key(1), others), Err(Error::NotAnEnvelope));
}

#[test]
fn stanzas_of_unknown_types_stay_as_they_are() {
    let unknown = stanza(0x7777, [7; 8], b"of a later version");
    let sealed = Forge::with(|forge| forge.stanzas.push(unknown.clone()));
    let changed = changed(&sealed, &key(1), add(&[key(2).public_key()])).unwrap();
    assert!(changed.windows(unknown.len()).any(|bytes| bytes == unknown));
    assert_eq!(inspect(&changed).unwrap().stanzas[1].key_type, 0x7777);
    assert!(open(&changed, &[&key(2)], b"").is_ok());
}

#[test]
fn a_header_stays_within_its_limit() {
    let room = |forge: &mut Forge| {
        let filled = forge.header().len() + 12;
        forge.stanzas.push(stanza(0x7777, [1; 8], &vec![0; 65_536 - 92 - filled]));
    };
    let sealed = Forge::with(room);
    let full = changed(&sealed, &key(1), add(&[key(2).public_key()])).unwrap();
    assert_eq!(header_length(&full), Ok(65_536));
    let over = changed(&full, &key(1), add(&[key(3).public_key()]));
    assert_eq!(over, Err(refused(Defect::HeaderLength(65_628))));
}

#[test]
fn a_whole_envelope_keeps_its_form() {
    let third = key(3);
    for sealed in [sealed(), to_text(&sealed()).into_bytes()] {
        let publics = [third.public_key()];
        let changed = change_recipients(&sealed, &[&key(1)], add(&publics), &mut rng()).unwrap();
        assert_eq!(changed[..4], sealed[..4]);
        assert!(opens(&changed, &third) && opens(&changed, &key(1)));
    }
    let refused = change_recipients(b"cape:2:AAAA", &[&key(1)], add(&[]), &mut rng());
    assert_eq!(refused, Err(Error::NotAnEnvelope));
}
