use std::sync::Arc;

use cape_core::ErrorCode;
use cape_core::session::{AwaitingClient, ServerHandshake};
use tokio::time::{Instant, timeout_at};

use super::PROTOCOL_ERROR;
use super::socket::{Received, Socket};
use crate::attestation::{Attester, Evidence};
use crate::metrics::{HandshakeEnd, HandshakeInFlight};

/// Sends the enclave's first message, once there is a document for it. `None` when the connection
/// is over: the client is gone, it spoke before its turn, or there is no document before `deadline`.
pub(super) async fn greet(
    attester: &Attester,
    socket: &mut Socket,
    handshake: ServerHandshake,
    metrics: &HandshakeInFlight,
    deadline: Instant,
) -> Option<(AwaitingClient, Arc<Evidence>)> {
    let attested = tokio::select! {
        attested = timeout_at(deadline, attester.attest(*handshake.leaf())) => attested,
        received = socket.next() => {
            if !matches!(received, Received::Closed) {
                socket.close(PROTOCOL_ERROR).await;
            }
            return None;
        }
    };
    let reason = match attested {
        Ok(Ok(attested)) => {
            let (hello, client) = handshake.hello(&attested.evidence.document, attested.branch);
            socket.send(hello);
            return Some((client, attested.evidence));
        }
        Ok(Err(failure)) => failure.to_string(),
        Err(_) => {
            let reason = "the security module did not answer in time";
            tracing::warn!(reason, "no attestation document");
            reason.to_owned()
        }
    };
    metrics.ended(HandshakeEnd::NoDocument);
    let message = format!("no attestation document: {reason}");
    socket.refuse(ErrorCode::ServiceError, &message).await;
    None
}
