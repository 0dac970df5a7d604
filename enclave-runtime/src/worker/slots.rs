//! The right to have a worker with a function: so many for all accounts together, and a share of them
//! for the functions of each, so that no account can take all.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cape_core::identity::AccountId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::settings::Limits;

/// How long to wait before one asks again who was refused.
const RETRY_HINT: Duration = Duration::from_millis(500);

/// How long it is told that somebody was refused.
const REFUSAL: Duration = Duration::from_secs(5);

/// All slots, and who waits for them.
pub(crate) struct Slots {
    permits: Arc<Semaphore>,
    count: u64,
    /// Those that the functions of one account may have.
    share: usize,
    waiting: AtomicU64,
    queue: u64,
    /// Calls of functions of one account that may wait.
    queue_share: u64,
    queue_timeout: Duration,
    accounts: Mutex<HashMap<AccountId, Arc<OfAccount>>>,
    refused: Mutex<Option<Instant>>,
}

/// What the functions of one account have of them.
struct OfAccount {
    permits: Arc<Semaphore>,
    waiting: AtomicU64,
}

/// The right to have one worker with a function.
pub(crate) struct Slot {
    _of_all: OwnedSemaphorePermit,
    _of_account: OwnedSemaphorePermit,
    _account: Arc<OfAccount>,
}

/// There is no capacity now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Overloaded {
    /// When to ask again.
    pub(crate) retry_after: Duration,
    /// It is the account's share that is used up.
    pub(crate) share_is_used_up: bool,
}

impl Overloaded {
    /// What a caller is told.
    pub(crate) const fn now() -> Self {
        Self { retry_after: RETRY_HINT, share_is_used_up: false }
    }
}

impl Slots {
    /// As many as the settings say.
    pub(super) fn new(limits: &Limits) -> Self {
        let count = |limit: u64| usize::try_from(limit).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        Self {
            permits: Arc::new(Semaphore::new(count(limits.workers))),
            count: limits.workers,
            share: count(limits.share_of_account(limits.workers)),
            waiting: AtomicU64::new(0),
            queue: limits.queue,
            queue_share: limits.share_of_account(limits.queue),
            queue_timeout: limits.queue_timeout(),
            accounts: Mutex::default(),
            refused: Mutex::default(),
        }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// How many calls wait for one.
    pub(crate) fn queue_length(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Whether a call was refused lately, for want of one.
    pub(crate) fn refused_lately(&self) -> bool {
        self.refused().is_some_and(|refused| refused.elapsed() < REFUSAL)
    }

    /// Whether the functions of the account have all that they may.
    pub(crate) fn share_is_used_up(&self, account: AccountId) -> bool {
        self.is_used_up(&self.account(account))
    }

    /// Where the share is all there is, it is not what is lacking.
    fn is_used_up(&self, account: &OfAccount) -> bool {
        (self.share as u64) < self.count && account.permits.available_permits() == 0
    }

    /// One, if nobody has to wait for it.
    pub(crate) fn free(&self, account: AccountId) -> Option<Slot> {
        let account = self.account(account);
        let of_account = Arc::clone(&account.permits).try_acquire_owned().ok()?;
        let of_all = Arc::clone(&self.permits).try_acquire_owned().ok()?;
        Some(Slot { _of_all: of_all, _of_account: of_account, _account: account })
    }

    /// Waits for one, for a bounded time in a bounded queue.
    pub(crate) async fn wait(&self, account: AccountId) -> Result<Slot, Overloaded> {
        if let Some(slot) = self.free(account) {
            return Ok(slot);
        }
        let account = self.account(account);
        let waited = async {
            let _waiting = Waiting::join(&self.waiting, self.queue)?;
            let _of_account = Waiting::join(&account.waiting, self.queue_share)?;
            let both = async {
                let of_account = Arc::clone(&account.permits).acquire_owned().await.ok()?;
                let of_all = Arc::clone(&self.permits).acquire_owned().await.ok()?;
                Some((of_account, of_all))
            };
            tokio::time::timeout(self.queue_timeout, both).await.ok()?
        };
        match waited.await {
            Some((of_account, of_all)) => {
                Ok(Slot { _of_all: of_all, _of_account: of_account, _account: account })
            }
            None => {
                let share_is_used_up = self.is_used_up(&account);
                if !share_is_used_up {
                    *self.refused() = Some(Instant::now());
                }
                Err(Overloaded { share_is_used_up, ..Overloaded::now() })
            }
        }
    }

    fn account(&self, account: AccountId) -> Arc<OfAccount> {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        if accounts.len() as u64 > 2 * (self.count + self.queue) {
            accounts.retain(|_, account| Arc::strong_count(account) > 1);
        }
        let new = || {
            Arc::new(OfAccount { permits: Arc::new(Semaphore::new(self.share)), waiting: AtomicU64::new(0) })
        };
        Arc::clone(accounts.entry(account).or_insert_with(new))
    }

    fn refused(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in a queue; given back when dropped.
struct Waiting<'a>(&'a AtomicU64);

impl<'a> Waiting<'a> {
    fn join(waiting: &'a AtomicU64, limit: u64) -> Option<Self> {
        let joined = waiting
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| (count < limit).then_some(count + 1));
        joined.ok().map(|_| Self(waiting))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(workers: u64, queue: u64) -> Slots {
        Slots::new(&Limits {
            workers,
            queue,
            queue_timeout_s: 1,
            account_share_percent: 75,
            ..Limits::default()
        })
    }

    fn account(number: u8) -> AccountId {
        AccountId::from_bytes([number; 32])
    }

    #[test]
    fn the_queue_is_bounded() {
        let waiting = AtomicU64::new(0);
        let first = Waiting::join(&waiting, 1);
        assert!(first.is_some());
        assert!(Waiting::join(&waiting, 1).is_none());
        drop(first);
        assert!(Waiting::join(&waiting, 1).is_some());
    }

    #[tokio::test]
    async fn an_account_has_its_share_and_others_have_the_rest() {
        let slots = slots(4, 10);
        let held: Vec<_> = (0..3).map(|_| slots.free(account(1)).unwrap()).collect();
        assert!(slots.free(account(1)).is_none());
        assert!(slots.share_is_used_up(account(1)));
        assert!(slots.free(account(2)).is_some());
        drop(held);
        assert!(slots.free(account(1)).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_refused_learns_whose_fault_it_is() {
        let slots = slots(4, 10);
        let _held: Vec<_> = (0..3).map(|_| slots.free(account(1)).unwrap()).collect();
        let refused = slots.wait(account(1)).await.err().unwrap();
        assert!(refused.share_is_used_up);
        assert!(!slots.refused_lately());
        let _other = slots.free(account(2)).unwrap();
        let refused = slots.wait(account(2)).await.err().unwrap();
        assert!(!refused.share_is_used_up);
        assert!(slots.refused_lately());
        assert_eq!(slots.queue_length(), 0);
    }

    #[tokio::test]
    async fn accounts_that_have_none_are_forgotten() {
        let slots = slots(1, 0);
        for number in 0..100 {
            drop(slots.free(account(number)).unwrap());
        }
        assert!(slots.accounts.lock().unwrap().len() <= 4);
    }
}
