use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use cape_core::crypto::sha256;
use cape_core::identity::{AccountId, Checksum};
use tokio::sync::Mutex as AsyncMutex;
use tokio::time::Instant;

use super::loaded::LoadedWorker;

/// How long a worker that no call uses stays with its connection, whoever waits for another.
const UNDISTURBED: Duration = Duration::from_secs(1);

/// The workers of one connection: one for each function and credential. They end with the connection,
/// when it has used more others since than it may keep, or when they make room for calls that wait.
pub(crate) struct SessionWorkers {
    /// Those that were used last are at the end.
    places: Mutex<Vec<(Key, Place)>>,
    /// As many as there may be calls, so there is always one that no call uses.
    limit: usize,
    all: Arc<AllSessionWorkers>,
}

/// Where a worker is when no call uses it. Calls of the same function and credential wait for each
/// other here, first come first served.
pub(super) type Place = Arc<AsyncMutex<Option<Parked>>>;

/// A worker that no call uses.
pub(super) struct Parked {
    pub(super) worker: LoadedWorker,
    since: Instant,
}

/// A function, and who calls it: SHA-256 of the token, or nothing for the owner.
type Key = (Checksum, Option<[u8; 32]>);

/// The places of all connections.
#[derive(Default)]
pub(crate) struct AllSessionWorkers(Mutex<Vec<Weak<AsyncMutex<Option<Parked>>>>>);

impl Parked {
    pub(super) fn now(worker: LoadedWorker) -> Self {
        Self { worker, since: Instant::now() }
    }
}

impl SessionWorkers {
    /// None yet, and `limit` at most.
    pub(crate) fn new(limit: usize, all: Arc<AllSessionWorkers>) -> Self {
        Self { places: Mutex::default(), limit, all }
    }

    /// The place of the worker for a function and the token that it is called with; the owner has
    /// none.
    pub(super) fn place(&self, function: Checksum, token: Option<&str>) -> Place {
        let key = (function, token.map(|token| sha256(&[token.as_bytes()])));
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let known = places.iter().position(|(known, _)| *known == key);
        let place = known.map_or_else(|| self.all.new_place(), |index| places.remove(index).1);
        places.push((key, Arc::clone(&place)));
        while places.len() > self.limit
            && let Some(oldest) = places.iter().position(|(_, place)| Arc::strong_count(place) == 1)
        {
            places.remove(oldest);
        }
        place
    }
}

impl AllSessionWorkers {
    fn new_place(&self) -> Place {
        let place = Place::default();
        let mut places = self.places();
        if places.len() == places.capacity() {
            places.retain(|place| place.strong_count() > 0);
        }
        places.push(Arc::downgrade(&place));
        place
    }

    /// Takes the worker that no call has used for longest, of an account if one is given. When it is
    /// called again it is loaded anew.
    pub(crate) fn take_oldest(&self, account: Option<AccountId>) -> Option<LoadedWorker> {
        let undisturbed = Instant::now() - UNDISTURBED;
        let mut oldest: Option<(Instant, Place)> = None;
        for place in self.places().iter().filter_map(Weak::upgrade) {
            // Where it is locked a call has it.
            let since = place.try_lock().ok().and_then(|parked| {
                let parked = parked.as_ref()?;
                let of_account =
                    account.is_none_or(|account| account == parked.worker.function.manifest.account);
                of_account.then_some(parked.since)
            });
            if let Some(since) = since.filter(|since| *since <= undisturbed)
                && oldest.as_ref().is_none_or(|(other, _)| since < *other)
            {
                oldest = Some((since, place));
            }
        }
        let (_, place) = oldest?;
        let mut parked = place.try_lock().ok()?;
        parked.take().map(|parked| parked.worker)
    }

    fn places(&self) -> MutexGuard<'_, Vec<Weak<AsyncMutex<Option<Parked>>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_that_was_used_longest_ago_makes_room() {
        let workers = SessionWorkers::new(2, Arc::default());
        let place = |token| workers.place(Checksum::from_bytes([7; 32]), Some(token));
        let used = place("a");
        let forgotten = Arc::downgrade(&place("b"));
        let kept = Arc::downgrade(&place("c"));
        assert_eq!(forgotten.strong_count(), 0);
        assert_eq!(kept.strong_count(), 1);
        assert!(Arc::ptr_eq(&used, &place("a")));
    }

    #[test]
    fn places_of_connections_that_have_ended_are_forgotten() {
        let all = Arc::<AllSessionWorkers>::default();
        for _ in 0..1000 {
            SessionWorkers::new(1, Arc::clone(&all)).place(Checksum::from_bytes([7; 32]), None);
        }
        assert!(all.places().len() < 16);
    }
}
