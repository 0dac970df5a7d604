//! How the runtime ends in order: nothing new begins, calls under way get some time, and whoever has
//! not ended by then is told why.

use std::future::{pending, poll_fn};
use std::io::Write;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::json;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::error::StartError;
use crate::operations::CallError;
use crate::standard_input;

/// What ending takes when the time of calls is over: their errors are written, and the closing
/// handshakes made.
const LAST_WORDS: Duration = Duration::from_secs(6);

/// When a client may ask for something new: another enclave answers then, or this one, started anew.
const RETRY_HINT: Duration = Duration::from_secs(1);

/// How far the end has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// There is none in sight.
    Serving,
    /// Nothing new begins.
    Stopping,
    /// Calls have had their time.
    Over,
}

/// The end, which every connection is told of.
pub(crate) struct Stop(watch::Sender<Stage>);

impl Default for Stop {
    fn default() -> Self {
        Self(watch::Sender::new(Stage::Serving))
    }
}

impl Stop {
    /// Whether nothing new may begin.
    pub(crate) fn is_stopping(&self) -> bool {
        *self.0.borrow() >= Stage::Stopping
    }

    /// For a connection, whose end is waited for.
    pub(crate) fn watch(&self) -> Watch {
        Watch(later_than(Stage::Serving, self.0.subscribe()).boxed())
    }

    /// Lets nothing new begin; returns when every connection has ended. They have `grace` for their
    /// calls.
    pub(crate) async fn in_order(&self, grace: Duration) {
        self.0.send_replace(Stage::Stopping);
        if timeout(grace, self.0.closed()).await.is_ok() {
            return;
        }
        tracing::warn!(grace_s = grace.as_secs(), "calls are ended that take longer than the time for them");
        self.0.send_replace(Stage::Over);
        let _ = timeout(LAST_WORDS, self.0.closed()).await;
    }
}

/// How one connection learns of the end.
pub(crate) struct Watch(BoxFuture<'static, (Stage, watch::Receiver<Stage>)>);

impl Watch {
    /// The next stage.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Stage> {
        self.0.poll_unpin(context).map(|(stage, stages)| {
            self.0 = later_than(stage, stages).boxed();
            stage
        })
    }

    /// Resolves when calls have had their time.
    pub(crate) async fn over(&mut self) {
        while poll_fn(|context| self.poll(context)).await != Stage::Over {}
    }
}

async fn later_than(seen: Stage, mut stages: watch::Receiver<Stage>) -> (Stage, watch::Receiver<Stage>) {
    match stages.wait_for(|stage| *stage > seen).await.map(|stage| *stage) {
        Ok(stage) => (stage, stages),
        Err(_) => pending().await, // the runtime is gone, and this task with it
    }
}

/// The answer to whatever is asked for when nothing new begins.
pub(crate) fn refusal() -> CallError {
    CallError::overloaded("the enclave is being stopped, nothing ran", RETRY_HINT)
}

/// The end of a call that took longer than it could.
pub(crate) fn cut_short() -> CallError {
    CallError::cut_short("the enclave was stopped before the call was over")
}

/// How whoever started the runtime asks it to end: SIGTERM, the end of its standard input, or a line
/// there.
pub(crate) struct Requests {
    /// Standard input, which is read in one place: what another reader has taken would be lost.
    asked: JoinHandle<()>,
    terminated: Signal,
}

impl Requests {
    /// From now on SIGTERM does not end the process by itself.
    pub(crate) fn listen() -> Result<Self, StartError> {
        let terminated = signal(SignalKind::terminate())
            .map_err(|error| StartError::new(format!("no signal handler: {error}")))?;
        Ok(Self { asked: tokio::spawn(standard_input::asks_for_the_end()), terminated })
    }

    /// The first one, of either kind.
    pub(crate) async fn first(&mut self) {
        tokio::select! {
            _ = &mut self.asked => {}
            _ = self.terminated.recv() => {}
        }
    }

    /// A SIGTERM after that: not to wait.
    pub(crate) async fn impatient(&mut self) {
        self.terminated.recv().await;
    }
}

/// Tells whoever started the runtime, if it still is there, that clients have to be sent elsewhere.
pub(crate) fn announce() {
    let _ = writeln!(std::io::stdout(), "{}", json!({"stopping": true}));
    tracing::info!("stopping");
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    async fn next(watch: &mut Watch) -> Stage {
        poll_fn(|context| watch.poll(context)).await
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_waited_for_when_nobody_is_there() {
        let (stop, started) = (Stop::default(), Instant::now());
        drop(stop.watch());
        assert!(!stop.is_stopping());
        stop.in_order(Duration::from_secs(10)).await;
        assert!(stop.is_stopping());
        assert_eq!(started.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn connections_learn_of_each_stage_once_however_late_they_come() {
        let (stop, started) = (Stop::default(), Instant::now());
        let (mut early, end) = (stop.watch(), &stop);
        let connection = async move {
            let mut stages = vec![next(&mut early).await];
            let mut late = end.watch();
            stages.extend([next(&mut late).await, next(&mut early).await]);
            late.over().await;
            drop(early);
            stages
        };
        let ((), stages) = tokio::join!(stop.in_order(Duration::from_secs(10)), connection);
        assert_eq!(stages, [Stage::Stopping, Stage::Stopping, Stage::Over]);
        assert_eq!(started.elapsed().as_secs(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_never_ends_is_not_waited_for_for_ever() {
        let (stop, started) = (Stop::default(), Instant::now());
        let _watch = stop.watch();
        stop.in_order(Duration::from_secs(10)).await;
        assert_eq!(started.elapsed(), Duration::from_secs(10) + LAST_WORDS);
    }
}
