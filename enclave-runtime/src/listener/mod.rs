//! Accepts connections, within limits, and hands over those that become sessions.

mod rate;
mod upgrade;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use crate::connection;
use crate::error::StartError;
use crate::lingering::Lingering;
use crate::metrics::{HandshakeEnd, HandshakeInFlight};
use crate::runtime::Runtime;
use rate::Rate;
use upgrade::Admission;

/// Connections that get no session and are told so at the same time; more are closed unheard.
const REFUSALS: usize = 64;

/// How long to wait when the process can have no more descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Where sessions come in.
pub(crate) struct Listener {
    socket: TcpListener,
    runtime: Arc<Runtime>,
    connections: Arc<Semaphore>,
    refusals: Arc<Semaphore>,
    rate: Arc<Rate>,
}

impl Listener {
    /// Listens on an address; port 0 takes any that is free.
    pub(crate) async fn bind(address: SocketAddr, runtime: Arc<Runtime>) -> Result<Self, StartError> {
        let socket = TcpListener::bind(address)
            .await
            .map_err(|error| StartError::new(format!("cannot listen on {address}: {error}")))?;
        let limits = &runtime.settings.limits;
        let connections = usize::try_from(limits.connections).unwrap_or(Semaphore::MAX_PERMITS);
        Ok(Self {
            socket,
            connections: Arc::new(Semaphore::new(connections)),
            refusals: Arc::new(Semaphore::new(REFUSALS)),
            rate: Arc::new(Rate::per_second(limits.handshakes_per_second)),
            runtime,
        })
    }

    /// The port that was taken.
    pub(crate) fn port(&self) -> u16 {
        self.socket.local_addr().map_or(0, |address| address.port())
    }

    /// Accepts connections for ever.
    pub(crate) async fn run(self) {
        loop {
            match self.socket.accept().await {
                Ok((stream, _)) => self.accepted(stream),
                Err(error) => {
                    tracing::warn!(%error, "a connection was not accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn accepted(&self, stream: TcpStream) {
        // Small frames are whole messages that somebody waits for.
        let _ = stream.set_nodelay(true);
        let stream = Lingering::new(stream, self.runtime.metrics.traffic());
        let handshake_metrics = self.runtime.metrics.handshake();
        let deadline = Instant::now() + self.runtime.settings.limits.handshake_timeout();
        let (runtime, rate) = (Arc::clone(&self.runtime), Arc::clone(&self.rate));
        if self.runtime.stop.is_stopping() {
            return self.refuse(stream, handshake_metrics, deadline, Admission::Stopping);
        }
        if let Ok(permit) = Arc::clone(&self.connections).try_acquire_owned() {
            tokio::spawn(async move {
                let _permit = permit;
                let _counted = runtime.metrics.connections().add();
                let upgrade = upgrade::serve(stream, Admission::Within(rate), &handshake_metrics);
                let upgraded = timeout_at(deadline, upgrade).await;
                if let Ok(Some(upgraded)) = upgraded {
                    let upgrade::Upgraded { stream, read, handshake } = upgraded;
                    connection::serve(runtime, stream, read, handshake, handshake_metrics, deadline).await;
                }
            });
        } else {
            self.refuse(stream, handshake_metrics, deadline, Admission::Full);
        }
    }

    /// Tells a client why there is no session for it.
    fn refuse(&self, stream: Lingering, handshake: HandshakeInFlight, deadline: Instant, why: Admission) {
        if let Ok(permit) = Arc::clone(&self.refusals).try_acquire_owned() {
            tokio::spawn(async move {
                let _permit = permit;
                let _ = timeout_at(deadline, upgrade::serve(stream, why, &handshake)).await;
            });
        } else {
            handshake.ended(HandshakeEnd::Full);
        }
    }
}
