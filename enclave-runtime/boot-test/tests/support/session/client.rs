use std::collections::BTreeMap;

use cape_core::attest::VerifiedAttestation;
use cape_core::crypto::{Kem, KemPublicKey, sha256};
use cape_core::envelope::PublicKey;
use cape_core::identity::{Account, Checksum, OwnerProof, OwnerSession, Signed};
use cape_core::session::{MAX_INLINE, RuntimeDescription};
use ciborium::Value;
use futures_util::{SinkExt, StreamExt};
use tokio::net::UnixStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use super::cbor;
use super::frames::Direction;
use crate::support::function::Function;
use crate::support::machine::PATIENCE;

const OPEN: u8 = 0;
const DATA: u8 = 1;
const END: u8 = 2;
const ERROR: u8 = 3;
const CREDIT: u8 = 6;
const CLOSE: u8 = 7;

/// Bytes that a direction of a call may carry to begin with, and after which room is told again.
const INITIAL_CREDIT: usize = 1 << 20;
const WORTH_TELLING: usize = INITIAL_CREDIT / 2;

/// Bytes of one DATA.
const PART: usize = 256 << 10;

/// A session; one call after the other.
pub(crate) struct Client {
    socket: WebSocketStream<UnixStream>,
    pub(crate) attestation: VerifiedAttestation,
    owner_session: OwnerSession,
    /// What stands in front of the first frame.
    encapsulated: Vec<u8>,
    sealer: Direction,
    opener: Direction,
    calls: u32,
    /// The enclave has said that it takes no new calls.
    pub(crate) closing: bool,
}

/// What OPEN asks for.
struct Request {
    operation: u8,
    members: Vec<(u8, Value)>,
}

/// A call that succeeded.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) output: Vec<u8>,
    end: Value,
}

/// Why a call failed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failed {
    /// ERROR.
    Call { class: String, message: String, details: BTreeMap<String, String> },
    /// The connection has ended.
    Closed,
    /// Nothing came for longer than a test waits.
    Silent,
}

impl Failed {
    pub(crate) fn class(&self) -> &str {
        match self {
            Self::Call { class, .. } => class,
            Self::Closed => "the connection ended",
            Self::Silent => "no answer in time",
        }
    }

    pub(crate) fn message(&self) -> &str {
        match self {
            Self::Call { message, .. } => message,
            Self::Closed | Self::Silent => "",
        }
    }
}

impl Client {
    pub(super) fn new(
        socket: WebSocketStream<UnixStream>,
        attestation: VerifiedAttestation,
        owner_session: OwnerSession,
        encapsulated: Vec<u8>,
        sealer: Direction,
        opener: Direction,
    ) -> Self {
        Self { socket, attestation, owner_session, encapsulated, sealer, opener, calls: 0, closing: false }
    }

    pub(crate) async fn deploy(&mut self, account: &Account, function: &Function) -> Result<Answer, Failed> {
        let members = vec![(4, self.owner_proof(account)), (7, function.manifest.text().into())];
        self.call(Request { operation: 2, members }, &function.bundle).await
    }

    /// Runs the caller's own function.
    pub(crate) async fn run(
        &mut self,
        account: &Account,
        checksum: Checksum,
        input: &[u8],
    ) -> Result<Answer, Failed> {
        let members = vec![(2, checksum.as_bytes().to_vec().into()), (4, self.owner_proof(account))];
        self.call(Request { operation: 1, members }, input).await
    }

    /// The key by which everybody encrypts for an account.
    pub(crate) async fn key(&mut self, account: &Account) -> PublicKey {
        let (account, kem) = (account.id().as_bytes().to_vec(), Kem::X25519);
        let request = cbor::map(vec![(1, account.into()), (2, kem.id().into())]);
        let answer = self.call(Request { operation: 3, members: vec![(11, request)] }, b"").await.unwrap();
        let key = cbor::bytes(cbor::find(&answer.end, 6).unwrap(), 4);
        KemPublicKey::from_bytes(kem, &key).unwrap().into()
    }

    /// What the enclave says of itself.
    pub(crate) async fn describe(&mut self) -> RuntimeDescription {
        let answer = self.call(Request { operation: 4, members: Vec::new() }, b"").await.unwrap();
        let description = cbor::bytes(cbor::find(&answer.end, 6).unwrap(), 1);
        let stated = self.attestation.session_data().unwrap().runtime;
        assert_eq!(sha256(&[&description]), stated, "the document vouches for it");
        RuntimeDescription::decode(&description).unwrap()
    }

    fn owner_proof(&self, account: &Account) -> Value {
        let proof = OwnerProof::new(account.id(), self.owner_session);
        Signed::sign(proof, account).unwrap().text().into()
    }

    /// Makes a call and waits for its end.
    async fn call(&mut self, request: Request, input: &[u8]) -> Result<Answer, Failed> {
        let mut rest = self.open(request, input).await?;
        let (mut credit, mut taken) = (INITIAL_CREDIT, 0);
        let mut output = Vec::new();
        loop {
            if let Some(input) = &mut rest {
                while credit > 0 && !input.is_empty() {
                    let (part, behind) = input.split_at(input.len().min(credit).min(PART));
                    self.send(DATA, part).await?;
                    credit -= part.len();
                    *input = behind;
                }
                if input.is_empty() {
                    self.send(END, &cbor::encode(&cbor::map(vec![]))).await?;
                    rest = None;
                }
            }
            let (frame, content) = self.receive().await?;
            match frame {
                DATA => {
                    output.extend_from_slice(&content);
                    taken += content.len();
                    if taken >= WORTH_TELLING {
                        self.send(CREDIT, &u32::try_from(taken).unwrap().to_be_bytes()).await?;
                        taken = 0;
                    }
                }
                CREDIT => credit += u32::from_be_bytes(content.try_into().unwrap()) as usize,
                CLOSE => {}
                END => return Ok(ended(output, &content)),
                ERROR => return Err(failed(&content)),
                other => panic!("a frame of type {other}"),
            }
        }
    }

    /// Begins a call; the input that has still to be sent, if there is an end of it to send.
    async fn open<'i>(&mut self, request: Request, input: &'i [u8]) -> Result<Option<&'i [u8]>, Failed> {
        self.calls += 1;
        let mut members = vec![(1, request.operation.into())];
        members.extend(request.members);
        let inline = input.len() <= MAX_INLINE;
        if inline {
            members.push((9, input.to_vec().into()));
        }
        members.sort_by_key(|(key, _)| *key);
        self.send(OPEN, &cbor::encode(&cbor::map(members))).await?;
        Ok((!inline).then_some(input))
    }

    async fn send(&mut self, frame: u8, content: &[u8]) -> Result<(), Failed> {
        let mut message = std::mem::take(&mut self.encapsulated);
        message.extend(self.sealer.seal(frame, self.calls, content));
        self.socket.send(Message::Binary(message.into())).await.map_err(|_| Failed::Closed)
    }

    /// The next frame.
    pub(crate) async fn receive(&mut self) -> Result<(u8, Vec<u8>), Failed> {
        loop {
            match timeout(PATIENCE, self.socket.next()).await.map_err(|_| Failed::Silent)? {
                Some(Ok(Message::Binary(message))) => {
                    let (frame, call, content) = self.opener.open(message.to_vec());
                    assert!(call == self.calls || frame == CLOSE, "a frame of call {call}");
                    self.closing |= frame == CLOSE;
                    return Ok((frame, content));
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(Failed::Closed),
                Some(Ok(other)) => panic!("{other:?}"),
            }
        }
    }
}

fn ended(mut output: Vec<u8>, content: &[u8]) -> Answer {
    let end = cbor::decode(content);
    if let Some(last) = cbor::find(&end, 5) {
        output.extend_from_slice(last.as_bytes().unwrap());
    }
    assert_eq!(cbor::bytes(&end, 1), sha256(&[&output]), "the output is whole");
    Answer { output, end }
}

fn failed(content: &[u8]) -> Failed {
    let error = cbor::decode(content);
    let text = |value: &Value| value.as_text().unwrap().to_owned();
    let details = cbor::find(&error, 3).map(|details| details.as_map().unwrap().clone());
    Failed::Call {
        class: text(cbor::find(&error, 1).unwrap()),
        message: text(cbor::find(&error, 2).unwrap()),
        details: details.unwrap_or_default().iter().map(|(name, value)| (text(name), text(value))).collect(),
    }
}
