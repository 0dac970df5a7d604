use std::sync::{Arc, Mutex, PoisonError};

use cape_core::crypto::sha256;
use cape_core::identity::Checksum;
use tokio::sync::Mutex as AsyncMutex;

use super::loaded::LoadedWorker;

/// The workers of one connection: one for each function and credential. They end with the connection,
/// or when it has used more others since than it may keep.
pub(crate) struct SessionWorkers {
    /// Those that were used last are at the end.
    places: Mutex<Vec<(Key, Place)>>,
    /// As many as there may be calls, so there is always one that no call uses.
    limit: usize,
}

/// Where a worker is when no call uses it. Calls of the same function and credential wait for each
/// other here, first come first served.
pub(super) type Place = Arc<AsyncMutex<Option<LoadedWorker>>>;

/// A function, and who calls it: SHA-256 of the token, or nothing for the owner.
type Key = (Checksum, Option<[u8; 32]>);

impl SessionWorkers {
    /// None yet, and `limit` at most.
    pub(crate) fn new(limit: usize) -> Self {
        Self { places: Mutex::default(), limit }
    }

    /// The place of the worker for a function and the token that it is called with; the owner has
    /// none.
    pub(super) fn place(&self, function: Checksum, token: Option<&str>) -> Place {
        let key = (function, token.map(|token| sha256(&[token.as_bytes()])));
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let known = places.iter().position(|(known, _)| *known == key);
        let place = known.map(|index| places.remove(index).1).unwrap_or_default();
        places.push((key, Arc::clone(&place)));
        if places.len() > self.limit
            && let Some(oldest) = places.iter().position(|(_, place)| Arc::strong_count(place) == 1)
        {
            places.remove(oldest);
        }
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_that_was_used_longest_ago_makes_room() {
        let workers = SessionWorkers::new(2);
        let place = |token| workers.place(Checksum::from_bytes([7; 32]), Some(token));
        let used = place("a");
        let forgotten = Arc::downgrade(&place("b"));
        let kept = Arc::downgrade(&place("c"));
        assert_eq!(forgotten.strong_count(), 0);
        assert_eq!(kept.strong_count(), 1);
        assert!(Arc::ptr_eq(&used, &place("a")));
    }
}
