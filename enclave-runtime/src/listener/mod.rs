//! Accepts connections, within limits, and hands over those that become sessions.

mod refusal;
mod upgrade;

use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout, timeout_at};

use crate::connection;
use crate::error::StartError;
use crate::lingering::Lingering;
use crate::metrics::HandshakeInFlight;
use crate::net::{Address, Listening, Stream};
use crate::rate::Rate;
use crate::runtime::Runtime;
use refusal::NoRoom;
use upgrade::Admission;

/// Connections at the same time that get no session and are told so when their request has been read.
/// More are told the same without a look at what they ask for.
const REFUSALS: usize = 64;

/// Connections at the same time that were told so unheard and may end their own direction before they
/// are closed. More are closed as soon as they have been told.
const FAREWELLS: usize = 1024;

/// How long that may take.
const FAREWELL: Duration = Duration::from_secs(2);

/// How long to wait when the process can have no more descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Where sessions come in.
pub(crate) struct Listener {
    socket: Listening,
    runtime: Arc<Runtime>,
    connections: Arc<Semaphore>,
    refusals: Arc<Semaphore>,
    farewells: Arc<Semaphore>,
    rate: Arc<Rate>,
}

impl Listener {
    /// Listens on an address; port 0 takes any that is free.
    pub(crate) async fn bind(address: &Address, runtime: Arc<Runtime>) -> Result<Self, StartError> {
        let socket = Listening::on(address)
            .await
            .map_err(|error| StartError::new(format!("cannot listen on {address}: {error}")))?;
        let limits = &runtime.settings.limits;
        let connections = usize::try_from(limits.connections).unwrap_or(Semaphore::MAX_PERMITS);
        Ok(Self {
            socket,
            connections: Arc::new(Semaphore::new(connections)),
            refusals: Arc::new(Semaphore::new(REFUSALS)),
            farewells: Arc::new(Semaphore::new(FAREWELLS)),
            rate: Arc::new(Rate::per_second(limits.handshakes_per_second)),
            runtime,
        })
    }

    /// The port that was taken.
    pub(crate) fn port(&self) -> Option<u32> {
        self.socket.port()
    }

    /// Accepts connections for ever.
    pub(crate) async fn run(self) {
        loop {
            match self.socket.accept().await {
                Ok(stream) => self.accepted(stream),
                Err(error) => {
                    tracing::warn!(%error, "a connection was not accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn accepted(&self, stream: Stream) {
        let stream = Lingering::new(stream, self.runtime.metrics.traffic());
        let handshake_metrics = self.runtime.metrics.handshake();
        let deadline = Instant::now() + self.runtime.settings.limits.handshake_timeout();
        let (runtime, rate) = (Arc::clone(&self.runtime), Arc::clone(&self.rate));
        if self.runtime.stop.is_stopping() {
            return self.refuse(stream, handshake_metrics, deadline, NoRoom::Stopping);
        }
        if let Ok(permit) = Arc::clone(&self.connections).try_acquire_owned() {
            tokio::spawn(async move {
                // Given back in the other order: what is not counted any more has made room.
                let _counted = runtime.metrics.connections().add();
                let _permit = permit;
                let upgrade = upgrade::serve(stream, Admission::Within(rate), &handshake_metrics);
                let upgraded = timeout_at(deadline, upgrade).await;
                if let Ok(Some(upgraded)) = upgraded {
                    let upgrade::Upgraded { stream, read, handshake } = upgraded;
                    connection::serve(runtime, stream, read, handshake, handshake_metrics, deadline).await;
                }
            });
        } else {
            self.refuse(stream, handshake_metrics, deadline, NoRoom::Full);
        }
    }

    /// Tells a client why there is no session for it.
    fn refuse(&self, stream: Lingering, handshake: HandshakeInFlight, deadline: Instant, why: NoRoom) {
        if let Ok(permit) = Arc::clone(&self.refusals).try_acquire_owned() {
            tokio::spawn(async move {
                let _permit = permit;
                let _ =
                    timeout_at(deadline, upgrade::serve(stream, Admission::Refused(why), &handshake)).await;
            });
        } else {
            let refusal = why.refusal();
            handshake.ended(refusal.end());
            self.refuse_unheard(stream, refusal.to_bytes());
        }
    }

    /// Tells it at once. The answer fits into what the kernel keeps for a new connection.
    fn refuse_unheard(&self, mut stream: Lingering, answer: Vec<u8>) {
        if let Ok(permit) = Arc::clone(&self.farewells).try_acquire_owned() {
            tokio::spawn(async move {
                let _permit = permit;
                let farewell = async {
                    stream.write_all(&answer).await?;
                    stream.shutdown().await
                };
                // A client that breaks off, or does not end, has been told what there is to tell.
                let _ = timeout(FAREWELL, farewell).await;
            });
        } else {
            let _ = stream.close_with(&answer);
        }
    }
}
