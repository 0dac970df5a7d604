use cape_core::ErrorCode;
use cape_core::envelope::{
    Context, Defect, Error, PrivateKey, PublicKey, SealOptions, seal, seal_text, sealed_size,
    sealed_text_size,
};

use super::forge::{key, rng, xwing_key};

/// Refused with this error, and nothing foretold of a size.
#[track_caller]
fn refused(recipients: &[&PublicKey], expected: impl Into<Error>) {
    let (none, options) = (Context::empty(), SealOptions::default());
    let expected = expected.into();
    assert_eq!(seal(b"x", recipients, &none, b"", options, &mut rng()), Err(expected.clone()));
    assert_eq!(seal_text(b"x", recipients, &none, b"", options, &mut rng()), Err(expected.clone()));
    assert_eq!(sealed_size(1, recipients, &none), Err(expected.clone()));
    assert_eq!(sealed_text_size(1, recipients, &none), Err(expected));
}

#[test]
fn no_recipient_or_thirty_three() {
    refused(&[], Defect::RecipientCount(0));
    let keys: Vec<_> = (0..33).map(key).collect();
    let recipients: Vec<_> = keys.iter().map(PrivateKey::public_key).collect();
    refused(&recipients, Defect::RecipientCount(33));
}

#[test]
fn one_recipient_twice() {
    let (key, other) = (key(1), xwing_key(1));
    let key_id = key.public_key().key_id();
    let recipients = [key.public_key(), other.public_key(), key.public_key()];
    refused(&recipients, Error::DuplicateRecipient { key_id });
    assert_eq!(Error::DuplicateRecipient { key_id }.code(), ErrorCode::CryptoError);
}

#[test]
fn five_anonymous_recipients() {
    let keys: Vec<_> = (1..6).map(key).collect();
    let recipients: Vec<_> = keys.iter().map(PrivateKey::public_key).collect();
    let options = SealOptions { anonymous: true, ..SealOptions::default() };
    let sealed =
        |recipients: &[&PublicKey]| seal(b"", recipients, &Context::empty(), b"", options, &mut rng());
    assert_eq!(sealed(&recipients), Err(Defect::AnonymousCount(5).into()));
    assert!(sealed(&recipients[..4]).is_ok());
}

#[test]
fn more_than_memory_can_hold() {
    let key = key(1);
    let recipients = [key.public_key()];
    assert_eq!(sealed_size(usize::MAX, &recipients, &Context::empty()), Err(Error::TooLong));
    assert_eq!(sealed_text_size(usize::MAX / 4 * 3, &recipients, &Context::empty()), Err(Error::TooLong));
}
