use cape_core::ErrorCode;
use cape_core::envelope::{Error, PREFIX_LENGTH, open};

use super::forge::{Forge, PLAINTEXT, flip_each_bit, key, stanza, wrap};

fn opened(sealed: &[u8]) -> Result<Vec<u8>, Error> {
    open(sealed, &[&key(1)], b"").map(|opened| opened.plaintext)
}

/// The plainest header, and one with all that a header can have.
fn headers() -> [Forge; 2] {
    let mut full = Forge::new();
    full.context = b"\0\x01\0\x01ax".to_vec();
    full.stanzas.extend([
        full.stanza_for(&key(2)),
        full.anonymous_stanza_for(&key(3)),
        stanza(9, [9; 8], b"unknown"),
    ]);
    [Forge::new(), full]
}

#[test]
fn no_flipped_bit_of_the_header_opens() {
    for forge in headers() {
        let sealed = forge.sealed();
        assert_eq!(opened(&sealed), Ok(PLAINTEXT.to_vec()));
        flip_each_bit(&sealed, 0..forge.header().len(), |bit, flipped| {
            let code = opened(flipped).unwrap_err().code();
            let expected = [ErrorCode::DecryptFailed, ErrorCode::UnsupportedFormat, ErrorCode::Truncated];
            assert!(expected.contains(&code), "bit {bit}: {code:?}");
        });
    }
}

#[test]
fn a_flip_that_keeps_the_form_is_the_one_error() {
    let forge = Forge::new();
    let sealed = forge.sealed();
    let header = forge.header().len();
    let body_mac_salt_and_commitment = 16 + 12..header + PREFIX_LENGTH;
    flip_each_bit(&sealed, body_mac_salt_and_commitment, |bit, flipped| {
        // X25519 ignores the top bit of a share; HPKE and MAC do not.
        assert_eq!(opened(flipped), Err(Error::DecryptFailed), "bit {bit}");
    });
}

#[test]
fn other_stanzas_and_the_context_are_authentic_too() {
    let [_, forge] = headers();
    let sealed = forge.sealed();
    let value = 16 + forge.context.len() - 1;
    let last_stanza = forge.header().len() - 32 - 1;
    let second_key_id = 16 + forge.context.len() + 92 + 4;
    for position in [value, second_key_id, last_stanza] {
        let mut altered = sealed.clone();
        altered[position] ^= 1;
        assert_eq!(opened(&altered), Err(Error::DecryptFailed));
    }
}

#[test]
fn a_mac_by_another_file_key() {
    assert_eq!(opened(&Forge::with(|forge| forge.mac_key = [1; 32])), Err(Error::DecryptFailed));
}

#[test]
fn a_payload_by_another_file_key() {
    assert_eq!(opened(&Forge::with(|forge| forge.payload_key = [1; 32])), Err(Error::DecryptFailed));
}

#[test]
fn a_payload_of_another_encryption_context() {
    assert_eq!(opened(&Forge::with(|forge| forge.payload_of_another = true)), Err(Error::DecryptFailed));
}

#[test]
fn a_file_key_wrapped_for_another_suite() {
    let moved = |forge: &mut Forge| {
        let id = *key(1).public_key().key_id().as_bytes();
        forge.stanzas = vec![stanza(0x20, id, &wrap(&key(1), &super::forge::FILE_KEY, b"CAPE\x02\x02\0\0"))];
    };
    assert_eq!(opened(&Forge::with(moved)), Err(Error::DecryptFailed));
}

#[test]
fn a_share_of_low_order() {
    let low = |forge: &mut Forge| forge.stanzas[0][12..44].fill(0);
    assert_eq!(opened(&Forge::with(low)), Err(Error::DecryptFailed));
}

#[test]
fn other_external_data() {
    let sealed = Forge::new().sealed();
    assert_eq!(open(&sealed, &[&key(1)], b"x").err(), Some(Error::DecryptFailed));
}
