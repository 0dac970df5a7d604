//! The header of an envelope of which only the beginning is there: where it was cut, and so what its last
//! chunk seems to be, says nothing.

use cape_core::envelope::{
    Context, Error, Header, SealOptions, TEXT_PREFIX, Truncation, inspect, inspect_start, seal, seal_text,
    sealed_size,
};

use super::forge::{key, rng, xwing_key};

/// An envelope in both forms, and the length of its header.
fn envelopes() -> (Vec<u8>, Vec<u8>, usize) {
    let (one, other) = (key(1), xwing_key(2));
    let recipients = [one.public_key(), other.public_key()];
    let context = Context::new([("study", "7")]).unwrap();
    let options = SealOptions::default();
    let plaintext = [7; 100];
    let binary = seal(&plaintext, &recipients, &context, b"", options, &mut rng()).unwrap();
    let text = seal_text(&plaintext, &recipients, &context, b"", options, &mut rng()).unwrap();
    assert_eq!(binary.len(), sealed_size(plaintext.len(), &recipients, &context).unwrap());
    let header_length = inspect(&binary).unwrap().header_length.unwrap();
    (binary, text.into_bytes(), header_length)
}

fn expected(whole: &[u8], sealed_length: usize) -> Result<Header, Error> {
    Ok(Header { sealed_length, plaintext_length: None, ..inspect(whole).unwrap() })
}

#[test]
fn it_is_told_wherever_the_payload_was_cut() {
    let (binary, text, header_length) = envelopes();
    for length in header_length..=binary.len() {
        assert_eq!(inspect_start(&binary[..length]), expected(&binary, length), "{length}");
    }
    for length in TEXT_PREFIX.len() + header_length.div_ceil(3) * 4..=text.len() {
        let groups = (length - TEXT_PREFIX.len()) / 4;
        assert_eq!(inspect_start(&text[..length]), expected(&text, groups * 3), "{length}");
    }
    // The payload's first chunk cannot be so short, and of a whole envelope that is an error.
    assert!(matches!(inspect(&binary[..header_length + 1]), Err(Error::Truncated(_))));
}

#[test]
fn one_that_is_cut_itself_is_truncated() {
    let (binary, text, header_length) = envelopes();
    for length in 4..header_length {
        assert_eq!(inspect_start(&binary[..length]), Err(Truncation::Header.into()), "{length}");
    }
    for length in TEXT_PREFIX.len() + 8..TEXT_PREFIX.len() + header_length / 3 * 4 {
        assert_eq!(inspect_start(&text[..length]), Err(Truncation::Header.into()), "{length}");
    }
    assert_eq!(inspect_start(b"CAPX"), Err(Error::NotAnEnvelope));
}
