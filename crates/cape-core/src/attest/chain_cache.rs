use core::fmt;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::certificate::Certificate;
use crate::UnixTime;
use crate::crypto::sha256;
use crate::ecdsa::PublicKey;

/// Remembers which certificates were signed by which key, so that a second document of the same
/// enclave costs one signature verification instead of five.
///
/// It spares the signature only: names, constraints, key usage and validity are judged each time.
/// What it holds is bounded, and is the same whoever fills it, so one cache can serve a process,
/// all its threads and all its trust roots.
pub struct ChainCache {
    /// The last second of each certificate, by what identifies it and its issuer's key.
    entries: Mutex<BTreeMap<Identity, UnixTime>>,
    capacity: usize,
}

/// SHA-256(certificate || issuer's key). The key has a fixed length, so the boundary between the two
/// is certain; a certificate contains its signature, so another signature is another identity.
type Identity = [u8; 32];

/// Four certificates below the root for each of 64 enclaves.
const DEFAULT_CAPACITY: usize = 256;

impl ChainCache {
    /// An empty cache of the default capacity, 256 certificates (about 20 KiB).
    pub fn new() -> Self {
        Self::with_capacity(DEFAULT_CAPACITY)
    }

    /// An empty cache that remembers at most `capacity` certificates.
    pub fn with_capacity(capacity: usize) -> Self {
        Self { entries: Mutex::default(), capacity }
    }

    /// How many certificates it remembers now.
    pub fn len(&self) -> usize {
        self.entries().len()
    }

    /// Whether it remembers nothing.
    pub fn is_empty(&self) -> bool {
        self.entries().is_empty()
    }

    /// Whether `certificate` is signed by `issuer_key`: remembered, or verified and then remembered
    /// until its last second. What does not hold is never remembered.
    pub(super) fn is_signed_by(
        &self,
        certificate: &Certificate<'_>,
        issuer_key: &PublicKey,
        now: UnixTime,
    ) -> bool {
        let identity = sha256(&[certificate.der, issuer_key]);
        if self.remembers(&identity, now) {
            return true;
        }
        // Nobody waits for this: threads that miss the same certificate each verify it.
        let is_signed = certificate.is_signed_by(issuer_key);
        if is_signed {
            self.insert(identity, certificate.not_after, now);
        }
        is_signed
    }

    fn remembers(&self, identity: &Identity, now: UnixTime) -> bool {
        self.entries().get(identity).is_some_and(|last| !has_passed(*last, now))
    }

    fn insert(&self, identity: Identity, last: UnixTime, now: UnixTime) {
        if has_passed(last, now) || self.capacity == 0 {
            return;
        }
        let mut entries = self.entries();
        if entries.len() >= self.capacity && !entries.contains_key(&identity) {
            entries.retain(|_, last| !has_passed(*last, now));
        }
        if entries.len() >= self.capacity
            && !entries.contains_key(&identity)
            && let Some(first_to_end) =
                entries.iter().min_by_key(|(_, last)| **last).map(|(identity, _)| *identity)
        {
            entries.remove(&first_to_end);
        }
        entries.insert(identity, last);
    }

    /// No code that could panic runs while it is locked, so what a panic elsewhere left is whole.
    fn entries(&self) -> MutexGuard<'_, BTreeMap<Identity, UnixTime>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A certificate's last second counts whole.
fn has_passed(last: UnixTime, now: UnixTime) -> bool {
    last.as_seconds() < now.as_seconds()
}

impl Default for ChainCache {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for ChainCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<ChainCache {} of {}>", self.len(), self.capacity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(number: u8) -> Identity {
        [number; 32]
    }

    fn second(number: u64) -> UnixTime {
        UnixTime::from_seconds(number)
    }

    /// What is remembered, whenever it ends.
    fn remembered(cache: &ChainCache) -> Vec<u8> {
        cache.entries().keys().map(|identity| identity[0]).collect()
    }

    #[test]
    fn it_is_bounded_and_forgets_what_ends_first() {
        let cache = ChainCache::with_capacity(3);
        for (number, end) in [(1, 2000), (2, 1500), (3, 3000), (4, 2500)] {
            cache.insert(identity(number), second(end), second(1000));
            assert!(cache.len() <= 3);
        }
        assert_eq!(remembered(&cache), [1, 3, 4]);
        cache.insert(identity(3), second(3000), second(1000));
        assert_eq!(remembered(&cache), [1, 3, 4], "what is there already takes no place");
    }

    #[test]
    fn what_has_ended_goes_first() {
        let cache = ChainCache::with_capacity(2);
        cache.insert(identity(1), second(10), second(1));
        cache.insert(identity(2), second(20), second(1));
        cache.insert(identity(3), second(15), second(21));
        assert_eq!(remembered(&cache), [1, 2], "what has ended already is not remembered");
        cache.insert(identity(4), second(30), second(21));
        assert_eq!(remembered(&cache), [4]);
    }

    #[test]
    fn it_remembers_to_the_end_of_the_last_second() {
        let cache = ChainCache::new();
        let at = |millis| cache.remembers(&identity(1), UnixTime::from_millis(millis));
        cache.insert(identity(1), second(10), UnixTime::from_millis(10_999));
        assert!(at(0) && at(10_000) && at(10_999));
        assert!(!at(11_000) && !at(u64::MAX));
        assert!(!cache.remembers(&identity(2), second(10)));
    }

    #[test]
    fn no_capacity_remembers_nothing() {
        let cache = ChainCache::with_capacity(0);
        cache.insert(identity(1), second(10), second(1));
        assert!(cache.is_empty());
    }
}
