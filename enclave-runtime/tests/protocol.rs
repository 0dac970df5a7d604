//! Clients that do not keep to the protocol, and connections that nobody uses.

mod support;

use std::time::Duration;

use cape_core::attest::Policy;
use cape_core::identity::Checksum;
use cape_core::session::{ClientEvent, ClientHandshake, MAX_OPEN, Offer, Open, Request, SendError, Suite};
use futures_util::{SinkExt, StreamExt};
use getrandom::SysRng;
use rand_core::UnwrapErr;
use serde_json::Value;
use support::{Function, Greeted, Platform, Runtime, account, eventually, now, run_request, upgrade};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

const NONCE: &str = "2ZEUkT5OsG9HaOUpht99MS5f0ufDnnjQ9BQRSLJ6G4k";
const UPGRADE: &str = "Host: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// Sends a request and returns the answer's status and body.
async fn http(runtime: &Runtime<'_>, request: &str) -> (u16, Option<Value>) {
    let mut stream = TcpStream::connect(("127.0.0.1", runtime.port)).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    tokio::time::timeout(Duration::from_secs(60), read).await.expect("an end").unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), serde_json::from_str(body).ok())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_no_session_is_told_why() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let protocol = "Sec-WebSocket-Protocol: cape.v2\r\n";
    let query = format!("nonce={NONCE}&suites=1,2");
    let get = |target: &str, headers: &str| format!("GET {target} HTTP/1.1\r\n{headers}\r\n");
    let session = |query: &str| get(&format!("/v2/session?{query}"), &format!("{UPGRADE}{protocol}"));
    for request in [
        session(""),
        session("suites=1"),
        session(&format!("nonce={NONCE}")),
        session(&format!("nonce={}&suites=1", &NONCE[1..])),
        session(&format!("{query}&suites=1")),
        session(&format!("{query}&more=1")),
        session(&format!("nonce={NONCE}&suites=9")),
        session(&format!("nonce={NONCE}&suites=0")),
        session(&format!("nonce={NONCE}&suites=")),
        get(&format!("/v2/session?{query}"), UPGRADE),
        get(&format!("/v2/session?{query}"), &format!("{UPGRADE}Sec-WebSocket-Protocol: cape.v1\r\n")),
        get(&format!("/v2/session?{query}"), &format!("Host: x\r\n{protocol}")),
        get(&format!("/v2/session?{query}"), &format!("{}{protocol}", UPGRADE.replace("13", "12"))),
        get(&format!("/v2/session?{query}"), &format!("{}{protocol}", UPGRADE.replace("Key", "Cue"))),
        session(&query).replace("GET", "POST"),
    ] {
        let (status, body) = http(&runtime, &request).await;
        assert_eq!(status, 400, "{request}");
        let body = body.unwrap();
        assert_eq!(body["code"], "ProtocolError", "{request}");
        assert!(body["message"].as_str().unwrap().len() > 5);
    }
    assert_eq!(http(&runtime, &get("/v1/session", "Host: x\r\n")).await.0, 404);
    let flood = format!("X: {}\r\n", "x".repeat(8_000_000));
    assert!((400..500).contains(&http(&runtime, &get("/v2/session", &flood)).await.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_honest_query_gets_the_first_suite_that_both_know() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    for (offer, expected) in [("1,2", 1), ("2,1", 2), ("4", 4), ("9,3", 3), ("200,9,4,1", 4)] {
        let mut socket = upgrade(runtime.port, &format!("nonce={NONCE}&suites={offer}")).await.unwrap();
        let hello = socket.next().await.unwrap().unwrap().into_data();
        // CBOR: a map of six, key 1.
        assert_eq!((hello[0], hello[1], hello[2]), (0xa6, 1, expected), "{offer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_breaks_the_protocol_ends_the_connection_with_1002() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let query = format!("nonce={NONCE}&suites=1,2");
    for first in [vec![], vec![0; 10], vec![7; 1120 + 24], vec![7; 5000], vec![0; (1 << 20) + 4096]] {
        let mut socket = upgrade(runtime.port, &query).await.unwrap();
        socket.next().await.unwrap().unwrap();
        socket.send(Message::Binary(first.clone().into())).await.unwrap();
        assert_eq!(close_code(socket.next().await), Some(CloseCode::Protocol), "{} bytes", first.len());
    }
    let mut socket = upgrade(runtime.port, &query).await.unwrap();
    socket.next().await.unwrap().unwrap();
    socket.send(Message::Text("hello".into())).await.unwrap();
    assert_eq!(close_code(socket.next().await), Some(CloseCode::Protocol));
}

/// A reset would overtake the close frame.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_still_sending_reads_why_it_ended() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let mut socket = upgrade(runtime.port, &format!("nonce={NONCE}&suites=1")).await.unwrap();
    socket.next().await.unwrap().unwrap();
    // RFC 6455, section 5.2: a final binary frame, masked with zeros, of 8 MiB; half of it comes.
    let mut frame = vec![0x82, 0xff];
    frame.extend((8_u64 << 20).to_be_bytes());
    frame.extend([0; 4]);
    let stream = socket.get_mut();
    stream.write_all(&frame).await.unwrap();
    for _ in 0..64 {
        stream.write_all(&[0; 64 << 10]).await.unwrap();
    }
    assert_eq!(close_code(socket.next().await), Some(CloseCode::Protocol));
}

/// Who has proved nothing yet makes the enclave hold what an OPEN takes, not what any message may take.
#[tokio::test(flavor = "multi_thread")]
async fn a_first_message_has_room_for_open_and_no_more() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let mut client = runtime.connect().await;
    let with_token_of = |bytes| {
        let open = run_request(Checksum::from_bytes([1; 32]));
        Open { token: Some("t".repeat(bytes)), ..open }
    };
    let Err(SendError::OpenTooLarge { size, limit }) = client.session.open(&with_token_of(MAX_OPEN)) else {
        panic!("it has no room beside a token of that length")
    };
    // A few bytes say that there is no input.
    let largest = with_token_of(MAX_OPEN - (size - limit) - 8);
    let failed = client.call(largest, b"").await.unwrap_err();
    assert_eq!(failed.name(), "NotFound");
    drop(client);

    let before = runtime.memory();
    let mut sockets = Vec::new();
    for _ in 0..64 {
        let mut socket = upgrade(runtime.port, &format!("nonce={NONCE}&suites=1")).await.unwrap();
        socket.next().await.unwrap().unwrap();
        // As above, of a MiB, of which the last byte does not come.
        let mut frame = vec![0x82, 0xff];
        frame.extend((1_u64 << 20).to_be_bytes());
        frame.resize(14 + (1 << 20) - 1, 0);
        socket.get_mut().write_all(&frame).await.unwrap();
        sockets.push(socket);
    }
    for socket in &mut sockets {
        assert_eq!(close_code(socket.next().await), Some(CloseCode::Protocol));
    }
    let grown = runtime.peak_memory().saturating_sub(before);
    assert!(grown < 64 * (256 << 10), "{grown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_that_is_altered_or_replayed_ends_the_connection() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    for alter in [true, false] {
        let mut client = runtime.connect().await;
        client.describe().await;
        let (_, message) = client.session.open(&Open::new(Request::Describe)).unwrap();
        let mut second = message.clone();
        if alter {
            *second.last_mut().unwrap() ^= 1;
        } else {
            client.send(message).await;
            client.receive().await.unwrap();
        }
        client.send(second).await;
        assert!(client.receive().await.is_none(), "{alter}");
    }
}

/// The client's first message belongs to one ServerHello.
#[tokio::test(flavor = "multi_thread")]
async fn a_replayed_first_message_opens_nothing() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let rng = &mut UnwrapErr(SysRng);
    let handshake = ClientHandshake::new(Offer::new(&Suite::ALL).unwrap(), rng);
    let query = handshake.query();
    let mut first = upgrade(runtime.port, &query).await.unwrap();
    let hello = first.next().await.unwrap().unwrap().into_data();
    let policy: &Policy = &platform.policy;
    let mut session = handshake.verify(&hello, &platform.roots, policy, None, now(), rng).unwrap();
    let (_, message) = session.open(&Open::new(Request::Describe)).unwrap();
    first.send(Message::Binary(message.clone().into())).await.unwrap();
    assert!(matches!(first.next().await, Some(Ok(Message::Binary(_)))));

    let mut second = upgrade(runtime.port, &query).await.unwrap();
    second.next().await.unwrap().unwrap();
    second.send(Message::Binary(message.into())).await.unwrap();
    assert_eq!(close_code(second.next().await), Some(CloseCode::Protocol));
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_say_nothing_are_not_waited_for() {
    let platform = Platform::with_limits("handshake_timeout_s = 3\nidle_timeout_s = 3").await;
    let runtime = platform.start();
    let mut silent = TcpStream::connect(("127.0.0.1", runtime.port)).await.unwrap();
    assert_eq!(silent.read(&mut [0; 10]).await.unwrap(), 0);
    let mut upgraded = upgrade(runtime.port, &format!("nonce={NONCE}&suites=1")).await.unwrap();
    upgraded.next().await.unwrap().unwrap();
    assert!(close_code(upgraded.next().await).is_some());

    // An idle connection is closed with CLOSE; one that is used is not.
    let mut idle = runtime.connect().await;
    idle.describe().await;
    let mut busy = runtime.connect().await;
    for _ in 0..8 {
        busy.describe().await;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let mut close = idle.receive().await.expect("CLOSE");
    let event = idle.session.receive(&mut close).unwrap();
    assert!(matches!(event, Some(ClientEvent::Close { .. })), "{event:?}");
    assert!(idle.receive().await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_input_that_does_not_go_on_is_given_up() {
    let platform = Platform::with_limits("idle_timeout_s = 3").await;
    let runtime = platform.start();
    let account = account();
    let function = Function::new(&platform, &account, "def cape_handler(data):\n    return data\n");
    let mut client = runtime.connect().await;
    client.deploy(&account, &function).await.unwrap();
    let open = client.own_run_request(&account, function.checksum());
    let (call, message) = client.session.open(&open).unwrap();
    client.send(message).await;
    let mut answer = client.receive().await.unwrap();
    match client.session.receive(&mut answer).unwrap() {
        Some(ClientEvent::Error { call: failed, error }) => {
            assert_eq!((failed, error.name.as_str()), (call, "TimeoutExpired"));
        }
        other => panic!("{other:?}"),
    }
}

/// A client may grant more only when nothing is left, however the output is cut.
#[tokio::test(flavor = "multi_thread")]
async fn the_last_byte_of_credit_is_used() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let account = account();
    let source = "def cape_handler(data):\n    for _ in range(30): yield bytes(100_001)\n";
    let function = Function::new(&platform, &account, source);
    let mut client = runtime.connect().await;
    client.deploy(&account, &function).await.unwrap();
    let mut open = client.own_run_request(&account, function.checksum());
    open.input = Some(Vec::new());
    let (call, message) = client.session.open(&open).unwrap();
    client.send(message).await;
    let (mut received, mut left) = (0, 1 << 20);
    loop {
        let mut message = client.receive().await.unwrap();
        match client.session.receive(&mut message).unwrap() {
            Some(ClientEvent::Data { bytes, .. }) => {
                received += bytes.len();
                left -= bytes.len();
                if left == 0 {
                    left = 300_000;
                    let credit = client.session.credit(call, 300_000).unwrap();
                    client.send(credit).await;
                }
            }
            Some(ClientEvent::End { end, .. }) => {
                assert_eq!(received + end.output.len(), 30 * 100_001);
                break;
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_and_calls_are_limited() {
    let limits = "connections = 2\ncalls_per_connection = 2";
    let platform = Platform::with_limits(limits).await;
    let runtime = platform.start();
    let mut first = runtime.connect().await;
    let second = runtime.connect().await;
    first.describe().await;
    let refused = upgrade(runtime.port, &format!("nonce={NONCE}&suites=1")).await.unwrap_err();
    assert!(refused.to_string().contains("503"), "{refused}");
    drop(second);
    let again = eventually(async || Greeted::try_begin(runtime.port, &Suite::ALL).await.ok()).await;
    let mut third = again.attested(&platform.roots, &platform.policy, now()).await;
    let account = account();
    let function = Function::new(
        &platform,
        &account,
        "import time\ndef cape_handler(data):\n    time.sleep(3)\n    return data\n",
    );
    third.deploy(&account, &function).await.unwrap();
    let mut calls = Vec::new();
    for _ in 0..2 {
        let mut open = support::run_request(function.checksum());
        open.token = Some(function.token(&account));
        calls.push(third.start(open, b"x").await);
    }
    let failed = third.start(Open::new(Request::Describe), b"").await;
    let (ended, result) = third.next_end().await.unwrap();
    assert_eq!((ended, result.unwrap_err().name.as_str()), (failed, "Overloaded"));
    for _ in calls {
        third.next_end().await.unwrap().1.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_handshakes_a_second_are_told_so() {
    let platform = Platform::with_limits("handshakes_per_second = 1").await;
    let runtime = platform.start();
    let query = format!("nonce={NONCE}&suites=2");
    for _ in 0..100 {
        if let Err(error) = upgrade(runtime.port, &query).await {
            return assert!(error.to_string().contains("429"), "{error}");
        }
    }
    panic!("nothing was refused");
}

type Next = Option<Result<Message, tokio_tungstenite::tungstenite::Error>>;

fn close_code(next: Next) -> Option<CloseCode> {
    match next {
        Some(Ok(Message::Close(Some(frame)))) => {
            assert!(frame.reason.is_empty(), "no other word");
            Some(frame.code)
        }
        other => panic!("{other:?}"),
    }
}
