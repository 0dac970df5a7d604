//! Sessions that wait for a document, and the task that asks for one on behalf of all of them.

use std::mem;
use std::sync::Arc;

use cape_core::session::binding::Tree;
use tokio::sync::{mpsc, oneshot};

use super::module::Module;
use super::{AttestationFailure, Attested};

/// A session that waits for its document.
pub(super) struct Waiting {
    pub(super) leaf: [u8; 32],
    pub(super) answer: oneshot::Sender<Result<Attested, AttestationFailure>>,
}

/// Serves what comes until nobody can come any more, at most `limit` sessions at a time. While the
/// security module is at work the next sessions gather; one that comes when it is not waits for nobody.
pub(super) async fn serve(module: Arc<Module>, mut queue: mpsc::Receiver<Waiting>, limit: usize) {
    let mut batch = Vec::new();
    while queue.recv_many(&mut batch, limit).await > 0 {
        let batch = mem::take(&mut batch);
        serve_batch(&module, batch.into_iter().filter(|waiting| !waiting.answer.is_closed()).collect()).await;
    }
}

async fn serve_batch(module: &Module, batch: Vec<Waiting>) {
    let leaves: Vec<_> = batch.iter().map(|waiting| waiting.leaf).collect();
    // Everybody may be gone.
    let Some(tree) = Tree::new(&leaves) else { return };
    let evidence = module.evidence(tree.root()).await.map(Arc::new);
    if let Err(error) = &evidence {
        tracing::error!(%error, sessions = batch.len(), "no attestation document");
    }
    for (index, waiting) in batch.into_iter().enumerate() {
        let attested = evidence.clone().and_then(|evidence| {
            let branch = tree.branch(index).ok_or(AttestationFailure::NotAsked)?;
            Ok(Attested { evidence, branch })
        });
        // A client that is gone needs no answer.
        let _ = waiting.answer.send(attested);
    }
}
