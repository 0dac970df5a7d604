//! The published handshakes (tests/vectors/session2.json), played again by both roles: the nonces
//! and the key are drawn from a source that yields the published ones first.

use std::convert::Infallible;

use cape_core::attest::{Policy, Release, TrustRoots};
use cape_core::encoding::cbor::{Form, Reader, Writer};
use cape_core::encoding::{base64url, hex};
use cape_core::session::{
    AwaitingClient, Branch, ClientHandshake, ClientSession, Offer, Open, Query, Request, ServerEvent,
    ServerHandshake, ServerSession, Suite,
};
use cape_core::{Randomness, UnixTime};
use getrandom::SysRng;
use rand_core::{Rng, TryCryptoRng, TryRng, UnwrapErr};
use serde_json::Value;

/// Calls that the enclave allows on a connection.
pub(crate) const MAX_CALLS: usize = 4;

/// A source of randomness that yields the given bytes first.
pub(crate) struct Scripted(pub(crate) Vec<u8>);

impl TryRng for Scripted {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        let scripted = self.0.len().min(bytes.len());
        let (first, rest) = bytes.split_at_mut(scripted);
        first.copy_from_slice(&self.0.drain(..scripted).collect::<Vec<_>>());
        UnwrapErr(SysRng).fill_bytes(rest);
        Ok(())
    }
}

impl TryCryptoRng for Scripted {}

impl Randomness for Scripted {}

/// A published handshake.
pub(crate) struct Vector(Value);

impl Vector {
    pub(crate) fn all() -> Vec<Self> {
        let file = include_str!("../../../../tests/vectors/session2.json");
        let mut file: Value = serde_json::from_str(file).unwrap();
        let vectors: Vec<_> = file["handshakes"].as_array_mut().unwrap().drain(..).map(Self).collect();
        assert_eq!(vectors.len(), 5);
        vectors
    }

    /// The one that the client offers suites 1 and 2 in, and the enclave takes 1.
    pub(crate) fn xwing() -> Self {
        Self::all().swap_remove(0)
    }

    /// The one with suite 2, whose handshake costs least.
    pub(crate) fn x25519() -> Self {
        Self::all().swap_remove(1)
    }

    /// The one in a tree of five.
    pub(crate) fn tree() -> Self {
        Self::all().swap_remove(2)
    }

    pub(crate) fn text(&self, field: &str) -> &str {
        self.0[field].as_str().unwrap()
    }

    pub(crate) fn bytes(&self, field: &str) -> Vec<u8> {
        hex::decode(self.text(field)).unwrap()
    }

    pub(crate) fn array<const N: usize>(&self, field: &str) -> [u8; N] {
        self.bytes(field).try_into().unwrap()
    }

    pub(crate) fn message(&self, index: usize) -> Vec<u8> {
        hex::decode(self.0["frames"][index]["message"].as_str().unwrap()).unwrap()
    }

    pub(crate) fn suite(&self) -> Suite {
        Suite::from_id(self.0["suite"].as_u64().unwrap() as u8).unwrap()
    }

    pub(crate) fn offer(&self) -> Offer {
        let ids: Vec<_> = self.0["offer"].as_array().unwrap().iter().map(Value::to_string).collect();
        Offer::parse(&ids.join(",")).unwrap()
    }

    pub(crate) fn branch(&self) -> Branch {
        let path = self.0["path"].as_array().unwrap().iter();
        let path = path.map(|hash| hex::decode_array(hash.as_str().unwrap()).unwrap()).collect();
        Branch::new(path, self.0["index"].as_u64().unwrap()).unwrap()
    }

    pub(crate) fn now(&self) -> UnixTime {
        UnixTime::from_millis(self.0["now_ms"].as_u64().unwrap())
    }

    pub(crate) fn roots(&self) -> TrustRoots {
        TrustRoots::development(vec![self.bytes("trust_root")]).unwrap()
    }

    pub(crate) fn release(&self) -> Release {
        Release {
            name: "vector".to_owned(),
            pcrs: [(0, self.array("pcr0"))].into(),
            vault: Some(self.array("vault_id_in_user_data")),
            not_after: None,
        }
    }

    pub(crate) fn policy(&self) -> Policy {
        Policy::new(vec![self.release()]).unwrap()
    }

    /// The attestation document inside the published ServerHello.
    pub(crate) fn document(&self) -> Vec<u8> {
        let hello = self.bytes("server_hello");
        let mut reader = Reader::new(&hello, Form::Deterministic);
        let mut map = reader.map().unwrap();
        map.next_key(&mut reader).unwrap();
        reader.uint().unwrap();
        map.next_key(&mut reader).unwrap();
        reader.bytes().unwrap().to_vec()
    }

    pub(crate) fn client(&self) -> ClientHandshake {
        ClientHandshake::new(self.offer(), &mut Scripted(self.bytes("client_nonce")))
    }

    pub(crate) fn server(&self) -> ServerHandshake {
        let query = Query::parse(&self.client().query()).unwrap();
        self.server_for(&query, self.bytes("server_nonce"))
    }

    /// The enclave with the published key, for another query or with another nonce.
    pub(crate) fn server_for(&self, query: &Query, server_nonce: Vec<u8>) -> ServerHandshake {
        let drawn = [self.bytes("kem_private"), server_nonce].concat();
        ServerHandshake::new(query, &Suite::ALL, &mut Scripted(drawn)).unwrap()
    }

    pub(crate) fn awaiting_client(&self) -> AwaitingClient {
        let (hello, awaiting) = self.server().hello(&self.document(), self.branch());
        assert_eq!(hello, self.bytes("server_hello"));
        awaiting
    }

    /// The client's judgement on a first message of the enclave.
    pub(crate) fn verify(&self, server_hello: &[u8]) -> Result<ClientSession, cape_core::session::Error> {
        let rng = &mut UnwrapErr(SysRng);
        self.client().verify(server_hello, &self.roots(), &self.policy(), None, self.now(), rng)
    }

    /// Both sides of a session, after the client's first call has begun.
    pub(crate) fn session(&self, first: &Open) -> (ClientSession, ServerSession) {
        let mut client = self.verify(&self.bytes("server_hello")).unwrap();
        let (call, mut message) = client.open(first).unwrap();
        let (server, event) = self.awaiting_client().receive(&mut message, MAX_CALLS).unwrap();
        match event {
            Some(ServerEvent::Open { call: opened, open }) => assert_eq!((opened, &*open), (call, first)),
            other => panic!("{other:?}"),
        }
        (client, server)
    }
}

/// A ServerHello from its fields.
pub(crate) struct Hello {
    pub(crate) suite: u64,
    pub(crate) document: Vec<u8>,
    pub(crate) public_key: Vec<u8>,
    pub(crate) server_nonce: Vec<u8>,
    pub(crate) path: Vec<Vec<u8>>,
    pub(crate) index: u64,
}

impl Hello {
    pub(crate) fn of(vector: &Vector) -> Self {
        let branch = vector.branch();
        Self {
            suite: vector.suite().id().into(),
            document: vector.document(),
            public_key: vector.bytes("kem_public"),
            server_nonce: vector.bytes("server_nonce"),
            path: branch.path().iter().map(|hash| hash.to_vec()).collect(),
            index: branch.index().into(),
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.map(6).uint(1).uint(self.suite).uint(2).bytes(&self.document);
        writer.uint(3).bytes(&self.public_key).uint(4).bytes(&self.server_nonce);
        writer.uint(5).array(self.path.len());
        for hash in &self.path {
            writer.bytes(hash);
        }
        writer.uint(6).uint(self.index);
        writer.into_bytes()
    }
}

pub(crate) fn run() -> Open {
    Open::new(Request::Run { checksum: [7; 32] })
}

pub(crate) fn run_with_input(input: &[u8]) -> Open {
    Open { input: Some(input.to_vec()), ..run() }
}

/// What an owner proof says that it signs.
pub(crate) fn session_of_owner_proof(proof: &str) -> String {
    let payload = base64url::decode(proof.split('.').nth(1).unwrap().as_bytes()).unwrap();
    let payload: Value = serde_json::from_slice(&payload).unwrap();
    payload["session"].as_str().unwrap().to_owned()
}
