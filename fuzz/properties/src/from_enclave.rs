//! What an enclave with a session's keys may send: any content in any frame, to a client that has one
//! call of each operation open.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use cape_core::attest::ChainCache;
use cape_core::crypto::{Kem, KemPrivateKey, Secret, setup_receiver, sha256};
use cape_core::encoding::cbor::Writer;
use cape_core::session::{
    Answer, CallId, ClientEvent, ClientHandshake, ClientSession, INITIAL_CREDIT, KeyRequest, MAX_LOG, Open,
    Options, Request,
};

use crate::peer::{Peer, frames, input};
use crate::random::Scripted;
use crate::vectors;

static CACHE: LazyLock<ChainCache> = LazyLock::new(ChainCache::new);

const KEY: KeyRequest = KeyRequest { account: [7; 32], kem: Kem::X25519 };

pub(crate) fn check(input: &[u8]) {
    let (mut session, mut peer) = session();
    let mut open: BTreeMap<CallId, (u64, usize)> = (1..=4)
        .map(|number| (CallId::new(number).expect("a call"), (u64::from(INITIAL_CREDIT), MAX_LOG)))
        .collect();
    let mut over = false;
    for (kind, call, content) in frames(input) {
        let mut message = peer.seal(kind, call, content);
        let event = session.receive(&mut message);
        assert!(!over || event.is_err(), "a session that is over stays over");
        let Ok(event) = event else {
            over = true;
            continue;
        };
        match event {
            Some(ClientEvent::Data { call, bytes }) => {
                let (credit, _) = open.get_mut(&call).expect("an open call");
                assert!(!bytes.is_empty());
                *credit = credit.checked_sub(bytes.len() as u64).expect("credit is never exceeded");
            }
            Some(ClientEvent::Log { call, bytes }) => {
                let (_, log) = open.get_mut(&call).expect("an open call");
                assert_eq!(call.get(), 1, "a log that was asked for");
                *log = log.checked_sub(bytes.len()).expect("a log of at most 1 MiB");
            }
            Some(ClientEvent::End { call, end }) => {
                open.remove(&call).expect("an open call");
                match (call.get(), &end.answer) {
                    (1 | 2, None) => {}
                    (3, Some(Answer::Key(answer))) => assert_eq!(answer.request, KEY),
                    // The published document vouches for no description that is known here.
                    (number, answer) => panic!("{answer:?} for call {number}"),
                }
            }
            Some(ClientEvent::Error { call, .. }) => _ = open.remove(&call).expect("an open call"),
            Some(ClientEvent::Failed { .. }) => {
                (open, over) = (BTreeMap::new(), true);
            }
            Some(ClientEvent::Credit { call, .. }) => assert!(open.contains_key(&call)),
            Some(ClientEvent::Close { .. }) | None => {}
        }
        assert_eq!(session.open_calls(), open.len());
    }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let mut end = Writer::new();
    end.map(2).uint(1).bytes(&sha256(&[b"output"])).uint(2).map(2).uint(1).uint(5).uint(4).bool(true);
    let mut inline = Writer::new();
    inline.map(5).uint(1).bytes(&sha256(&[b"output"])).uint(2).map(0).uint(3).bytes(b"receipt");
    inline.uint(4).map(2).uint(1).bytes(&[1; 32]).uint(2).bytes(&[2; 32]).uint(5).bytes(b"output");
    let mut key = Writer::new();
    key.map(3).uint(1).bytes(&sha256(&[])).uint(2).map(0).uint(6).map(4).uint(1).bytes(&[7; 32]);
    key.uint(2).uint(0x20).uint(3).uint(0).uint(4).bytes(&vectors::key("x25519", "public"));
    let mut describe = Writer::new();
    describe.map(3).uint(1).bytes(&sha256(&[])).uint(2).map(0).uint(6).map(3);
    describe.uint(1).bytes(&crate::description::example().encode());
    describe.uint(2).bytes(&vectors::cheap_handshake().bytes("receipt_key_spki"));
    describe.uint(3).map(4).uint(1).uint(8).uint(2).uint(0).uint(3).uint(0).uint(4).uint(1_790_000_000_000);
    let mut error = Writer::new();
    error.map(3).uint(1).text("FunctionFailed").uint(2).text("why").uint(3).map(1).text("limit").text("5");
    let mut close = Writer::new();
    close.map(1).uint(1).uint(1000);
    let [end, inline, key, describe, error, close] =
        [end, inline, key, describe, error, close].map(Writer::into_bytes);
    vec![
        input(&[(4, 1, b"log"), (1, 1, b"output"), (2, 1, &end), (6, 2, &[0, 0, 1, 0]), (7, 0, &close)]),
        input(&[(2, 1, &inline), (3, 2, &error), (2, 3, &key)]),
        input(&[(2, 4, &describe)]),
        input(&[(3, 1, &error), (3, 0, &error)]),
    ]
}

fn session() -> (ClientSession, Peer) {
    let handshake = vectors::cheap_handshake();
    let client = ClientHandshake::new(handshake.offer(), &mut Scripted::new(handshake.bytes("client_nonce")));
    let (hello, roots, policy) = (handshake.bytes("server_hello"), handshake.roots(), handshake.policy());
    let rng = &mut Scripted::new(Vec::new());
    let session = client.verify(&hello, &roots, &policy, Some(&CACHE), handshake.now(), rng);
    let mut session = session.expect("the published handshake");

    let run = Open {
        options: Options { log: true, ..Options::default() },
        ..Open::new(Request::Run { checksum: [7; 32] })
    };
    let deploy = Open::new(Request::Deploy { manifest: "manifest".to_owned() });
    let (_, first) = session.open(&run).expect("a call");
    for open in [deploy, Open::new(Request::Key(KEY)), Open::new(Request::Describe)] {
        session.open(&open).expect("a call");
    }

    let kem = handshake.suite().kem();
    let private = KemPrivateKey::from_seed(kem, Secret::take(&mut handshake.array("kem_private")));
    let encapsulated = &first[..kem.encapsulated_length()];
    let exporter =
        setup_receiver(&private, encapsulated, &handshake.bytes("info")).expect("an encapsulated key");
    let (key, iv) = (exporter.export::<32>(b"e2c key"), exporter.export::<12>(b"e2c iv"));
    (session, Peer::new(key.expose(), iv.expose(), 0))
}
