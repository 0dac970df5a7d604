//! Calls through the public functions of both roles.

use cape_core::ErrorCode;
use cape_core::session::{
    BULK_FRAME, CallId, ClientEvent, End, Error, ErrorMessage, FRAME_OVERHEAD, INITIAL_CREDIT, MAX_INLINE,
    MAX_LOG, MAX_OPEN, Open, Options, SendError, ServerEvent, Usage,
};

use super::support::{MAX_CALLS, Vector, run, run_with_input};

const FIRST: CallId = CallId::new(1).unwrap();

#[test]
fn a_small_call_is_one_message_each_way() {
    let (mut client, mut server) = Vector::x25519().session(&run_with_input(b"hello"));
    let usage = Usage { duration_us: Some(120), cold: Some(true), ..Usage::default() };
    let end = End { usage, output: b"olleh".to_vec(), ..End::default() };
    let mut message = server.end(FIRST, &end).unwrap();
    match client.receive(&mut message).unwrap() {
        Some(ClientEvent::End { call, end: received }) => assert_eq!((call, *received), (FIRST, end)),
        other => panic!("{other:?}"),
    }
    assert_eq!((client.open_calls(), server.open_calls()), (0, 0));
    assert_eq!(client.socket_closed(), Ok(()));
}

#[test]
fn input_streams_as_far_as_it_is_consumed() {
    let (mut client, mut server) = Vector::all().swap_remove(3).session(&run());
    let (mut sent, mut received) = (0, 0);
    let total = 5 * INITIAL_CREDIT as usize + 77;
    let chunk = vec![0x61; BULK_FRAME];
    while received < total {
        while sent < total && client.sendable(FIRST) > 0 {
            let size = chunk.len().min(total - sent).min(client.sendable(FIRST) as usize);
            let mut message = client.data(FIRST, &chunk[..size]).unwrap();
            assert_eq!(message.len(), size + FRAME_OVERHEAD);
            sent += size;
            match server.receive(&mut message).unwrap() {
                Some(ServerEvent::Data { call, bytes }) => {
                    assert_eq!((call, bytes), (FIRST, &chunk[..size]));
                    received += size;
                }
                other => panic!("{other:?}"),
            }
        }
        assert!(sent - received <= INITIAL_CREDIT as usize);
        if let Some(mut credit) = server.consumed(FIRST, INITIAL_CREDIT as usize).unwrap() {
            match client.receive(&mut credit).unwrap() {
                Some(ClientEvent::Credit { call, available }) => {
                    assert_eq!((call, available), (FIRST, client.sendable(FIRST)));
                }
                other => panic!("{other:?}"),
            }
        }
    }
    let mut end = client.end(FIRST).unwrap();
    assert!(matches!(server.receive(&mut end), Ok(Some(ServerEvent::End { call: FIRST }))));
    assert_eq!(client.data(FIRST, b"x"), Err(SendError::DirectionEnded { call: FIRST }));
    assert_eq!(server.consumed(FIRST, 1 << 20), Ok(None), "no more input will come");
}

#[test]
fn a_frame_written_into_a_buffer_is_the_same_frame() {
    let (mut client, mut server) = Vector::x25519().session(&run());
    let mut message = vec![0; 5 + FRAME_OVERHEAD];
    client.data_into(FIRST, b"hello", &mut message).unwrap();
    assert!(matches!(server.receive(&mut message), Ok(Some(ServerEvent::Data { bytes: b"hello", .. }))));
    let short = client.data_into(FIRST, b"hello", &mut [0; 5]);
    assert_eq!(short, Err(SendError::BufferLength { expected: 29, actual: 5 }));
    assert_eq!(client.sendable(FIRST), u64::from(INITIAL_CREDIT) - 5, "what was not sent costs nothing");
}

#[test]
fn senders_keep_to_the_credit() {
    let (mut client, mut server) = Vector::x25519().session(&run());
    let window = vec![0; INITIAL_CREDIT as usize];
    client.data(FIRST, &window).unwrap();
    let exceeded = SendError::CreditExceeded { call: FIRST, size: 1, credit: 0 };
    assert_eq!(client.data(FIRST, b"x"), Err(exceeded));
    assert_eq!(client.data(FIRST, b""), Err(SendError::EmptyData { call: FIRST }));
    server.data(FIRST, &window).unwrap();
    assert_eq!(server.data(FIRST, b"x"), Err(exceeded));
    let inline = End { output: vec![0; MAX_INLINE], ..End::default() };
    assert!(server.end(FIRST, &inline).is_ok(), "inline bytes need no credit");
}

#[test]
fn limits_of_what_is_sent_inside() {
    let (mut client, mut server) = Vector::x25519().session(&run());
    let (size, limit) = (MAX_INLINE + 1, MAX_INLINE);
    let too_large = SendError::InlineTooLarge { size, limit };
    assert_eq!(client.open(&run_with_input(&vec![0; size])), Err(too_large));
    assert_eq!(server.end(FIRST, &End { output: vec![0; size], ..End::default() }), Err(too_large));
    let open = Open { token: Some("t".repeat(MAX_OPEN)), ..run() };
    let error = client.open(&open).unwrap_err();
    assert!(matches!(error, SendError::OpenTooLarge { limit: MAX_OPEN, .. }));
    assert_eq!(error.code(), ErrorCode::TooLarge);
    assert_eq!(Error::from(error).details()[1], ("limit", MAX_OPEN.to_string()));
}

#[test]
fn an_error_ends_its_call_alone() {
    let (mut client, mut server) = Vector::x25519().session(&run());
    let (second, mut message) = client.open(&run_with_input(b"")).unwrap();
    server.receive(&mut message).unwrap();
    let error =
        ErrorMessage::new(ErrorCode::FunctionTimeout, "it took longer than 2 s").with_detail("limit_s", "2");
    let mut message = server.error(FIRST, &error).unwrap();
    match client.receive(&mut message).unwrap() {
        Some(ClientEvent::Error { call, error: received }) => assert_eq!((call, received), (FIRST, error)),
        other => panic!("{other:?}"),
    }
    assert_eq!(client.data(FIRST, b"x"), Err(SendError::CallNotOpen { call: FIRST }));
    assert_eq!(client.consumed(FIRST, 1 << 20), Ok(None));
    let mut message = server.end(second, &End::default()).unwrap();
    assert!(matches!(client.receive(&mut message), Ok(Some(ClientEvent::End { .. }))));
}

#[test]
fn a_cancelled_call_is_answered() {
    let (mut client, mut server) = Vector::x25519().session(&run());
    let mut cancel = client.cancel(FIRST).unwrap();
    assert_eq!(client.data(FIRST, b"x"), Err(SendError::DirectionEnded { call: FIRST }));
    assert!(matches!(server.receive(&mut cancel), Ok(Some(ServerEvent::Cancel { call: FIRST }))));
    let mut message = server.error(FIRST, &ErrorMessage::new(ErrorCode::Cancelled, "as asked")).unwrap();
    assert!(matches!(client.receive(&mut message), Ok(Some(ClientEvent::Error { .. }))));
}

#[test]
fn logs_come_when_asked_for_and_are_cut() {
    let (mut client, mut server) = Vector::x25519().session(&run());
    assert_eq!(server.log(FIRST, b"nobody asked"), Ok(None));
    let open = Open { options: Options { log: true, ..Options::default() }, ..run_with_input(b"") };
    let (call, mut message) = client.open(&open).unwrap();
    server.receive(&mut message).unwrap();
    let mut logged = Vec::new();
    let line = [b'x'; 100_000];
    while let Some(mut message) = server.log(call, &line).unwrap() {
        match client.receive(&mut message).unwrap() {
            Some(ClientEvent::Log { call: of, bytes }) => {
                assert_eq!(of, call);
                logged.extend_from_slice(bytes);
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(logged.len(), MAX_LOG);
    assert!(logged.ends_with(b"the rest is dropped]\n"));
}

#[test]
fn closing_lets_calls_finish() {
    let (mut client, mut server) = Vector::x25519().session(&run());
    let mut close = server.close(1001).unwrap();
    assert!(matches!(client.receive(&mut close), Ok(Some(ClientEvent::Close { code: 1001 }))));
    let error = client.open(&run()).unwrap_err();
    assert_eq!((error, error.code()), (SendError::Closing, ErrorCode::Overloaded));
    assert_eq!(server.close(1001), Err(SendError::Closing));
    assert!(!server.is_finished());
    let mut end = server.end(FIRST, &End::default()).unwrap();
    assert!(matches!(client.receive(&mut end), Ok(Some(ClientEvent::End { .. }))));
    assert!(server.is_finished() && !client.is_finished());
    let mut close = client.close(1000).unwrap();
    assert!(matches!(server.receive(&mut close), Ok(Some(ServerEvent::Close { code: 1000 }))));
    assert!(client.is_finished());
}

#[test]
fn a_client_may_close_before_it_has_called() {
    let vector = Vector::xwing();
    let mut client = vector.verify(&vector.bytes("server_hello")).unwrap();
    let mut message = client.close(1000).unwrap();
    let (server, event) = vector.awaiting_client().receive(&mut message, MAX_CALLS).unwrap();
    assert!(matches!(event, Some(ServerEvent::Close { code: 1000 })));
    assert_eq!(server.open_calls(), 0);
}

#[test]
fn an_open_that_crosses_close_is_overloaded() {
    let (mut client, mut server) = Vector::x25519().session(&run());
    let mut close = server.close(1001).unwrap();
    let (second, mut open) = client.open(&run_with_input(b"")).unwrap();
    let Some(ServerEvent::Reply(mut reply)) = server.receive(&mut open).unwrap() else { panic!("no reply") };
    client.receive(&mut close).unwrap();
    match client.receive(&mut reply).unwrap() {
        Some(ClientEvent::Error { call, error }) => {
            assert_eq!((call, error.class()), (second, Some(ErrorCode::Overloaded)));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_session_that_is_over_is_not_told_to_be_closing() {
    let (mut client, mut server) = Vector::x25519().session(&run());
    server.close(1001).unwrap();
    let mut forged = client.close(1000).unwrap();
    forged[8] ^= 1;
    assert!(server.receive(&mut forged).is_err());
    assert_eq!(server.close(1001), Err(SendError::SessionOver));
}

#[test]
fn a_failed_session_takes_its_calls_with_it() {
    let (mut client, mut server) = Vector::x25519().session(&run());
    let mut message = server.fail(&ErrorMessage::new(ErrorCode::ServiceError, "the clock is wrong")).unwrap();
    assert_eq!(server.data(FIRST, b"x"), Err(SendError::CallNotOpen { call: FIRST }));
    assert!(matches!(client.receive(&mut message), Ok(Some(ClientEvent::Failed { .. }))));
    assert_eq!(client.open(&run()), Err(SendError::SessionOver));
}
