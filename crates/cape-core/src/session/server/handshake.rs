use super::{ServerEvent, ServerSession};
use crate::Randomness;
use crate::crypto::{KemPrivateKey, KemPublicKey, setup_receiver, sha384};
use crate::session::hello::ServerHello;
use crate::session::keys::{SessionKeys, info};
use crate::session::{Branch, Query, QueryError, Suite, Violation, binding};

/// An enclave's side of the handshake, until its document is there: a key pair and a nonce, made for
/// this connection.
pub struct ServerHandshake {
    suite: Suite,
    key: KemPrivateKey,
    public_key: KemPublicKey,
    server_nonce: [u8; 32],
    leaf: [u8; 32],
}

impl ServerHandshake {
    /// Answers the query of an upgrade: takes the first suite that the client offers and that is
    /// `supported`. An error is answered with HTTP 400.
    pub fn new(query: &Query, supported: &[Suite], rng: &mut dyn Randomness) -> Result<Self, QueryError> {
        let Some(suite) = query.offer.choose(supported) else {
            return Err(QueryError::NoCommonSuite { offer: query.offer.clone() });
        };
        let key = KemPrivateKey::generate(suite.kem(), rng);
        let Ok(public_key) = key.public_key() else {
            unreachable!("a key that was just drawn has a public half");
        };
        let mut server_nonce = [0; 32];
        rng.fill_bytes(&mut server_nonce);
        let leaf = binding::leaf(&query.offer, suite, &query.nonce, &server_nonce, &public_key);
        Ok(Self { suite, key, public_key, server_nonce, leaf })
    }

    /// The suite that was chosen.
    pub fn suite(&self) -> Suite {
        self.suite
    }

    /// The hash that names this session: the nonce of its document, or a leaf of the
    /// [`Tree`](binding::Tree) whose root is.
    pub fn leaf(&self) -> &[u8; 32] {
        &self.leaf
    }

    /// The first message to send, once there is a document whose nonce is the root of `branch` over
    /// this session's leaf.
    pub fn hello(self, document: &[u8], branch: Branch) -> (Vec<u8>, AwaitingClient) {
        let Self { suite, key, public_key, server_nonce, leaf } = self;
        let message = ServerHello { suite, document, public_key, server_nonce, branch }.encode();
        let server_hello_sha384 = sha384(&[&message]);
        (message, AwaitingClient { suite, key, leaf, server_hello_sha384 })
    }
}

/// An enclave's side of the handshake, until the client's first message is there.
pub struct AwaitingClient {
    suite: Suite,
    key: KemPrivateKey,
    leaf: [u8; 32],
    server_hello_sha384: [u8; 48],
}

impl AwaitingClient {
    /// Takes the client's first message, which is opened where it lies, and with it ends the
    /// handshake: the session's private key is erased whether or not the message opens. An error
    /// closes the connection with code 1002.
    ///
    /// `max_calls` is how many calls the client may keep open.
    pub fn receive(
        self,
        message: &mut [u8],
        max_calls: usize,
    ) -> Result<(ServerSession, Option<ServerEvent<'_>>), Violation> {
        let size = message.len();
        let (encapsulated, frame) = message
            .split_at_mut_checked(self.suite.kem().encapsulated_length())
            .ok_or(Violation::FrameTooShort { size })?;
        let info = info(self.suite, &self.server_hello_sha384, &self.leaf);
        let exporter = setup_receiver(&self.key, encapsulated, &info)?;
        let keys = SessionKeys::export(&exporter, &self.server_hello_sha384);
        let mut session = ServerSession::new(self.suite, self.leaf, keys, max_calls);
        let event = session.receive(frame)?;
        Ok((session, event))
    }
}
