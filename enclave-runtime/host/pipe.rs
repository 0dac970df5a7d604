use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;

use crate::metrics::{Metrics, Outcome, PipeName};
use crate::relay::{End, relay};
use crate::socket::Socket;

/// One way through the host, for so many connections at a time.
#[derive(Clone)]
pub(crate) struct Pipe {
    name: PipeName,
    connections: Arc<Semaphore>,
    idle: Duration,
    metrics: Arc<Metrics>,
    /// The log has that the other end is not reached.
    is_away: Arc<AtomicBool>,
}

/// Which of a pipe's sockets is the enclave's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Enclave {
    Accepted,
    Connected,
}

impl Pipe {
    pub(crate) fn new(name: PipeName, connections: usize, idle: Duration, metrics: Arc<Metrics>) -> Self {
        let (connections, is_away) = (Arc::new(Semaphore::new(connections)), Arc::default());
        Self { name, connections, idle, metrics, is_away }
    }

    /// The same for others, who have as many connections of their own.
    pub(crate) fn another(&self, connections: usize) -> Self {
        Self::new(self.name, connections, self.idle, Arc::clone(&self.metrics))
    }

    /// A connection was accepted: moves its bytes to and from what `connect` connects to. One more than
    /// may be is reset at once, and so is one whose other end is not there.
    ///
    /// `connect` also gives what is to be held for as long. What is returned is a connection that is led
    /// on.
    pub(crate) fn accepted<C, H>(
        &self,
        accepted: Socket,
        enclave: Enclave,
        connect: C,
    ) -> Option<JoinHandle<()>>
    where
        C: Future<Output = io::Result<(Socket, H)>> + Send + 'static,
        H: Send + 'static,
    {
        match Arc::clone(&self.connections).try_acquire_owned() {
            Ok(permit) => Some(tokio::spawn(self.clone().join(permit, accepted, enclave, connect))),
            Err(_) => {
                self.refuse(accepted, Outcome::Refused);
                None
            }
        }
    }

    /// A connection was ended from outside.
    pub(crate) fn ended(&self, why: Outcome) {
        self.metrics.ended(self.name, why);
    }

    /// A connection was accepted that is not led on: it is reset.
    pub(crate) fn refuse(&self, accepted: Socket, why: Outcome) {
        self.ended(why);
        accepted.reset();
    }

    async fn join<C, H>(self, permit: OwnedSemaphorePermit, accepted: Socket, enclave: Enclave, connect: C)
    where
        C: Future<Output = io::Result<(Socket, H)>>,
    {
        // Given back in the other order: what is not counted any more has made room.
        let _counted = self.metrics.open(self.name);
        let _permit = permit;
        let (connected, _held) = match connect.await {
            Ok(connected) => connected,
            Err(error) => {
                self.note_failure(&error);
                self.metrics.ended(self.name, Outcome::Unreachable);
                return accepted.reset();
            }
        };
        self.note_success();
        let (outside, inside) = match enclave {
            Enclave::Accepted => (connected, accepted),
            Enclave::Connected => (accepted, connected),
        };
        let end = relay(outside, inside, self.idle, &self.metrics.traffic(self.name)).await;
        self.metrics.ended(self.name, end.into());
    }

    /// Tells it once, and of sessions not at all: anybody could fill the log with these.
    fn note_failure(&self, error: &io::Error) {
        if self.name != PipeName::Sessions && !self.is_away.swap(true, Ordering::Relaxed) {
            tracing::info!(pipe = self.name.as_str(), %error, "the other end is not reached");
        }
    }

    fn note_success(&self) {
        if self.is_away.swap(false, Ordering::Relaxed) {
            tracing::info!(pipe = self.name.as_str(), "the other end is reached again");
        }
    }
}

impl From<End> for Outcome {
    fn from(end: End) -> Self {
        match end {
            End::Closed => Self::Closed,
            End::Idle => Self::Idle,
            End::Reset => Self::Reset,
        }
    }
}
