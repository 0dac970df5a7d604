//! What the runtime shows to its clients: documents by the security module, each of which vouches
//! for all sessions that waited for it (`docs/spec/session.md`, binding).

mod batches;
mod module;
#[cfg(test)]
mod tests;
pub(crate) mod unsigned;

use std::fmt;
use std::sync::Arc;

use cape_core::UnixTime;
use cape_core::attest::{Document, SessionData};
use cape_core::crypto::{sha256, sha384};
use cape_core::session::Branch;
use cape_nsm::Nsm;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::clock::Clock;
use batches::Waiting;
use module::Module;

/// Sessions that are queued. One that finds the queue full waits for its place, as long as a handshake
/// may take; the listener bounds how many there are.
const QUEUE: usize = 1024;

/// Makes documents that vouch for this runtime.
pub(crate) struct Attester {
    module: Arc<Module>,
    description: Vec<u8>,
    queue: mpsc::Sender<Waiting>,
}

/// What vouches for one session.
#[derive(Clone, Debug)]
pub(crate) struct Attested {
    pub(crate) evidence: Arc<Evidence>,
    /// The session's place in the tree whose root is the document's nonce.
    pub(crate) branch: Branch,
}

/// A document for the sessions that begin now.
#[derive(Debug)]
pub(crate) struct Evidence {
    pub(crate) document: Vec<u8>,
    pub(crate) document_sha384: [u8; 48],
    /// When these sessions take no new calls any more.
    pub(crate) close_at: Instant,
}

/// Why there is no document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AttestationFailure {
    /// The security module refused.
    Module(cape_nsm::Error),
    /// What it gave is no document that can serve a session.
    Document(String),
    /// The runtime failed to ask for it.
    NotAsked,
}

/// When a document says that it was made. Where documents may be `insecure_unsigned`, nobody has to have signed it.
///
/// # Errors
///
/// What makes it unreadable.
pub(crate) fn timestamp(document: &[u8], insecure_unsigned: bool) -> Result<UnixTime, String> {
    if insecure_unsigned {
        return unsigned::timestamp(document);
    }
    let document = Document::parse(document).map_err(|error| error.to_string())?;
    Ok(document.inspect().timestamp)
}

impl Attester {
    /// Documents by `nsm` for the runtime of this description, vault and receipt key (SPKI in DER),
    /// each for at most so many sessions, which are no more than a tree has. Where they may be
    /// `insecure_unsigned`, nobody has to have signed them.
    ///
    /// They are made by a task of the surrounding runtime of tokio, which ends with the attester.
    pub(crate) fn new(
        nsm: Arc<dyn Nsm>,
        clock: Arc<Clock>,
        description: Vec<u8>,
        vault: [u8; 32],
        receipt_key: &[u8],
        sessions_per_document: usize,
        insecure_unsigned: bool,
    ) -> Self {
        let session =
            SessionData { vault, runtime: sha256(&[&description]), receipts: sha256(&[receipt_key]) };
        let module = Arc::new(Module::new(nsm, clock, session.to_user_data().into(), insecure_unsigned));
        let (queue, waiting) = mpsc::channel(QUEUE);
        tokio::spawn(batches::serve(Arc::clone(&module), waiting, sessions_per_document));
        Self { module, description, queue }
    }

    /// The static description that every document hashes.
    pub(crate) fn description(&self) -> &[u8] {
        &self.description
    }

    /// A document for the session of this leaf, and for whatever other sessions wait at the same time.
    ///
    /// A session that is dropped meanwhile holds up nobody.
    pub(crate) async fn attest(&self, leaf: [u8; 32]) -> Result<Attested, AttestationFailure> {
        let (answer, attested) = oneshot::channel();
        let sent = self.queue.send(Waiting { leaf, answer }).await;
        sent.map_err(|_| AttestationFailure::NotAsked)?;
        attested.await.map_err(|_| AttestationFailure::NotAsked)?
    }

    /// SHA-384 of a first document, which shows that the security module works and what time it is.
    pub(crate) async fn first_digest(&self) -> Result<[u8; 48], AttestationFailure> {
        Ok(sha384(&[&self.module.first_document().await?]))
    }

    /// How many documents the security module was asked for.
    pub(crate) fn documents(&self) -> u64 {
        self.module.asked()
    }
}

impl fmt::Display for AttestationFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Module(error) => error.fmt(f),
            Self::Document(reason) => write!(f, "the security module's document is of no use: {reason}"),
            Self::NotAsked => f.write_str("the runtime failed to ask the security module"),
        }
    }
}
