use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// How often a connection on which nothing comes is asked whether it lives.
const PING_INTERVAL: Duration = Duration::from_secs(20);

/// How long nothing may come on a connection.
const SILENCE: Duration = Duration::from_secs(60);

/// What a connection does because of the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// End it: it was idle too long, or its document is about to expire.
    Close,
    /// Ask the other side whether it lives.
    Ping,
    /// Give it up: the other side does not live.
    Silence,
}

/// The times of one connection.
pub(super) struct Timers {
    idle_timeout: Duration,
    idle_since: Instant,
    close_at: Instant,
    /// CLOSE is sent once.
    closed: bool,
    heard: Instant,
    ping_at: Instant,
    sleep: Pin<Box<Sleep>>,
}

impl Timers {
    /// A connection that is used now, and to be closed at `close_at` at the latest.
    pub(super) fn new(idle_timeout: Duration, close_at: Instant) -> Self {
        let now = Instant::now();
        let mut timers = Self {
            idle_timeout,
            idle_since: now,
            close_at,
            closed: false,
            heard: now,
            ping_at: now + PING_INTERVAL,
            sleep: Box::pin(sleep_until(now)),
        };
        timers.rearm(true);
        timers
    }

    /// Something came.
    pub(super) fn received(&mut self) {
        self.heard = Instant::now();
    }

    /// A call is over.
    pub(super) fn call_ended(&mut self) {
        self.idle_since = Instant::now();
    }

    /// The next thing that is due, when it is; `idle` says that no call is open.
    ///
    /// The alarm may be set too early, never too late: what postpones a thing does not touch it.
    pub(super) fn poll(&mut self, idle: bool, context: &mut Context<'_>) -> Poll<Due> {
        loop {
            ready!(self.sleep.as_mut().poll(context));
            let due = self.due(idle, Instant::now());
            self.rearm(idle);
            if let Some(due) = due {
                return Poll::Ready(due);
            }
        }
    }

    fn due(&mut self, idle: bool, now: Instant) -> Option<Due> {
        if now >= self.heard + SILENCE {
            return Some(Due::Silence);
        }
        let close_at =
            if idle { self.close_at.min(self.idle_since + self.idle_timeout) } else { self.close_at };
        if !self.closed && now >= close_at {
            self.closed = true;
            return Some(Due::Close);
        }
        if now >= self.ping_at {
            let quiet = now >= self.heard + PING_INTERVAL;
            self.ping_at = now + PING_INTERVAL;
            return quiet.then_some(Due::Ping);
        }
        None
    }

    fn rearm(&mut self, idle: bool) {
        let mut next = self.ping_at.min(self.heard + SILENCE);
        if !self.closed {
            next = next.min(self.close_at);
            // A call that ends later moves this; while one is open it is looked at again and again.
            let idle_until = self.idle_since + self.idle_timeout;
            next =
                next.min(if idle { idle_until } else { idle_until.max(Instant::now() + self.idle_timeout) });
        }
        self.sleep.as_mut().reset(next);
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    async fn next(timers: &mut Timers, idle: bool) -> (Due, u64) {
        let started = Instant::now();
        let due = poll_fn(|context| timers.poll(idle, context)).await;
        (due, started.elapsed().as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_connection_is_pinged_and_closed_in_time() {
        let mut timers = Timers::new(seconds(50), Instant::now() + seconds(3600));
        assert_eq!(next(&mut timers, true).await, (Due::Ping, 20));
        timers.received();
        assert_eq!(next(&mut timers, true).await, (Due::Ping, 20));
        timers.received();
        assert_eq!(next(&mut timers, true).await, (Due::Close, 10));
        assert_eq!(next(&mut timers, true).await, (Due::Ping, 10));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_says_nothing_is_given_up() {
        let mut timers = Timers::new(seconds(600), Instant::now() + seconds(3600));
        assert_eq!(next(&mut timers, true).await, (Due::Ping, 20));
        assert_eq!(next(&mut timers, true).await, (Due::Ping, 20));
        assert_eq!(next(&mut timers, true).await.0, Due::Silence);
    }

    #[tokio::test(start_paused = true)]
    async fn one_with_a_call_is_not_idle_but_its_document_ends() {
        let mut timers = Timers::new(seconds(5), Instant::now() + seconds(30));
        assert_eq!(next(&mut timers, false).await, (Due::Ping, 20));
        timers.received();
        assert_eq!(next(&mut timers, false).await, (Due::Close, 10));
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_call_idleness_counts_from_its_end() {
        let mut timers = Timers::new(seconds(5), Instant::now() + seconds(3600));
        let _ = tokio::time::timeout(seconds(12), next(&mut timers, false)).await;
        timers.call_ended();
        let (due, waited) = next(&mut timers, true).await;
        assert_eq!(due, Due::Close);
        assert!((5..=6).contains(&waited), "{waited}");
    }
}
