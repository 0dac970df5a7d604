//! Workers that have imported a function and wait for its next call, for functions that are called
//! often: nobody then waits for the import. How many there are follows the demand, within a budget
//! of memory; those that nobody needs for a while are dropped.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use cape_core::identity::{AccountId, Checksum, Isolation};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::functions::Function;
use crate::operations::{LoadedWorker, load};
use crate::runtime::Runtime;
use crate::settings::Limits;

/// The time in which calls that need a worker are counted.
const DEMAND: Duration = Duration::from_secs(10);

/// How many such calls in that time make a function one that is called often.
const OFTEN: usize = 2;

/// Workers that wait for one function, at most.
const MOST: usize = 8;

/// How often it is looked for workers that nobody needs.
const LOOK: Duration = Duration::from_secs(1);

/// Workers that wait for a call of their function.
pub(crate) struct Warm {
    functions: Mutex<HashMap<Checksum, Hot>>,
    budget: u64,
    idle: Duration,
}

/// What is known of one function.
#[derive(Default)]
struct Hot {
    /// Those that wait, the one that was used last at the end.
    waiting: Vec<Waiting>,
    /// Calls that wait for one.
    calls: VecDeque<oneshot::Sender<LoadedWorker>>,
    /// When calls needed a worker.
    demand: VecDeque<Instant>,
    /// Workers that are being loaded to wait.
    loading: usize,
    /// Loading one to wait has failed; until a call has loaded one, no other is tried.
    failed: bool,
    /// One that waits would take more than the budget: none is loaded for that.
    too_large: bool,
}

struct Waiting {
    worker: LoadedWorker,
    since: Instant,
    bytes: u64,
}

/// What a call waits for.
pub(crate) struct Wait(Option<oneshot::Receiver<LoadedWorker>>);

impl Wait {
    /// The worker.
    pub(crate) async fn next(&mut self) -> LoadedWorker {
        if let Some(receiver) = &mut self.0
            && let Ok(worker) = receiver.await
        {
            return worker;
        }
        // Nobody will give one.
        self.0 = None;
        std::future::pending().await
    }
}

impl Waiting {
    fn account(&self) -> AccountId {
        self.worker.function.manifest.account
    }
}

impl Warm {
    /// None yet.
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            functions: Mutex::default(),
            budget: limits.warm_memory_mib << 20,
            idle: Duration::from_secs(limits.warm_idle_s),
        }
    }

    /// Drops, from now on, what nobody needs; ends with the runtime.
    pub(crate) fn look_after(runtime: &Arc<Runtime>) {
        let runtime: Weak<Runtime> = Arc::downgrade(runtime);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(LOOK).await;
                let Some(runtime) = runtime.upgrade() else { return };
                runtime.warm.drop_idle(Instant::now());
            }
        });
    }

    /// A worker that waits for the function, if there is one. Where the function is called often,
    /// others are loaded for the calls to come.
    pub(crate) fn take(&self, runtime: &Arc<Runtime>, function: &Arc<Function>) -> Option<LoadedWorker> {
        let checksum = function.manifest.checksum();
        let mut functions = self.functions();
        let hot = functions.entry(checksum).or_default();
        let worker = hot.take();
        let missing = match self.budget {
            0 => 0,
            _ => hot.missing(Instant::now(), function.manifest.isolation),
        };
        for _ in 0..missing {
            hot.loading += 1;
            tokio::spawn(load_to_wait(Arc::clone(runtime), Arc::clone(function)));
        }
        worker
    }

    /// Keeps a worker for the next call of its function, from whomever that is; unless others wait
    /// for its place.
    pub(crate) fn keep(&self, runtime: &Runtime, worker: LoadedWorker) {
        let checksum = worker.function.manifest.checksum();
        let bytes = worker.worker.resident_memory();
        let mut functions = self.functions();
        let hot = functions.entry(checksum).or_default();
        let Some(worker) = hot.give(worker) else { return };
        if runtime.pool.slots.queue_length() > 0 {
            drop(functions);
            return drop(worker);
        }
        if bytes > self.budget {
            hot.too_large = true;
            drop(functions);
            return drop(worker);
        }
        hot.waiting.push(Waiting { worker, since: Instant::now(), bytes });
        drop(functions);
        while self.bytes() > self.budget {
            drop(self.take_oldest(None));
        }
    }

    /// Takes note that a call has loaded the function itself, without a failure.
    pub(crate) fn loaded(&self, checksum: Checksum) {
        if let Some(hot) = self.functions().get_mut(&checksum) {
            hot.failed = false;
        }
    }

    /// Waits for a worker of the function that is to be kept.
    pub(crate) fn wait(&self, checksum: Checksum) -> Wait {
        let (sender, receiver) = oneshot::channel();
        let mut functions = self.functions();
        let calls = &mut functions.entry(checksum).or_default().calls;
        calls.retain(|call| !call.is_closed());
        calls.push_back(sender);
        Wait(Some(receiver))
    }

    fn bytes(&self) -> u64 {
        self.functions().values().flat_map(|hot| &hot.waiting).map(|waiting| waiting.bytes).sum()
    }

    /// Takes the worker that has waited longest, of an account if one is given.
    pub(crate) fn take_oldest(&self, account: Option<AccountId>) -> Option<LoadedWorker> {
        let mut functions = self.functions();
        let oldest = functions.values_mut().filter(|hot| {
            let first = hot.waiting.first();
            first.is_some_and(|first| account.is_none_or(|account| account == first.account()))
        });
        let oldest = oldest.min_by_key(|hot| hot.waiting.first().map(|waiting| waiting.since))?;
        Some(oldest.waiting.remove(0).worker)
    }

    fn drop_idle(&self, now: Instant) {
        let idle = self.idle;
        let mut dropped = Vec::new();
        self.functions().retain(|_, hot| {
            let (keep, drop): (Vec<_>, Vec<_>) = std::mem::take(&mut hot.waiting)
                .into_iter()
                .partition(|waiting| now < waiting.since + idle && waiting.worker.worker.is_running());
            hot.waiting = keep;
            dropped.extend(drop);
            hot.forget_old(now);
            hot.calls.retain(|call| !call.is_closed());
            let needed = !hot.waiting.is_empty() || !hot.calls.is_empty();
            needed || hot.loading > 0 || hot.failed || !hot.demand.is_empty()
        });
    }

    fn functions(&self) -> MutexGuard<'_, HashMap<Checksum, Hot>> {
        self.functions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hot {
    /// Gives a worker to the call that waits for longest; returns it where there is none.
    fn give(&mut self, mut worker: LoadedWorker) -> Option<LoadedWorker> {
        while let Some(call) = self.calls.pop_front() {
            worker = call.send(worker).err()?;
        }
        Some(worker)
    }

    fn take(&mut self) -> Option<LoadedWorker> {
        while let Some(waiting) = self.waiting.pop() {
            if waiting.worker.worker.is_running() {
                return Some(waiting.worker);
            }
        }
        None
    }

    /// Counts a call that needs a worker; how many more are to be loaded, to wait.
    fn missing(&mut self, now: Instant, isolation: Isolation) -> usize {
        self.forget_old(now);
        self.demand.push_back(now);
        if self.demand.len() > MOST * 2 {
            self.demand.pop_front();
        }
        // Those that callers share come back by themselves.
        if isolation == Isolation::Function || self.failed || self.too_large || self.demand.len() < OFTEN {
            return 0;
        }
        wanted(self.demand.len()).saturating_sub(self.waiting.len() + self.loading)
    }

    fn forget_old(&mut self, now: Instant) {
        while self.demand.front().is_some_and(|then| *then + DEMAND <= now) {
            self.demand.pop_front();
        }
    }
}

/// How many wait where so many calls needed one lately: half as many, since it takes less time to
/// load one than the time in which they are counted.
fn wanted(demand: usize) -> usize {
    demand.div_ceil(2).min(MOST)
}

/// Loads a worker that waits, if that takes nothing from anybody who calls.
async fn load_to_wait(runtime: Arc<Runtime>, function: Arc<Function>) {
    let loaded = match runtime.functions.code(&function).await {
        Err(error) => Some(Err(error)),
        Ok(code) => match runtime.pool.slots.free(function.manifest.account) {
            Some(slot) => Some(load(&runtime, &function, code, slot).await),
            None => None,
        },
    };
    let mut functions = runtime.warm.functions();
    let hot = functions.entry(function.manifest.checksum()).or_default();
    hot.loading = hot.loading.saturating_sub(1);
    match loaded {
        Some(Ok(worker)) => {
            drop(functions);
            runtime.warm.keep(&runtime, worker);
        }
        Some(Err(error)) if !hot.failed => {
            hot.failed = true;
            // What it says may be the function's own words.
            tracing::warn!(
                function = %function.manifest.function_id(),
                outcome = error.class().name(),
                "a worker was not loaded in advance; calls load their own until one succeeds"
            );
        }
        Some(Err(_)) | None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(calls: usize, isolation: Isolation) -> usize {
        let mut hot = Hot::default();
        let now = Instant::now();
        (0..calls).map(|_| hot.missing(now, isolation)).last().unwrap()
    }

    #[test]
    fn demand_decides_how_many_wait() {
        assert_eq!([1, 2, 3, 5, 100].map(|calls| after(calls, Isolation::Session)), [0, 1, 2, 3, 8]);
        assert_eq!(after(100, Isolation::Function), 0);
    }

    #[test]
    fn demand_of_the_past_is_forgotten() {
        let mut hot = Hot::default();
        let now = Instant::now();
        assert_eq!(hot.missing(now, Isolation::Session), 0);
        assert_eq!(hot.missing(now + DEMAND, Isolation::Session), 0);
        assert_eq!(hot.missing(now + DEMAND, Isolation::Session), 1);
    }

    #[test]
    fn what_failed_is_not_tried_again_for_nobody() {
        let mut hot = Hot { failed: true, ..Hot::default() };
        let now = Instant::now();
        assert_eq!((0..10).map(|_| hot.missing(now, Isolation::Session)).sum::<usize>(), 0);
        hot.failed = false;
        assert!(hot.missing(now, Isolation::Session) > 0);
    }

    #[test]
    fn what_is_too_large_to_wait_is_not_loaded_for_it() {
        let mut hot = Hot { too_large: true, ..Hot::default() };
        let now = Instant::now();
        assert_eq!((0..10).map(|_| hot.missing(now, Isolation::Session)).sum::<usize>(), 0);
    }

    #[test]
    fn those_that_are_being_loaded_count() {
        let mut hot = Hot { loading: 8, ..Hot::default() };
        let now = Instant::now();
        assert_eq!((0..100).map(|_| hot.missing(now, Isolation::Session)).sum::<usize>(), 0);
    }
}
