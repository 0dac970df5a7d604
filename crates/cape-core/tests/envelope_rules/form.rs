use cape_core::ErrorCode;
use cape_core::envelope::{Defect, Error, START_LENGTH, Truncation, header_length, inspect, open};

use super::forge::{Forge, PLAINTEXT, key, stanza};
use super::in_parts;

/// Refused with this error by whoever reads it, with the right key or none.
#[track_caller]
fn refused(sealed: &[u8], expected: impl Into<Error>) {
    let expected = expected.into();
    assert_eq!(open(sealed, &[&key(1)], b"").err(), Some(expected.clone()));
    in_parts::refused(sealed, &[&key(1)], &expected);
    assert_eq!(inspect(sealed).err(), Some(expected));
}

#[test]
fn what_is_forged_without_a_defect_opens() {
    let opened = open(&Forge::new().sealed(), &[&key(1)], b"").unwrap();
    assert_eq!(opened.plaintext, PLAINTEXT);
}

#[test]
fn another_magic() {
    for position in 0..4 {
        let mut sealed = Forge::new().sealed();
        sealed[position] ^= 0x20;
        refused(&sealed, Error::NotAnEnvelope);
    }
    refused(b"", Error::NotAnEnvelope);
    refused(b"hello world", Error::NotAnEnvelope);
}

#[test]
fn unknown_versions_suites_and_flags_are_named() {
    for version in [0, 1, 3, 255] {
        let sealed = Forge::with(|forge| forge.version = version);
        refused(&sealed, Error::UnsupportedVersion { version: version.into() });
        refused(&sealed[..5], Error::UnsupportedVersion { version: version.into() });
    }
    for suite in [0, 3, 255] {
        refused(&Forge::with(|forge| forge.suite = suite), Error::UnsupportedSuite { suite });
    }
    for flags in [1, 0x0100, 0x8000] {
        refused(&Forge::with(|forge| forge.flags = flags), Error::UnsupportedFlags { flags });
    }
}

#[test]
fn no_recipient_or_thirty_three() {
    refused(&Forge::with(|forge| forge.stanzas.clear()), Defect::RecipientCount(0));
    let many =
        |forge: &mut Forge| forge.stanzas = (0..33).map(|number| forge.stanza_for(&key(number))).collect();
    refused(&Forge::with(many), Defect::RecipientCount(33));
    refused(&Forge::with(|forge| forge.count = Some(u16::MAX)), Defect::RecipientCount(65_535));
}

#[test]
fn a_count_that_is_not_that_of_the_stanzas() {
    let two = |forge: &mut Forge| forge.stanzas.push(forge.stanza_for(&key(2)));
    let one_told = |forge: &mut Forge| {
        two(forge);
        forge.count = Some(1);
    };
    refused(&Forge::with(one_told), Defect::StanzaSurplus(92));
    refused(&Forge::with(|forge| forge.count = Some(2)), Defect::StanzaOverrun);
    refused(&Forge::with(|forge| forge.surplus = vec![0; 5]), Defect::StanzaSurplus(5));
}

#[test]
fn header_lengths() {
    let header = Forge::new().header().len() as u32;
    let told = |length| Forge::with(|forge| forge.header_length = Some(length));
    for length in [0, 16, 31, 47] {
        let (sealed, defect) = (told(length), Defect::HeaderLength(length as usize));
        assert_eq!(header_length(&sealed[..START_LENGTH]), Err(defect.clone().into()));
        refused(&sealed, defect);
    }
    for length in [48, header - 92, header - 1] {
        refused(&told(length), Defect::StanzaOverrun);
    }
    refused(&told(header + 1), Defect::StanzaSurplus(1));
    refused(&told(65_536), Truncation::Header);
    refused(&told(65_537), Defect::HeaderLength(65_537));
    refused(&told(u32::MAX), Defect::HeaderLength(0xffff_ffff));
}

#[test]
fn the_longest_header_opens() {
    let longest = |forge: &mut Forge| {
        let filled = forge.header().len() + 12;
        forge.stanzas.push(stanza(0x7777, [1; 8], &vec![0; 65_536 - filled]));
    };
    let sealed = Forge::with(longest);
    assert_eq!(open(&sealed, &[&key(1)], b"").unwrap().plaintext, PLAINTEXT);
    assert_eq!(inspect(&sealed).unwrap().header_length, Some(65_536));
}

#[test]
fn context_lengths() {
    let told = |length| Forge::with(|forge| forge.context_length = Some(length));
    refused(&told(4097), Defect::ContextLength(4097));
    refused(&told(4096), Defect::HeaderLength(Forge::new().header().len()));
    refused(&told(1), Defect::ContextOverrun);
}

#[test]
fn contexts() {
    let of = |context: &[u8]| Forge::with(|forge| forge.context = context.to_vec());
    refused(&of(b"\0\x01\0\0b\0\x01\0\0a"), Defect::ContextOrder("a".into()));
    refused(&of(b"\0\x01\0\0a\0\x01\0\x01ax"), Defect::ContextOrder("a".into()));
    refused(&of(b"\0\x02\0\0\xc3("), Defect::ContextKeyEncoding);
    refused(&of(b"\0\x01\0\x02a1"), Defect::ContextOverrun);
    refused(&of(b"\0\x01\0"), Defect::ContextOverrun);
    let values_are_any_bytes = of(b"\0\x01\0\x01a\xff");
    assert_eq!(inspect(&values_are_any_bytes).unwrap().context.get("a"), Some(&b"\xff"[..]));
}

#[test]
fn stanzas_of_a_known_type_and_another_length() {
    for (key_type, lengths) in
        [(0x0020, &[0, 79, 81][..]), (0x647a, &[80, 1167, 1169]), (0xff01, &[0, 255, 1025])]
    {
        for &length in lengths {
            let body = vec![0; length];
            let sealed = Forge::with(|forge| forge.stanzas.push(stanza(key_type, [1; 8], &body)));
            refused(&sealed, Defect::StanzaLength { key_type, length });
        }
    }
}

#[test]
fn two_stanzas_of_one_type_for_one_key() {
    let id = key(1).public_key().key_id();
    let known = |forge: &mut Forge| forge.stanzas.push(forge.stanza_for(&key(1)));
    refused(&Forge::with(known), Defect::DuplicateStanza(id));
    let unknown = |forge: &mut Forge| {
        forge.stanzas.extend([stanza(9, *id.as_bytes(), b"a"), stanza(9, *id.as_bytes(), b"b")]);
    };
    refused(&Forge::with(unknown), Defect::DuplicateStanza(id));
}

#[test]
fn five_anonymous_stanzas_of_any_type() {
    let five = |forge: &mut Forge| {
        forge.stanzas = (1..6).map(|number| forge.anonymous_stanza_for(&key(number))).collect()
    };
    refused(&Forge::with(five), Defect::AnonymousCount(5));
    let unknown = |forge: &mut Forge| forge.stanzas.extend((0..5).map(|_| stanza(9, [0; 8], b"x")));
    refused(&Forge::with(unknown), Defect::AnonymousCount(5));
}

#[test]
fn defects_of_form_are_of_one_class() {
    let class = |sealed: &[u8]| inspect(sealed).unwrap_err().code();
    assert_eq!(class(b"hello"), ErrorCode::UnsupportedFormat);
    assert_eq!(class(&Forge::with(|forge| forge.flags = 1)), ErrorCode::UnsupportedFormat);
    assert_eq!(class(&Forge::with(|forge| forge.surplus = vec![0])), ErrorCode::UnsupportedFormat);
    assert_eq!(class(&Forge::new().sealed()[..100]), ErrorCode::Truncated);
}
