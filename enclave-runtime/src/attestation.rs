//! What the runtime shows to its clients: a document for each session, by the security module.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use cape_core::UnixTime;
use cape_core::attest::{Document, SessionData};
use cape_core::crypto::{sha256, sha384};
use cape_core::session::{closing_time, document_serves};
use cape_nsm::{AttestationFields, Nsm};
use tokio::time::Instant;

use crate::clock::Clock;

/// Makes documents that vouch for this runtime.
pub(crate) struct Attester {
    nsm: Arc<dyn Nsm>,
    clock: Arc<Clock>,
    description: Vec<u8>,
    user_data: Arc<[u8]>,
}

/// A document for a session that begins now.
pub(crate) struct Attested {
    pub(crate) document: Vec<u8>,
    /// When the session takes no new calls any more.
    pub(crate) close_at: Instant,
}

/// Why there is no document.
#[derive(Debug)]
pub(crate) enum AttestationFailure {
    /// The security module refused.
    Module(cape_nsm::Error),
    /// What it gave is no document that can serve a session.
    Document(String),
}

impl Attester {
    /// Documents by `nsm` for the runtime of this description, vault and receipt key (SPKI in DER).
    pub(crate) fn new(
        nsm: Arc<dyn Nsm>,
        clock: Arc<Clock>,
        description: Vec<u8>,
        vault: [u8; 32],
        receipt_key: &[u8],
    ) -> Self {
        let session =
            SessionData { vault, runtime: sha256(&[&description]), receipts: sha256(&[receipt_key]) };
        Self { nsm, clock, description, user_data: session.to_user_data().into() }
    }

    /// The static description that every document hashes.
    pub(crate) fn description(&self) -> &[u8] {
        &self.description
    }

    /// A document whose nonce is a session's leaf: the root of a tree of one.
    pub(crate) async fn attest(&self, leaf: [u8; 32]) -> Result<Attested, AttestationFailure> {
        let document = self.document(Some(leaf)).await?;
        let unverified = Document::parse(&document)
            .map_err(|error| AttestationFailure::Document(error.to_string()))?
            .inspect();
        self.clock.compare(unverified.timestamp);
        let (now, ends) = (unverified.timestamp, not_after(&unverified.leaf)?);
        if !document_serves(ends, now) {
            return Err(AttestationFailure::Document(format!("its certificate ends at {ends}")));
        }
        let left = closing_time(now, ends).as_millis().saturating_sub(now.as_millis());
        Ok(Attested { document, close_at: Instant::now() + Duration::from_millis(left) })
    }

    /// SHA-384 of a first document, which shows that the security module works and what time it is.
    pub(crate) async fn first_digest(&self) -> Result<[u8; 48], AttestationFailure> {
        let document = self.document(None).await?;
        let parsed =
            Document::parse(&document).map_err(|error| AttestationFailure::Document(error.to_string()))?;
        self.clock.compare(parsed.inspect().timestamp);
        Ok(sha384(&[&document]))
    }

    /// The module serves one at a time and may take milliseconds.
    async fn document(&self, nonce: Option<[u8; 32]>) -> Result<Vec<u8>, AttestationFailure> {
        let (nsm, user_data) = (Arc::clone(&self.nsm), Arc::clone(&self.user_data));
        let asked = tokio::task::spawn_blocking(move || {
            let nonce = nonce.as_ref().map(<[u8; 32]>::as_slice);
            nsm.attest(AttestationFields { user_data: Some(&user_data), nonce, public_key: None })
        });
        let broken = |_| AttestationFailure::Document("the runtime failed to ask for it".into());
        asked.await.map_err(broken)?.map_err(AttestationFailure::Module)
    }
}

/// When a certificate ends.
fn not_after(certificate: &[u8]) -> Result<UnixTime, AttestationFailure> {
    let malformed = || AttestationFailure::Document("its certificate cannot be read".into());
    let (_, certificate) = x509_parser::parse_x509_certificate(certificate).map_err(|_| malformed())?;
    let seconds = certificate.validity().not_after.timestamp().try_into().map_err(|_| malformed())?;
    Ok(UnixTime::from_seconds(seconds))
}

impl fmt::Display for AttestationFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Module(error) => error.fmt(f),
            Self::Document(reason) => write!(f, "the security module's document is of no use: {reason}"),
        }
    }
}
