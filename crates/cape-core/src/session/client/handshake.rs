use super::ClientSession;
use crate::attest::{ChainCache, Document, Expectation, Policy, TrustRoots};
use crate::crypto::{setup_sender, sha384};
use crate::session::hello::ServerHello;
use crate::session::keys::{SessionKeys, info};
use crate::session::{Error, Offer, Query, Violation, binding};
use crate::{Randomness, UnixTime};

/// A client's side of the handshake: its nonce and its offer, for one connection.
pub struct ClientHandshake {
    query: Query,
}

impl ClientHandshake {
    /// Begins a handshake with a fresh nonce.
    pub fn new(offer: Offer, rng: &mut dyn Randomness) -> Self {
        let mut nonce = [0; 32];
        rng.fill_bytes(&mut nonce);
        Self { query: Query { nonce, offer } }
    }

    /// The query of the upgrade request, without the `?`.
    pub fn query(&self) -> String {
        self.query.to_string()
    }

    /// Judges the enclave's first message, and agrees on keys with the enclave that it proves.
    ///
    /// Succeeds only when the attestation document holds for `roots` and `policy` at `now`, and is
    /// bound to this very handshake: to what this side offered, to both nonces and to the enclave's
    /// key. `now` is the time on this side; `cache` spares the signatures of certificates that were
    /// verified before.
    pub fn verify(
        self,
        server_hello: &[u8],
        roots: &TrustRoots,
        policy: &Policy,
        cache: Option<&ChainCache>,
        now: UnixTime,
        rng: &mut dyn Randomness,
    ) -> Result<ClientSession, Error> {
        let Query { nonce, offer } = self.query;
        let hello = ServerHello::decode(server_hello, &offer)?;
        let leaf = binding::leaf(&offer, hello.suite, &nonce, &hello.server_nonce, &hello.public_key);
        let root = hello.branch.root(&leaf);
        let expectation = Expectation::session(&root);
        let attestation = Document::parse(hello.document)?.verify(roots, policy, &expectation, now, cache)?;

        let hello_sha384 = sha384(&[server_hello]);
        let info = info(hello.suite, &hello_sha384, &leaf);
        let (encapsulated, exporter) = setup_sender(&hello.public_key, &info, rng).map_err(Violation::Kem)?;
        let keys = SessionKeys::export(&exporter, &hello_sha384);
        Ok(ClientSession::new(attestation, hello.suite, leaf, keys, encapsulated))
    }
}
