//! What is written is read, and what may not be written is not read.

use std::collections::BTreeMap;

use super::super::content::{AnswerForm, decode_close, encode_close};
use super::*;
use crate::crypto::Kem;
use crate::encoding::cbor::Writer;

fn write(build: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut writer = Writer::new();
    build(&mut writer);
    writer.into_bytes()
}

fn unknown(key: &str) -> ContentError {
    ContentError::KeyUnknown { key: key.to_owned() }
}

#[test]
fn open() {
    let key = KeyRequest { account: [1; 32], kem: Kem::XWing };
    for request in [
        Request::Run { checksum: [9; 32] },
        Request::Deploy { manifest: "e30.e30.sig".to_owned() },
        Request::Key(key),
        Request::Describe,
    ] {
        let plain = Open::new(request.clone());
        assert_eq!(Open::decode(&plain.encode()), Ok(plain.clone()));
        let zstd = matches!(request, Request::Deploy { .. });
        let takes_input = matches!(request, Request::Deploy { .. } | Request::Run { .. });
        assert_eq!(plain.input, (!takes_input).then(Vec::new));
        let full = Open {
            token: Some("token".to_owned()),
            owner_proof: Some("proof".to_owned()),
            call_nonce: Some([2; 32]),
            options: Options { shared: true, log: true, deadline_ms: Some(1500), zstd },
            input: Some(vec![3; if takes_input { 300 } else { 0 }]),
            statements: vec!["epoch".to_owned(), "revocations".to_owned()],
            ..plain
        };
        assert_eq!(Open::decode(&full.encode()), Ok(full));
    }
}

#[test]
fn open_with_other_keys_is_refused() {
    let decode = |build: fn(&mut Writer)| Open::decode(&write(build)).unwrap_err();
    assert_eq!(decode(|w| _ = w.map(0)), ContentError::KeyMissing { key: 1 });
    assert_eq!(decode(|w| _ = w.map(1).uint(1).uint(1)), ContentError::KeyMissing { key: 2 });
    assert_eq!(decode(|w| _ = w.map(1).uint(1).uint(2)), ContentError::KeyMissing { key: 7 });
    assert_eq!(decode(|w| _ = w.map(1).uint(1).uint(3)), ContentError::KeyMissing { key: 11 });
    let operation = ContentError::Value { key: 1, expected: "a known operation" };
    assert_eq!(decode(|w| _ = w.map(1).uint(1).uint(5)), operation);
    assert_eq!(decode(|w| _ = w.map(2).uint(1).uint(4).uint(5).uint(0)), unknown("5"));
    assert_eq!(decode(|w| _ = w.map(2).uint(1).uint(4).uint(13).uint(0)), unknown("13"));
    assert_eq!(decode(|w| _ = w.map(2).uint(1).uint(4).int(-1).uint(0)), unknown("-1"));
    assert_eq!(decode(|w| _ = w.map(2).uint(1).uint(4).text("a").uint(0)), unknown("\"a\""));
    assert_eq!(decode(|w| _ = w.map(2).uint(1).uint(4).uint(2).bytes(&[0; 32])), unknown("2"));
    assert_eq!(decode(|w| _ = w.map(2).uint(1).uint(4).uint(7).text("")), unknown("7"));
    assert_eq!(decode(|w| _ = w.map(2).uint(1).uint(4).uint(8).map(1).uint(5).bool(true)), unknown("5"));
    let key = |w: &mut Writer| _ = w.map(2).uint(1).uint(3).uint(11).map(1).uint(3).uint(1);
    assert_eq!(decode(key), unknown("3"));
    assert_eq!(decode(|w| _ = w.map(1).uint(1).uint(4)), ContentError::KeyMissing { key: 9 });
    let input = ContentError::Value { key: 9, expected: "empty where there is no input" };
    assert_eq!(decode(|w| _ = w.map(2).uint(1).uint(4).uint(9).bytes(b"x")), input);
    let zstd = ContentError::Value { key: 8, expected: "free of zstd but for deploy" };
    assert_eq!(decode(|w| _ = w.map(2).uint(1).uint(4).uint(8).map(1).uint(4).bool(true)), zstd);
    let salts = ContentError::Value { key: 12, expected: "both salts, of a run" };
    fn one(w: &mut Writer) {
        w.uint(12).map(1).uint(1).bytes(&[1; 32]);
    }
    assert_eq!(decode(|w| one(w.map(3).uint(1).uint(1).uint(2).bytes(&[0; 32]))), salts);
    fn both(w: &mut Writer) {
        w.uint(12).map(2).uint(1).bytes(&[1; 32]).uint(2).bytes(&[2; 32]);
    }
    assert_eq!(decode(|w| both(w.map(3).uint(1).uint(4).uint(9).bytes(b""))), salts);
    fn more(w: &mut Writer) {
        w.uint(12).map(2).uint(1).bytes(&[1; 32]).uint(3).bytes(&[2; 32]);
    }
    assert_eq!(decode(|w| more(w.map(3).uint(1).uint(1).uint(2).bytes(&[0; 32]))), unknown("3"));
    for wrong in [
        |w: &mut Writer| _ = w.map(2).uint(1).uint(1).uint(2).bytes(&[0; 31]),
        |w: &mut Writer| _ = w.map(2).uint(1).uint(4).uint(6).bytes(&[0; 33]),
        |w: &mut Writer| _ = w.map(2).uint(1).uint(4).uint(3).bytes(b"token"),
        |w: &mut Writer| _ = w.map(2).uint(1).uint(4).uint(10).text("statement"),
        |w: &mut Writer| _ = w.map(2).uint(1).uint(4).uint(1).uint(4),
        |w: &mut Writer| _ = w.map(2).uint(3).text("").uint(1).uint(4),
        |w: &mut Writer| _ = w.map(1).uint(1).uint(4).null(),
        |w: &mut Writer| _ = w.array(0),
    ] {
        assert!(matches!(decode(wrong), ContentError::Cbor(_)));
    }
}

fn full_end(answer: Option<Answer>) -> End {
    End {
        usage: Usage { duration_us: Some(1), cpu_us: Some(2), peak_memory: Some(3 << 40), cold: Some(false) },
        receipt: Some(vec![4; 354]),
        salts: Some(Salts { input: [5; 32], output: Some([6; 32]) }),
        output: b"output".to_vec(),
        answer,
        receipt_key: Some(vec![7; 120]),
        input_taken: Some(1 << 40),
    }
}

#[test]
fn end() {
    let handshake = Handshake::cheap();
    let key = KeyRequest { account: [1; 32], kem: Kem::X25519 };
    let key_answer = KeyAnswer { request: key, epoch: u32::MAX, public_key: handshake.public_key() };
    let state = PresentState {
        slots: Some(4),
        calls: Some(0),
        warm_functions: None,
        clock_ms: Some(1),
        module_clock_ms: Some(2),
    };
    let describe_answer = DescribeAnswer { description: vec![8; 200], receipt_key: vec![9; 120], state };
    for (form, answer) in [
        (AnswerForm::Output, None),
        (AnswerForm::Key(key), Some(Answer::Key(key_answer))),
        (AnswerForm::Describe, Some(Answer::Describe(describe_answer))),
    ] {
        for end in [full_end(answer.clone()), End { answer, ..End::default() }] {
            assert_eq!(End::decode(&end.encode(&[3; 32]), form), Ok((end, [3; 32])));
        }
    }
}

#[test]
fn end_passes_over_what_it_does_not_know() {
    let content = write(|w| {
        w.map(4).uint(1).bytes(&[3; 32]).uint(2).map(2).uint(1).uint(5).uint(9).array(1).null();
        w.uint(6).map(1).uint(1).uint(1).uint(99).text("new");
    });
    let usage = Usage { duration_us: Some(5), ..Usage::default() };
    let end = End { usage, ..End::default() };
    assert_eq!(End::decode(&content, AnswerForm::Output), Ok((end, [3; 32])));
}

#[test]
fn end_without_what_makes_it_whole_is_refused() {
    let key = KeyRequest { account: [1; 32], kem: Kem::X25519 };
    let missing = |key| Err(ContentError::KeyMissing { key });
    assert_eq!(End::decode(&write(|w| _ = w.map(1).uint(2).map(0)), AnswerForm::Output), missing(1));
    let end = End::default().encode(&[0; 32]);
    assert_eq!(End::decode(&end, AnswerForm::Describe), missing(6));
    assert_eq!(End::decode(&end, AnswerForm::Key(key)), missing(6));
    let low_order = write(|w| {
        w.map(2).uint(1).bytes(&[0; 32]).uint(6).map(4).uint(1).bytes(&[1; 32]).uint(2).uint(0x20);
        w.uint(3).uint(0).uint(4).bytes(&[0; 32]);
    });
    let error = ContentError::Value { key: 4, expected: "a public key of the mechanism" };
    assert_eq!(End::decode(&low_order, AnswerForm::Key(key)), Err(error));
}

#[test]
fn error_message() {
    let plain = ErrorMessage::new(crate::ErrorCode::Overloaded, "no worker is free");
    assert_eq!(plain.class(), Some(crate::ErrorCode::Overloaded));
    let full = ErrorMessage {
        receipt: Some(vec![1; 300]),
        salts: Some(Salts { input: [2; 32], output: None }),
        receipt_key: Some(vec![3; 120]),
        input_taken: Some(7),
        ..plain.clone().with_detail("retry_after", "2").with_detail("limit", "8").with_detail("zz", "ü")
    };
    for message in [plain, full] {
        assert_eq!(ErrorMessage::decode(&message.encode()), Ok(message));
    }
    let newer = write(|w| {
        w.map(3).uint(1).text("NewClass").uint(2).text("").uint(9).map(1).text("a").uint(1);
    });
    let message = ErrorMessage::decode(&newer).unwrap();
    assert_eq!((message.name.as_str(), message.class()), ("NewClass", None));
    assert_eq!(message.details, BTreeMap::new());
    let nameless = write(|w| _ = w.map(1).uint(2).text(""));
    assert_eq!(ErrorMessage::decode(&nameless), Err(ContentError::KeyMissing { key: 1 }));
    let numbers = write(|w| _ = w.map(3).uint(1).text("").uint(2).text("").uint(3).map(1).uint(1).text(""));
    assert!(matches!(ErrorMessage::decode(&numbers), Err(ContentError::Cbor(_))));
}

#[test]
fn close() {
    assert_eq!(encode_close(1000), [0xa1, 1, 0x19, 0x03, 0xe8]);
    assert_eq!(decode_close(&encode_close(u16::MAX)), Ok(u16::MAX));
    assert_eq!(decode_close(&[0xa0]), Err(ContentError::KeyMissing { key: 1 }));
    assert_eq!(decode_close(&[0xa2, 1, 0, 2, 0]), Err(unknown("2")));
    let too_large = write(|w| _ = w.map(1).uint(1).uint(65_536));
    let error = ContentError::Value { key: 1, expected: "a number below 65536" };
    assert_eq!(decode_close(&too_large), Err(error));
}

#[test]
fn description() {
    let description = RuntimeDescription {
        version: "4.0.0".to_owned(),
        mode: Mode::Development,
        python: "3.11".to_owned(),
        platform: "x86_64-manylinux_2_28".to_owned(),
        isolation: vec![
            IsolationLayer { name: "no_new_privs".to_owned(), required: true, off_because: None },
            IsolationLayer {
                name: "seccomp".to_owned(),
                required: false,
                off_because: Some("not built in".to_owned()),
            },
        ],
        vault_backends: vec!["file".to_owned()],
        limits: RuntimeLimits { calls: 64, run_bytes: 64 << 20, deploy_bytes: 1 << 30, handshakes: 200 },
    };
    assert_eq!(RuntimeDescription::decode(&description.encode()), Ok(description));
    let other_version = write(|w| _ = w.map(1).uint(1).uint(3));
    let error = ContentError::Value { key: 1, expected: "version 2" };
    assert_eq!(RuntimeDescription::decode(&other_version), Err(error));
}
