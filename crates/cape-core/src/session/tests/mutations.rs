//! Neither role panics, whatever comes: messages of random bytes, and frames that open but hold
//! random or damaged content, in every state.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::crypto::sha256;

/// Contents that are right for some frame, to be damaged.
fn contents() -> Vec<Vec<u8>> {
    let end = End {
        output: b"tail".to_vec(),
        salts: Some(Salts { input: [1; 32], output: None }),
        ..End::default()
    };
    let error =
        ErrorMessage::new(crate::ErrorCode::FunctionError, "it failed").with_detail("type", "ValueError");
    vec![
        run_with_input(b"input").encode(),
        Open { options: Options { log: true, ..Options::default() }, ..run() }.encode(),
        end.encode(&sha256(&[b"tail"])),
        error.encode(),
        vec![0xa0],
        vec![0xa1, 1, 0x19, 0x03, 0xe8],
        vec![0, 0, 1, 0],
        vec![],
    ]
}

#[derive(Clone, Debug)]
struct Hit {
    frame: usize,
    call: u32,
    content: Content,
}

#[derive(Clone, Debug)]
enum Content {
    Random(Vec<u8>),
    Damaged { which: usize, at: usize, xor: u8 },
    Right(usize),
}

fn hits() -> impl Strategy<Value = Vec<Hit>> {
    let content = prop_oneof![
        vec(any::<u8>(), 0..64).prop_map(Content::Random),
        (0..8_usize, any::<usize>(), any::<u8>()).prop_map(|(which, at, xor)| Content::Damaged {
            which,
            at,
            xor
        }),
        (0..8_usize).prop_map(Content::Right),
    ];
    let hit = (0..8_usize, 0..4_u32, content).prop_map(|(frame, call, content)| Hit { frame, call, content });
    vec(hit, 1..12)
}

impl Hit {
    fn seal(&self, peer: &mut Hostile) -> Vec<u8> {
        const FRAMES: [FrameType; 8] = [
            FrameType::Open,
            FrameType::Data,
            FrameType::End,
            FrameType::Error,
            FrameType::Log,
            FrameType::Cancel,
            FrameType::Credit,
            FrameType::Close,
        ];
        let content = match &self.content {
            Content::Random(bytes) => bytes.clone(),
            Content::Right(which) => contents()[*which].clone(),
            Content::Damaged { which, at, xor } => {
                let mut bytes = contents()[*which].clone();
                if !bytes.is_empty() {
                    let at = at % bytes.len();
                    bytes[at] ^= xor;
                }
                bytes
            }
        };
        peer.seal(FRAMES[self.frame], self.call, &content)
    }
}

thread_local! {
    static CHEAP: Handshake = Handshake::cheap();
    static ATTESTATION: VerifiedAttestation = CHEAP.with(Handshake::attestation);
}

proptest! {
    #[test]
    fn the_enclave_never_panics(hits in hits(), garbage in vec(any::<u8>(), 0..100)) {
        let (mut enclave, mut client) = CHEAP.with(Handshake::enclave_and_hostile_client);
        for hit in hits {
            if enclave.receive(&mut hit.seal(&mut client)).is_err() {
                prop_assert_eq!(enclave.close(1000), Err(SendError::SessionOver));
                return Ok(());
            }
            let _ = enclave.consumed(call(1), 1 << 19);
            let _ = enclave.data(call(2), b"output");
        }
        prop_assert!(enclave.receive(&mut garbage.clone()).is_err());
    }

    #[test]
    fn the_client_never_panics(hits in hits(), garbage in vec(any::<u8>(), 0..100)) {
        let (keys, leaf) = CHEAP.with(|handshake| (handshake.keys(), handshake.array("leaf")));
        let suite = Suite::X25519Aes256Gcm;
        let mut enclave = Hostile(Channel::of_enclave(suite, &keys));
        let mut client = ClientSession::new(ATTESTATION.with(Clone::clone), suite, leaf, keys, vec![]);
        client.open(&run()).unwrap();
        client.open(&Open { options: Options { log: true, ..Options::default() }, ..run() }).unwrap();
        client.open(&Open::new(Request::Describe)).unwrap();
        for hit in hits {
            if client.receive(&mut hit.seal(&mut enclave)).is_err() {
                prop_assert_eq!(client.close(1000), Err(SendError::SessionOver));
                return Ok(());
            }
            let _ = client.consumed(call(1), 1 << 19);
            let _ = client.data(call(2), b"input");
        }
        prop_assert!(client.receive(&mut garbage.clone()).is_err());
    }

    #[test]
    fn a_server_hello_never_panics(bytes in vec(any::<u8>(), 0..200), at: usize, xor: u8) {
        let offer = Offer::new(&Suite::ALL).unwrap();
        let _ = ServerHello::decode(&bytes, &offer);
        let mut hello = CHEAP.with(|handshake| handshake.bytes("server_hello"));
        let at = at % hello.len();
        hello[at] ^= xor;
        let _ = ServerHello::decode(&hello, &offer);
    }

    #[test]
    fn a_description_never_panics(bytes in vec(any::<u8>(), 0..200)) {
        let _ = RuntimeDescription::decode(&bytes);
    }

    #[test]
    fn a_query_never_panics(query in "\\PC{0,80}", nonce in "[A-Za-z0-9_=-]{0,50}", suites in "[0-9,%C]{0,30}") {
        let _ = Query::parse(&query);
        let _ = Query::parse(&format!("nonce={nonce}&suites={suites}"));
    }
}
