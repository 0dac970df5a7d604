//! Input on its way from a connection to one of its calls, in as few pieces as that takes: frames of a
//! byte each would else cost many times what the credit of the call bounds.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cape_core::session::BULK_FRAME;
use tokio::sync::Notify;

/// The connection's end; without it there is no more input.
pub(super) struct PartsSender(Arc<Shared>);

/// The call's end; without it nothing is kept any more.
pub(super) struct Parts(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Vec<u8>>,
    /// One of both ends is gone.
    ended: bool,
}

/// Both ends. How much waits between them is not bounded here.
pub(super) fn parts() -> (PartsSender, Parts) {
    let shared = Arc::new(Shared::default());
    (PartsSender(Arc::clone(&shared)), Parts(shared))
}

impl PartsSender {
    /// Adds bytes behind those that wait.
    pub(super) fn send(&self, bytes: impl AsRef<[u8]> + Into<Vec<u8>>) {
        let mut state = self.0.state();
        if state.ended {
            return;
        }
        match state.waiting.back_mut() {
            Some(last) if last.len() + bytes.as_ref().len() <= BULK_FRAME => {
                last.extend_from_slice(bytes.as_ref());
            }
            _ => state.waiting.push_back(bytes.into()),
        }
        drop(state);
        self.0.changed.notify_one();
    }
}

impl Parts {
    /// The next bytes; `None` at the end. Nothing is lost when it is dropped before it is ready.
    pub(super) async fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            {
                let mut state = self.0.state();
                if let Some(part) = state.waiting.pop_front() {
                    return Some(part);
                }
                if state.ended {
                    return None;
                }
            }
            self.0.changed.notified().await;
        }
    }
}

impl Drop for PartsSender {
    fn drop(&mut self) {
        self.0.state().ended = true;
        self.0.changed.notify_one();
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        *self.0.state() = State { waiting: VecDeque::new(), ended: true };
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn bytes_come_in_their_order_and_then_the_end() {
        let (sender, mut parts) = parts();
        let all: Vec<u8> = (0..600_000_u32).map(|number| (number % 251) as u8).collect();
        let sending = async {
            for piece in all.chunks(999) {
                sender.send(piece);
                tokio::task::yield_now().await;
            }
            drop(sender);
        };
        let receiving = async {
            let mut received = Vec::new();
            while let Some(part) = parts.next().await {
                received.extend(part);
            }
            received
        };
        let ((), received) = tokio::join!(sending, receiving);
        assert!(received == all);
    }

    #[tokio::test]
    async fn small_ones_that_wait_become_few() {
        let (sender, mut parts) = parts();
        for _ in 0..BULK_FRAME + 1 {
            sender.send(&b"x"[..]);
        }
        sender.send(vec![0; BULK_FRAME]);
        drop(sender);
        let mut sizes = Vec::new();
        while let Some(part) = parts.next().await {
            sizes.push(part.len());
        }
        assert_eq!(sizes, [BULK_FRAME, 1, BULK_FRAME]);
    }

    #[test]
    fn nothing_is_kept_for_a_call_that_is_gone() {
        let (sender, receiver) = parts();
        sender.send(&b"x"[..]);
        drop(receiver);
        sender.send(&b"y"[..]);
        assert!(sender.0.state().waiting.is_empty());
    }
}
