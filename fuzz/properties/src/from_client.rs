//! What a client with a session's keys may send: any content in any frame.

use std::collections::BTreeMap;

use cape_core::encoding::cbor::Writer;
use cape_core::session::{
    Branch, CallId, ClientHandshake, INITIAL_CREDIT, Query, ServerEvent, ServerHandshake, ServerSession,
    Suite,
};

use crate::peer::{Peer, frames, input};
use crate::random::Scripted;
use crate::{document, vectors};

const MAX_CALLS: usize = 3;

pub(crate) fn check(input: &[u8]) {
    let (mut session, mut peer) = session();
    // Bytes of input that each call may still send; `None` once the input is whole.
    let mut credit: BTreeMap<CallId, Option<u64>> = BTreeMap::new();
    let (mut last, mut over) = (1, false);
    for (kind, call, content) in frames(input) {
        let mut message = peer.seal(kind, call, content);
        let event = session.receive(&mut message);
        assert!(!over || event.is_err(), "a session that is over stays over");
        let Ok(event) = event else {
            over = true;
            continue;
        };
        match event {
            Some(ServerEvent::Open { call, open }) => {
                assert!(call.get() > last, "calls rise");
                last = call.get();
                credit.insert(call, open.input.is_none().then_some(INITIAL_CREDIT.into()));
            }
            Some(ServerEvent::Data { call, bytes }) => {
                let left =
                    credit.get_mut(&call).and_then(Option::as_mut).expect("an input that is not whole");
                assert!(!bytes.is_empty());
                *left = left.checked_sub(bytes.len() as u64).expect("credit is never exceeded");
            }
            Some(ServerEvent::End { call }) => {
                credit.get_mut(&call).and_then(Option::take).expect("an input that is not whole");
            }
            Some(ServerEvent::Reply(_)) => last = last.max(u32::from(call)),
            Some(ServerEvent::Cancel { .. } | ServerEvent::Close { .. } | ServerEvent::Credit { .. })
            | None => {}
        }
        assert!(session.open_calls() <= MAX_CALLS);
    }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let open = |operation: u64, rest: &dyn Fn(&mut Writer)| {
        let mut writer = Writer::new();
        rest(writer.map(if operation == 1 { 5 } else { 3 }).uint(1).uint(operation));
        writer.into_bytes()
    };
    let run = open(1, &|map| {
        map.uint(2).bytes(&[7; 32]).uint(3).text("token").uint(6).bytes(&[8; 32]);
        map.uint(8).map(2).uint(2).bool(true).uint(3).uint(5000);
    });
    let deploy = open(2, &|map| {
        map.uint(7).text("manifest").uint(8).map(1).uint(4).bool(true);
    });
    let key = open(3, &|map| {
        map.uint(9).bytes(b"").uint(11).map(2).uint(1).bytes(&[7; 32]).uint(2).uint(0x20);
    });
    let mut describe = Writer::new();
    describe.map(2).uint(1).uint(4).uint(9).bytes(b"");
    let describe = describe.into_bytes();
    let mut close = Writer::new();
    close.map(1).uint(1).uint(1000);
    let close = close.into_bytes();
    let (data, end, cancel, credit) = (1, 2, 5, 6);
    vec![
        input(&[
            (0, 2, &run),
            (data, 2, b"input"),
            (end, 2, b"\xa0"),
            (credit, 2, &[0, 0, 0, 9]),
            (7, 0, &close),
        ]),
        input(&[(0, 2, &deploy), (data, 2, b"bundle"), (cancel, 2, b"")]),
        input(&[(0, 2, &key), (0, 3, &describe), (0, 4, &describe), (credit, 1, &[1, 0, 0, 0])]),
    ]
}

/// The enclave's side of the published handshake, after its first message; the next one has counter 1.
fn session() -> (ServerSession, Peer) {
    let handshake = vectors::cheap_handshake();
    let client = ClientHandshake::new(handshake.offer(), &mut Scripted::new(handshake.bytes("client_nonce")));
    let query = Query::parse(&client.query()).expect("a query");
    let drawn = [handshake.bytes("kem_private"), handshake.bytes("server_nonce")].concat();
    let server = ServerHandshake::new(&query, &Suite::ALL, &mut Scripted::new(drawn)).expect("a suite");
    let (hello, awaiting) = server.hello(&document::document_of(handshake), Branch::alone());
    assert_eq!(hello, handshake.bytes("server_hello"));
    let mut first = handshake.message(0);
    let (session, _) = awaiting.receive(&mut first, MAX_CALLS).expect("the published message");
    (session, Peer::new(&handshake.export("c2e key"), &handshake.export("c2e iv"), 1))
}
