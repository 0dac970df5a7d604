//! The security module as what vouches for this runtime, and what a document of it has to be.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cape_core::UnixTime;
use cape_core::attest::Document;
use cape_core::crypto::sha384;
use cape_core::session::{closing_time, document_serves};
use cape_nsm::{AttestationFields, Nsm};
use tokio::time::Instant;

use super::{AttestationFailure, Evidence, unsigned};
use crate::clock::Clock;

/// What is asked, and what is to be in each document.
pub(super) struct Module {
    nsm: Arc<dyn Nsm>,
    clock: Arc<Clock>,
    user_data: Arc<[u8]>,
    /// Whether documents are shown that nobody has signed.
    insecure_unsigned: bool,
    asked: AtomicU64,
}

/// What the runtime has to know of a document: its time, and when its certificate ends.
struct Times {
    made: UnixTime,
    ends: UnixTime,
}

impl Module {
    pub(super) fn new(
        nsm: Arc<dyn Nsm>,
        clock: Arc<Clock>,
        user_data: Arc<[u8]>,
        insecure_unsigned: bool,
    ) -> Self {
        Self { nsm, clock, user_data, insecure_unsigned, asked: AtomicU64::new(0) }
    }

    /// How often it was asked for a document.
    pub(super) fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }

    /// A document for sessions that begin now, the root of whose tree is its nonce.
    ///
    /// The module renews its certificate by itself. A document under one that is about to end is not
    /// shown: the module is asked once more, since it may have waited for just that question.
    pub(super) async fn evidence(&self, root: [u8; 32]) -> Result<Evidence, AttestationFailure> {
        let (document, times) = self.document(Some(root)).await?;
        if document_serves(times.ends, times.made) {
            return Ok(times.evidence(document));
        }
        let (document, times) = self.document(Some(root)).await?;
        if document_serves(times.ends, times.made) {
            return Ok(times.evidence(document));
        }
        let left = times.ends.as_millis().saturating_sub(times.made.as_millis()) / 1000;
        Err(AttestationFailure::Document(format!("its certificate ends in {left} s")))
    }

    /// A document for nobody.
    pub(super) async fn first_document(&self) -> Result<Vec<u8>, AttestationFailure> {
        self.document(None).await.map(|(document, _)| document)
    }

    async fn document(&self, nonce: Option<[u8; 32]>) -> Result<(Vec<u8>, Times), AttestationFailure> {
        let document = self.ask(nonce).await?;
        let times = match self.insecure_unsigned {
            true => Times::of_unsigned(&document),
            false => Times::of(&document),
        }?;
        self.clock.compare(times.made);
        Ok((document, times))
    }

    /// The module serves one at a time and may take milliseconds.
    async fn ask(&self, nonce: Option<[u8; 32]>) -> Result<Vec<u8>, AttestationFailure> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let (nsm, user_data) = (Arc::clone(&self.nsm), Arc::clone(&self.user_data));
        let asked = tokio::task::spawn_blocking(move || {
            let nonce = nonce.as_ref().map(<[u8; 32]>::as_slice);
            nsm.attest(AttestationFields { user_data: Some(&user_data), nonce, public_key: None })
        });
        asked.await.map_err(|_| AttestationFailure::NotAsked)?.map_err(AttestationFailure::Module)
    }
}

impl Times {
    fn of(document: &[u8]) -> Result<Self, AttestationFailure> {
        let unreadable = |error: cape_core::attest::Error| AttestationFailure::Document(error.to_string());
        let unverified = Document::parse(document).map_err(unreadable)?.inspect();
        Ok(Self { made: unverified.timestamp, ends: not_after(&unverified.leaf)? })
    }

    fn of_unsigned(document: &[u8]) -> Result<Self, AttestationFailure> {
        let made = unsigned::timestamp(document).map_err(AttestationFailure::Document)?;
        Ok(Self { made, ends: made.plus(unsigned::LIFETIME) })
    }

    fn evidence(&self, document: Vec<u8>) -> Evidence {
        let closing = closing_time(self.made, self.ends);
        let left = Duration::from_millis(closing.as_millis().saturating_sub(self.made.as_millis()));
        let document_sha384 = sha384(&[&document]);
        Evidence { document, document_sha384, close_at: Instant::now() + left }
    }
}

/// When a certificate ends.
fn not_after(certificate: &[u8]) -> Result<UnixTime, AttestationFailure> {
    let malformed = || AttestationFailure::Document("its certificate cannot be read".into());
    let (_, certificate) = x509_parser::parse_x509_certificate(certificate).map_err(|_| malformed())?;
    let seconds = certificate.validity().not_after.timestamp().try_into().map_err(|_| malformed())?;
    Ok(UnixTime::from_seconds(seconds))
}
