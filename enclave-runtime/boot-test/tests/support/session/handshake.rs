use cape_core::attest::{Document, Error, Expectation, Policy, TrustRoots, VerifiedAttestation};
use cape_core::crypto::{KemPublicKey, setup_sender, sha384};
use cape_core::encoding::base64url;
use cape_core::identity::OwnerSession;
use cape_core::session::{Branch, Offer, SUBPROTOCOL, Suite, binding};
use futures_util::StreamExt;
use getrandom::SysRng;
use rand_core::{Rng, UnwrapErr};
use tokio::net::UnixStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use super::cbor;
use super::client::Client;
use super::frames::Direction;
use crate::support::function::now;
use crate::support::machine::PATIENCE;

const SUITE: Suite = Suite::XWingAes256Gcm;

/// A connection whose enclave has said who it is; nothing was judged.
pub(crate) struct Greeted {
    socket: WebSocketStream<UnixStream>,
    /// The enclave's first message, as it came.
    hello: Vec<u8>,
    pub(crate) document: Vec<u8>,
    public_key: KemPublicKey,
    leaf: [u8; 32],
    root: [u8; 32],
}

impl Greeted {
    /// `stream` leads to the port of sessions.
    pub(crate) async fn by(stream: UnixStream) -> Self {
        let offer = Offer::new(&[SUITE]).unwrap();
        let mut nonce = [0; 32];
        UnwrapErr(SysRng).fill_bytes(&mut nonce);
        let query = format!("nonce={}&suites={}", base64url::encode(&nonce), SUITE.id());
        let mut request = format!("ws://enclave/v2/session?{query}").into_client_request().unwrap();
        request.headers_mut().insert("Sec-WebSocket-Protocol", SUBPROTOCOL.parse().unwrap());
        let upgraded = timeout(PATIENCE, tokio_tungstenite::client_async(request, stream)).await;
        let (mut socket, _) = upgraded.expect("an upgrade in time").unwrap();
        let hello = timeout(PATIENCE, socket.next()).await.expect("a first message in time");
        let hello = hello.unwrap().unwrap().into_data().to_vec();

        let fields = cbor::decode(&hello);
        assert_eq!(cbor::uint(&fields, 1), u64::from(SUITE.id()));
        let public_key = KemPublicKey::from_bytes(SUITE.kem(), &cbor::bytes(&fields, 3)).unwrap();
        let server_nonce = cbor::bytes(&fields, 4).try_into().unwrap();
        let path = cbor::find(&fields, 5).unwrap().as_array().unwrap();
        let path = path.iter().map(|hash| hash.as_bytes().unwrap().clone().try_into().unwrap()).collect();
        let branch = Branch::new(path, cbor::uint(&fields, 6)).unwrap();
        let leaf = binding::leaf(&offer, SUITE, &nonce, &server_nonce, &public_key);
        let root = branch.root(&leaf);
        Self { socket, document: cbor::bytes(&fields, 2), hello, public_key, leaf, root }
    }

    /// What the strict verifier says of a document in the place of this connection's.
    pub(crate) fn judge(
        &self,
        document: &[u8],
        roots: &TrustRoots,
        policy: &Policy,
    ) -> Result<VerifiedAttestation, Box<Error>> {
        let expectation = Expectation::session(&self.root);
        Ok(Document::parse(document)?.verify(roots, policy, &expectation, now(), None)?)
    }

    /// Goes on with the enclave, of which somebody has judged a signed copy of its document.
    pub(crate) fn go_on(self, attestation: VerifiedAttestation) -> Client {
        let hello_sha384 = sha384(&[&self.hello]);
        let info = [&b"cape/2 session"[..], &[SUITE.id()], &hello_sha384, &self.leaf].concat();
        let (encapsulated, exporter) = setup_sender(&self.public_key, &info, &mut UnwrapErr(SysRng)).unwrap();
        let owner_session = OwnerSession::new(&hello_sha384, &exporter.export(b"cape/2 owner"));
        let (sealer, opener) = (Direction::new(&exporter, "c2e"), Direction::new(&exporter, "e2c"));
        Client::new(self.socket, attestation, owner_session, encapsulated, sealer, opener)
    }
}
