use cape_core::envelope::{Defect, Error, Truncation, inspect, open, open_text_with};

use super::forge::{Forge, PLAINTEXT, key, to_text};

#[track_caller]
fn refused(text: &[u8], expected: impl Into<Error>) {
    let expected = expected.into();
    assert_eq!(open(text, &[&key(1)], b"").err(), Some(expected.clone()));
    assert_eq!(open_text_with(text, &[&key(1)], |_| Ok(())).err(), Some(expected.clone()));
    assert_eq!(inspect(text).err(), Some(expected));
}

#[test]
fn cut_anywhere() {
    let text = to_text(&Forge::new().sealed());
    for end in "cape:".len()..text.len() {
        assert!(open(&text.as_bytes()[..end], &[&key(1)], b"").is_err(), "{end}");
    }
    for end in "cape:".len().."cape:2:".len() {
        refused(&text.as_bytes()[..end], Truncation::Text);
    }
    let within_a_group = &text.as_bytes()[.."cape:2:".len() + 41];
    refused(within_a_group, Truncation::Text);
}

#[test]
fn bits_left_over() {
    // Two characters hold one byte and four bits, which are zero.
    refused(b"cape:2:QE", Truncation::Text);
    refused(b"cape:2:QA", Error::NotAnEnvelope);
}

#[test]
fn characters_of_other_alphabets() {
    let text = to_text(&Forge::new().sealed());
    for (position, character) in
        [(7, '+'), (10, '/'), (20, '='), (30, ' '), (40, '\n'), (50, ':'), (60, '\u{0}')]
    {
        let mut altered = text.clone();
        altered.replace_range(position..position + 1, &character.to_string());
        refused(altered.as_bytes(), Defect::Text);
    }
    for end in ["\n", "=", "==", " ", "\0"] {
        assert!(open(format!("{text}{end}").as_bytes(), &[&key(1)], b"").is_err(), "{end:?}");
    }
}

#[test]
fn other_versions_are_named() {
    refused(b"cape:1:AAAA", Error::UnsupportedVersion { version: 1 });
    refused(b"cape:3:AAAA", Error::UnsupportedVersion { version: 3 });
    refused(b"cape:22:AAAA", Error::UnsupportedVersion { version: 22 });
    let message = Error::UnsupportedVersion { version: 1 }.to_string();
    assert_eq!(message, "envelope version 1 is not supported");
}

#[test]
fn prefixes_of_no_version() {
    for text in ["cape:02:AAAA", "cape:+2:AAAA", "cape::AAAA", "cape: 2:AAAA", "cape:99999999999999999999:A"]
    {
        refused(text.as_bytes(), Error::NotAnEnvelope);
    }
}

#[test]
fn enclaves_take_the_text_form_only() {
    let sealed = Forge::new().sealed();
    for other in [&sealed[..], b"hello", b"", b"Cape:2:AAAA"] {
        let refused = open_text_with(other, &[&key(1)], |_| Ok(())).err();
        assert_eq!(refused, Some(Error::NotAnEnvelope));
    }
    let opened = open_text_with(to_text(&sealed).as_bytes(), &[&key(1)], |_| Ok(())).unwrap();
    assert_eq!(opened.plaintext, PLAINTEXT);
}
