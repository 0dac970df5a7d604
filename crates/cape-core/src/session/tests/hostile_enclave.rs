//! An enclave with the session's keys that breaks the rules. A proven enclave does not; but neither
//! a fault nor a swapped frame may come out as a result.

use FrameType::{Cancel, Close, Credit, Data, End as EndFrame, Error as ErrorFrame, Log, Open as OpenFrame};

use super::*;
use crate::crypto::{Kem, sha256};
use crate::{ErrorCode, session};

/// What the client makes of frames, the last of which breaks a rule, after it has begun call 1.
fn violation(open: &Open, frames: &[(FrameType, u32, &[u8])]) -> Violation {
    let (mut client, mut enclave) = Handshake::cheap().client_and_hostile_enclave();
    client.open(open).unwrap();
    let (last, before) = frames.split_last().unwrap();
    for (frame, call, content) in before {
        client.receive(&mut enclave.seal(*frame, *call, content)).unwrap();
    }
    let (frame, number, content) = *last;
    let violation = client.receive(&mut enclave.seal(frame, number, content)).unwrap_err();
    let mut more = enclave.seal(Close, 0, &[0xa1, 1, 0]);
    assert_eq!(client.receive(&mut more).unwrap_err(), Violation::SessionOver);
    assert_eq!(client.open(open).unwrap_err(), SendError::SessionOver);
    violation
}

#[test]
fn output_that_is_not_what_the_end_states() {
    let mismatch = Violation::OutputMismatch { call: call(1) };
    let right = |output: &[u8]| End { output: output.to_vec(), ..End::default() };
    let digest = sha256(&[b"hello"]);
    for (data, tail) in [(&b"hell"[..], &b""[..]), (b"hello", b"o"), (b"jell", b"o"), (b"ello", b"h")] {
        let end = right(tail).encode(&digest);
        assert_eq!(violation(&run(), &[(Data, 1, data), (EndFrame, 1, &end)]), mismatch);
    }
    let (mut client, mut enclave) = Handshake::cheap().client_and_hostile_enclave();
    client.open(&run()).unwrap();
    client.receive(&mut enclave.seal(Data, 1, b"hell")).unwrap();
    let mut message = enclave.seal(EndFrame, 1, &right(b"o").encode(&digest));
    match client.receive(&mut message).unwrap() {
        Some(ClientEvent::End { call: id, end }) => assert_eq!((id, &end.output[..]), (call(1), &b"o"[..])),
        other => panic!("{other:?}"),
    }
}

#[test]
fn frames_after_the_end_of_a_call() {
    let end = &End::default().encode(&sha256(&[]))[..];
    let error = &ErrorMessage::new(ErrorCode::FunctionError, "").encode()[..];
    for ending in [(EndFrame, 1, end), (ErrorFrame, 1, error)] {
        for (frame, content) in
            [(Data, &b"x"[..]), (EndFrame, end), (ErrorFrame, error), (Log, b"x"), (Credit, b"1234")]
        {
            let unknown = Violation::CallUnknown { frame, call: 1 };
            assert_eq!(violation(&run(), &[ending, (frame, 1, content)]), unknown);
        }
    }
}

#[test]
fn calls_that_were_never_opened() {
    for frame in [Data, EndFrame, ErrorFrame, Log, Credit] {
        assert_eq!(violation(&run(), &[(frame, 2, b"")]), Violation::CallUnknown { frame, call: 2 });
    }
    for frame in [Data, EndFrame, Log, Credit] {
        assert_eq!(violation(&run(), &[(frame, 0, b"")]), Violation::WrongCall { frame, call: 0 });
    }
}

#[test]
fn frames_of_the_client_are_forbidden() {
    for frame in [Cancel, OpenFrame] {
        assert_eq!(violation(&run(), &[(frame, 1, b"")]), Violation::FrameTypeForbidden { frame });
    }
}

#[test]
fn data_beyond_the_credit() {
    let window = vec![0; MAX_FRAME];
    let exceeded = Violation::CreditExceeded { call: call(1), size: 1, credit: 0 };
    assert_eq!(violation(&run(), &[(Data, 1, &window), (Data, 1, b"x")]), exceeded);
    assert_eq!(violation(&run(), &[(Data, 1, b"")]), Violation::EmptyData { call: call(1) });
}

#[test]
fn more_inside_the_end_than_belongs_there() {
    let (size, limit) = (MAX_INLINE + 1, MAX_INLINE);
    let end = End { output: vec![0; size], ..End::default() };
    let content = end.encode(&sha256(&[&end.output]));
    let inline = Violation::InlineTooLarge { frame: EndFrame, size, limit };
    assert_eq!(violation(&run(), &[(EndFrame, 1, &content)]), inline);
}

#[test]
fn logs_that_were_not_asked_for_or_are_too_large() {
    let unwanted = Violation::LogUnwanted { call: call(1) };
    assert_eq!(violation(&run(), &[(Log, 1, b"x")]), unwanted);
    let open = Open { options: Options { log: true, ..Options::default() }, ..run() };
    let too_large = Violation::LogTooLarge { call: call(1), limit: MAX_LOG };
    let full = vec![b'x'; MAX_LOG];
    assert_eq!(violation(&open, &[(Log, 1, &full), (Log, 1, b"x")]), too_large);
    assert_eq!(too_large.code(), ErrorCode::TooLarge);
}

#[test]
fn contents_of_the_small_frames() {
    assert_eq!(violation(&run(), &[(Credit, 1, b"123")]), Violation::CreditMalformed { size: 3 });
    let close: &[u8] = &[0xa1, 1, 0];
    assert_eq!(violation(&run(), &[(Close, 0, close), (Close, 0, close)]), Violation::CloseRepeated);
    assert_eq!(violation(&run(), &[(Close, 1, close)]), Violation::WrongCall { frame: Close, call: 1 });
    for frame in [EndFrame, ErrorFrame] {
        let violation = violation(&run(), &[(frame, 1, b"")]);
        assert!(matches!(violation, Violation::Content { .. }), "{violation}");
    }
}

#[test]
fn credit_for_input_that_has_ended_means_nothing() {
    let (mut client, mut enclave) = Handshake::cheap().client_and_hostile_enclave();
    client.open(&run_with_input(b"hello")).unwrap();
    assert!(matches!(client.receive(&mut enclave.seal(Credit, 1, &[0xff; 4])), Ok(None)));
    client.open(&run()).unwrap();
    let more_than_32_bits = u64::from(INITIAL_CREDIT) + 2 * u64::from(u32::MAX);
    client.receive(&mut enclave.seal(Credit, 2, &[0xff; 4])).unwrap();
    client.receive(&mut enclave.seal(Credit, 2, &[0xff; 4])).unwrap();
    assert_eq!(client.sendable(call(2)), more_than_32_bits);
}

#[test]
fn a_key_of_another_account_or_mechanism() {
    let handshake = Handshake::cheap();
    let request = KeyRequest { account: [1; 32], kem: Kem::X25519 };
    let open = Open::new(Request::Key(request));
    let answer = |request| {
        let answer = Answer::Key(KeyAnswer { request, epoch: 0, public_key: handshake.public_key() });
        End { answer: Some(answer), ..End::default() }.encode(&sha256(&[]))
    };
    let other = KeyRequest { account: [2; 32], ..request };
    assert_eq!(violation(&open, &[(EndFrame, 1, &answer(other))]), Violation::KeyMismatch);
    let (mut client, mut enclave) = handshake.client_and_hostile_enclave();
    client.open(&open).unwrap();
    let mut message = enclave.seal(EndFrame, 1, &answer(request));
    assert!(matches!(client.receive(&mut message), Ok(Some(ClientEvent::End { .. }))));
}

#[test]
fn a_description_that_the_document_does_not_vouch_for() {
    let open = Open::new(Request::Describe);
    let receipt_key = Handshake::cheap().bytes("receipt_key_spki");
    let end = |description: &[u8], receipt_key: &[u8]| {
        let (description, receipt_key) = (description.to_vec(), receipt_key.to_vec());
        let answer = DescribeAnswer { description, receipt_key, state: PresentState::default() };
        End { answer: Some(Answer::Describe(answer)), ..End::default() }.encode(&sha256(&[]))
    };
    for content in [end(b"other", &receipt_key), end(b"toy", b"other")] {
        assert_eq!(violation(&open, &[(EndFrame, 1, &content)]), Violation::DescriptionMismatch);
    }
    let (mut client, mut enclave) = Handshake::cheap().client_and_hostile_enclave();
    client.open(&open).unwrap();
    let mut message = enclave.seal(EndFrame, 1, &end(b"toy", &receipt_key));
    assert!(matches!(client.receive(&mut message), Ok(Some(ClientEvent::End { .. }))));
}

#[test]
fn a_receipt_key_that_the_document_does_not_vouch_for() {
    let handshake = Handshake::cheap();
    let end = |receipt_key| {
        End { receipt: Some(vec![1]), receipt_key: Some(receipt_key), ..End::default() }.encode(&sha256(&[]))
    };
    let mismatch = Violation::ReceiptKeyMismatch { call: call(1) };
    assert_eq!(violation(&proven_run(), &[(EndFrame, 1, &end(vec![1; 120]))]), mismatch);
    let (mut client, mut enclave) = handshake.client_and_hostile_enclave();
    client.open(&proven_run()).unwrap();
    let mut message = enclave.seal(EndFrame, 1, &end(handshake.bytes("receipt_key_spki")));
    assert!(matches!(client.receive(&mut message), Ok(Some(ClientEvent::End { .. }))));
}

#[test]
fn a_receipt_that_was_asked_for_and_is_missing() {
    let end = &End::default().encode(&sha256(&[]))[..];
    let missing = violation(&proven_run(), &[(EndFrame, 1, end)]);
    assert_eq!(missing, Violation::ReceiptMissing { call: call(1) });
    assert_eq!(missing.code(), ErrorCode::ReceiptInvalid);
    assert_eq!(missing.details(), [("reason", "missing".to_owned())]);

    // A handler that had not begun has none.
    let (mut client, mut enclave) = Handshake::cheap().client_and_hostile_enclave();
    client.open(&proven_run()).unwrap();
    let error = ErrorMessage::new(ErrorCode::FunctionError, "").encode();
    let mut message = enclave.seal(ErrorFrame, 1, &error);
    assert!(matches!(client.receive(&mut message), Ok(Some(ClientEvent::Error { .. }))));
}

#[test]
fn a_receipt_that_was_not_asked_for() {
    let key = Handshake::cheap().bytes("receipt_key_spki");
    let unwanted = Violation::ReceiptUnwanted { call: call(1) };
    for (receipt, key) in [(Some(vec![1]), Some(key.clone())), (Some(vec![1]), None), (None, Some(key))] {
        let end = End { receipt: receipt.clone(), receipt_key: key.clone(), ..End::default() };
        assert_eq!(violation(&run(), &[(EndFrame, 1, &end.encode(&sha256(&[])))]), unwanted);
        let error = ErrorMessage::new(ErrorCode::FunctionError, "");
        let error = ErrorMessage { receipt, receipt_key: key, ..error };
        assert_eq!(violation(&run(), &[(ErrorFrame, 1, &error.encode())]), unwanted);
    }
    // Only a run has one, whatever OPEN says.
    let open = Open { call_nonce: Some([1; 32]), ..Open::new(Request::Deploy { manifest: String::new() }) };
    let end = End { receipt: Some(vec![1]), ..End::default() };
    assert_eq!(violation(&open, &[(EndFrame, 1, &end.encode(&sha256(&[])))]), unwanted);
}

#[test]
fn an_error_on_the_connection_ends_it() {
    let (mut client, mut enclave) = Handshake::cheap().client_and_hostile_enclave();
    client.open(&run()).unwrap();
    let error = ErrorMessage::new(ErrorCode::Overloaded, "the enclave stops");
    let mut message = enclave.seal(ErrorFrame, 0, &error.encode());
    match client.receive(&mut message).unwrap() {
        Some(ClientEvent::Failed { error: received }) => assert_eq!(received, error),
        other => panic!("{other:?}"),
    }
    assert_eq!(client.open(&run()), Err(SendError::SessionOver));
    assert_eq!(client.socket_closed(), Ok(()), "the error has told it already");
}

#[test]
fn a_socket_that_closes_before_the_end_is_a_truncated_stream() {
    let (mut client, mut enclave) = Handshake::cheap().client_and_hostile_enclave();
    client.open(&run()).unwrap();
    client.open(&run()).unwrap();
    client.receive(&mut enclave.seal(Data, 1, b"half of it")).unwrap();
    let error = client.socket_closed().unwrap_err();
    assert_eq!(error, session::Error::StreamTruncated { calls: 2 });
    assert_eq!(error.code(), ErrorCode::StreamTruncated);
}
