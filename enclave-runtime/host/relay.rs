use std::io;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::time::Instant;

use crate::metrics::Traffic;
use crate::socket::{MAX_WRITE, Socket};

/// How what is between two sockets ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Both sides had said all they wanted to.
    Closed,
    /// No byte moved for as long as that may be.
    Idle,
    /// One side broke off, which the other is told.
    Reset,
}

/// Moves bytes both ways until both sides have ended theirs. A side that ends its own goes on reading.
///
/// Each way has one buffer of [`MAX_WRITE`] bytes, and only while bytes are under way: a reader that is
/// slow stops its writer. A flow that never ebbs lets others have their turn.
pub(crate) async fn relay(outside: Socket, enclave: Socket, idle: Duration, traffic: &Traffic) -> End {
    let activity = Activity::begin();
    let both = async {
        tokio::try_join!(
            one_way(&outside, &enclave, |bytes| {
                activity.note();
                traffic.moved_in(bytes);
            }),
            one_way(&enclave, &outside, |bytes| {
                activity.note();
                traffic.moved_out(bytes);
            }),
        )
    };
    let end = tokio::select! {
        ended = both => if ended.is_ok() { End::Closed } else { End::Reset },
        () = activity.ceased_for(idle) => End::Idle,
    };
    if end != End::Closed {
        outside.reset();
        enclave.reset();
    }
    end
}

async fn one_way(from: &Socket, to: &Socket, moved: impl Fn(usize)) -> io::Result<()> {
    loop {
        from.readable().await?;
        let mut buffer = Vec::with_capacity(MAX_WRITE);
        loop {
            match from.try_read(&mut buffer)? {
                None => break,
                Some(0) => return to.end_writing(),
                Some(_) => {}
            }
            let mut left = buffer.as_slice();
            while !left.is_empty() {
                let written = to.write_some(left).await?;
                moved(written);
                left = left.get(written..).unwrap_or_default();
            }
            buffer.clear();
            tokio::task::coop::consume_budget().await;
        }
    }
}

/// When bytes were last moved.
struct Activity(Mutex<Instant>);

impl Activity {
    fn begin() -> Self {
        Self(Mutex::new(Instant::now()))
    }

    fn note(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Resolves when nothing was noted for so long.
    async fn ceased_for(&self, idle: Duration) {
        loop {
            let end = *self.0.lock().unwrap_or_else(PoisonError::into_inner) + idle;
            if end <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(end).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc;
    use std::thread;

    use tokio::net::UnixStream;

    use super::*;
    use crate::enclaves::Enclaves;
    use crate::metrics::{Metrics, PipeName};

    #[test]
    fn a_flow_that_never_ebbs_lets_others_have_their_turn() {
        let (turn, had) = mpsc::channel();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                // What is written to one is what the other reads: the same bytes, round and round.
                let (one, other) = UnixStream::pair().unwrap();
                let (one, other) = (Socket::from(one), Socket::from(other));
                other.write_all(b"again").await.unwrap();
                let metrics = Metrics::new(Arc::new(Enclaves::new(1)), 1);
                let traffic = metrics.traffic(PipeName::Sessions);
                tokio::spawn(async move { relay(one, other, Duration::from_secs(60), &traffic).await });
                for _ in 0..10 {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                turn.send(()).unwrap();
            });
        });
        assert_eq!(had.recv_timeout(Duration::from_secs(30)), Ok(()));
    }
}
