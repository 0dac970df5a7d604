use std::collections::VecDeque;

use tokio::task::JoinHandle;

/// Connections of operators, so many at a time. One more ends the oldest: who asks something is answered
/// at once, so that one is idle.
pub(crate) struct Room {
    most: usize,
    open: VecDeque<JoinHandle<()>>,
}

impl Room {
    pub(crate) fn of(most: usize) -> Self {
        Self { most, open: VecDeque::with_capacity(most) }
    }

    /// Has room for one more; whether the oldest was ended for it.
    pub(crate) async fn make(&mut self) -> bool {
        self.open.retain(|connection| !connection.is_finished());
        if self.open.len() < self.most {
            return false;
        }
        let Some(oldest) = self.open.pop_front() else { return false };
        oldest.abort();
        oldest.await.is_err_and(|ended| ended.is_cancelled())
    }

    pub(crate) fn enter(&mut self, connection: JoinHandle<()>) {
        self.open.push_back(connection);
    }
}
