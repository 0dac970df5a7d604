//! A client with the session's keys that breaks the rules: every violation ends the session, and is
//! named.

use FrameType::{Cancel, Close, Credit, Data, End as EndFrame, Error as ErrorFrame, Log, Open as OpenFrame};

use super::*;
use crate::ErrorCode;

const EMPTY_MAP: &[u8] = &[0xa0];
const CLOSE: &[u8] = &[0xa1, 1, 0];

/// What the enclave makes of frames, the last of which breaks a rule.
fn violation(frames: &[(FrameType, u32, &[u8])]) -> Violation {
    let (mut enclave, mut client) = Handshake::cheap().enclave_and_hostile_client();
    let (last, before) = frames.split_last().unwrap();
    for (frame, call, content) in before {
        enclave.receive(&mut client.seal(*frame, *call, content)).unwrap();
    }
    let (frame, number, content) = *last;
    let violation = enclave.receive(&mut client.seal(frame, number, content)).unwrap_err();
    let mut more = client.seal(FrameType::Close, 0, &[0xa1, 1, 0]);
    assert_eq!(enclave.receive(&mut more).unwrap_err(), Violation::SessionOver);
    assert_eq!(enclave.close(1000), Err(SendError::SessionOver));
    violation
}

#[test]
fn numbers_of_calls_must_rise() {
    let open = &run().encode()[..];
    let not_rising = |call, last| Violation::CallNotRising { call, last };
    assert_eq!(violation(&[(OpenFrame, 5, open), (OpenFrame, 5, open)]), not_rising(5, 5));
    assert_eq!(violation(&[(OpenFrame, 5, open), (OpenFrame, 4, open)]), not_rising(4, 5));
    assert_eq!(violation(&[(OpenFrame, 0, open)]), Violation::WrongCall { frame: OpenFrame, call: 0 });
    for frame in [Cancel, Credit, Data, EndFrame] {
        let unknown = Violation::CallUnknown { frame, call: 6 };
        assert_eq!(violation(&[(OpenFrame, 5, open), (frame, 6, b"")]), unknown);
        assert_eq!(violation(&[(frame, 0, b"")]), Violation::WrongCall { frame, call: 0 });
    }
}

#[test]
fn frames_of_the_enclave_are_forbidden() {
    for frame in [ErrorFrame, Log] {
        assert_eq!(violation(&[(frame, 1, b"")]), Violation::FrameTypeForbidden { frame });
    }
}

#[test]
fn open_over_its_limits() {
    let large = Open { token: Some("t".repeat(MAX_OPEN)), ..run() }.encode();
    let size = large.len();
    assert_eq!(violation(&[(OpenFrame, 1, &large)]), Violation::OpenTooLarge { size, limit: MAX_OPEN });
    let (size, limit) = (MAX_INLINE + 1, MAX_INLINE);
    let inline = Violation::InlineTooLarge { frame: OpenFrame, size, limit };
    assert_eq!(violation(&[(OpenFrame, 1, &run_with_input(&vec![0; size]).encode())]), inline);
    let (mut enclave, mut client) = Handshake::cheap().enclave_and_hostile_client();
    let largest = run_with_input(&vec![0; limit]).encode();
    assert!(matches!(
        enclave.receive(&mut client.seal(OpenFrame, 1, &largest)),
        Ok(Some(ServerEvent::Open { .. }))
    ));
}

#[test]
fn open_that_breaks_a_rule_of_form() {
    let violation = violation(&[(OpenFrame, 1, &[0xa2, 1, 4, 5, 0])]);
    let error = ContentError::KeyUnknown { key: "5".to_owned() };
    assert_eq!(violation, Violation::Content { frame: OpenFrame, error });
    assert_eq!(violation.code(), ErrorCode::ProtocolError);
}

#[test]
fn data_after_the_end() {
    let open = &run().encode()[..];
    let inline = &run_with_input(b"").encode()[..];
    for frame in [Data, EndFrame] {
        let content = if frame == Data { b"x" } else { EMPTY_MAP };
        let ended = Violation::Ended { frame, call: call(1) };
        assert_eq!(violation(&[(OpenFrame, 1, open), (EndFrame, 1, EMPTY_MAP), (frame, 1, content)]), ended);
        assert_eq!(violation(&[(OpenFrame, 1, inline), (frame, 1, content)]), ended);
    }
}

#[test]
fn data_beyond_the_credit() {
    let open = &run().encode()[..];
    let window = vec![0; MAX_FRAME];
    let exceeded = Violation::CreditExceeded { call: call(1), size: 1, credit: 0 };
    assert_eq!(violation(&[(OpenFrame, 1, open), (Data, 1, &window), (Data, 1, b"x")]), exceeded);
    assert_eq!(violation(&[(OpenFrame, 1, open), (Data, 1, b"")]), Violation::EmptyData { call: call(1) });
}

#[test]
fn contents_of_the_small_frames() {
    let open = &run().encode()[..];
    let malformed = |size| Violation::CreditMalformed { size };
    assert_eq!(violation(&[(OpenFrame, 1, open), (Credit, 1, b"123")]), malformed(3));
    assert_eq!(violation(&[(OpenFrame, 1, open), (Credit, 1, b"12345")]), malformed(5));
    let not_empty = Violation::CancelNotEmpty { size: 1 };
    assert_eq!(violation(&[(OpenFrame, 1, open), (Cancel, 1, b"x")]), not_empty);
    for content in [&b""[..], &[0xa1, 1, 0], &[0xa0, 0], &[0x80]] {
        let violation = violation(&[(OpenFrame, 1, open), (EndFrame, 1, content)]);
        assert!(matches!(violation, Violation::Content { frame: EndFrame, .. }), "{violation}");
    }
}

#[test]
fn close_is_sent_once_and_ends_the_opening_of_calls() {
    let open = &run().encode()[..];
    assert_eq!(violation(&[(Close, 0, CLOSE), (Close, 0, CLOSE)]), Violation::CloseRepeated);
    assert_eq!(violation(&[(Close, 0, CLOSE), (OpenFrame, 1, open)]), Violation::OpenAfterClose { call: 1 });
    assert_eq!(violation(&[(Close, 1, CLOSE)]), Violation::WrongCall { frame: Close, call: 1 });
    assert!(matches!(violation(&[(Close, 0, b"")]), Violation::Content { frame: Close, .. }));
}

#[test]
fn late_frames_are_opened_and_dropped() {
    let (mut enclave, mut client) = Handshake::cheap().enclave_and_hostile_client();
    for number in [1, 2] {
        enclave.receive(&mut client.seal(OpenFrame, number, &run().encode())).unwrap();
    }
    enclave.end(call(1), &End::default()).unwrap();
    enclave.error(call(2), &ErrorMessage::new(ErrorCode::FunctionCrashed, "it died")).unwrap();
    for number in [1, 2] {
        for (frame, content) in
            [(Data, &[0; MAX_FRAME][..]), (Data, b"x"), (Credit, b"1234"), (EndFrame, EMPTY_MAP)]
        {
            assert!(matches!(enclave.receive(&mut client.seal(frame, number, content)), Ok(None)));
        }
    }
    assert_eq!(enclave.data(call(1), b"x"), Err(SendError::CallNotOpen { call: call(1) }));
    assert_eq!(enclave.consumed(call(1), 1 << 20), Ok(None));
}

#[test]
fn after_cancel_input_is_dropped() {
    let (mut enclave, mut client) = Handshake::cheap().enclave_and_hostile_client();
    enclave.receive(&mut client.seal(OpenFrame, 1, &run().encode())).unwrap();
    let cancel = &mut client.seal(Cancel, 1, b"");
    assert!(matches!(enclave.receive(cancel), Ok(Some(ServerEvent::Cancel { .. }))));
    for (frame, content) in [(Data, &b"x"[..]), (Cancel, b""), (EndFrame, EMPTY_MAP)] {
        assert!(matches!(enclave.receive(&mut client.seal(frame, 1, content)), Ok(None)));
    }
    enclave.error(call(1), &ErrorMessage::new(ErrorCode::Cancelled, "as asked")).unwrap();
}

#[test]
fn calls_beyond_the_limit_or_after_close_are_overloaded() {
    let (mut enclave, mut client) = Handshake::cheap().enclave_and_hostile_client();
    let open = |enclave: &mut ServerSession, client: &mut Hostile, number| {
        let mut message = client.seal(OpenFrame, number, &run_with_input(b"").encode());
        match enclave.receive(&mut message).unwrap().unwrap() {
            ServerEvent::Open { .. } => None,
            ServerEvent::Reply(mut reply) => {
                let (header, content) = client.0.open(&mut reply).unwrap();
                assert_eq!(header, Header { frame: ErrorFrame, call: number });
                Some(ErrorMessage::decode(content).unwrap().class())
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(open(&mut enclave, &mut client, 1), None);
    assert_eq!(open(&mut enclave, &mut client, 2), None);
    let overloaded = Some(Some(ErrorCode::Overloaded));
    assert_eq!(open(&mut enclave, &mut client, 3), overloaded, "two calls are allowed");
    let mut end = enclave.end(call(1), &End::default()).unwrap();
    client.0.open(&mut end).unwrap();
    assert_eq!(open(&mut enclave, &mut client, 4), None);
    let mut end = enclave.end(call(4), &End::default()).unwrap();
    client.0.open(&mut end).unwrap();
    let mut close = enclave.close(1001).unwrap();
    client.0.open(&mut close).unwrap();
    assert_eq!(open(&mut enclave, &mut client, 5), overloaded, "the enclave is closing");
    assert!(!enclave.is_finished());
    enclave.end(call(2), &End::default()).unwrap();
    assert!(enclave.is_finished());
}
