use core::fmt;
use std::collections::BTreeMap;

use super::certificate::Certificate;
use crate::UnixTime;
use crate::cose::PublicKey;
use crate::crypto::sha256;

/// Remembers which certificates were signed by which key, so that a second document of the same
/// enclave costs one signature verification instead of five.
///
/// It spares the signature only: names, constraints, key usage and validity are judged each time.
/// What it holds is bounded, and is the same whoever fills it, so one cache can serve a process.
pub struct ChainCache {
    entries: BTreeMap<[u8; 32], UnixTime>,
    capacity: usize,
}

/// Four certificates below the root for each of 64 enclaves.
const DEFAULT_CAPACITY: usize = 256;

impl ChainCache {
    /// An empty cache of the default capacity, 256 certificates (about 20 KiB).
    pub fn new() -> Self {
        Self::with_capacity(DEFAULT_CAPACITY)
    }

    /// An empty cache that remembers at most `capacity` certificates.
    pub fn with_capacity(capacity: usize) -> Self {
        Self { entries: BTreeMap::new(), capacity }
    }

    /// How many certificates it remembers now.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it remembers nothing.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether `certificate` is signed by `issuer_key`: remembered, or verified and then remembered
    /// until it ends.
    pub(super) fn is_signed_by(
        &mut self,
        certificate: &Certificate<'_>,
        issuer_key: &PublicKey,
        now: UnixTime,
    ) -> bool {
        // The key has a fixed length, so the boundary between the two is certain.
        let identity = sha256(&[certificate.der, issuer_key]);
        if self.entries.contains_key(&identity) {
            return true;
        }
        let is_signed = certificate.is_signed_by(issuer_key);
        if is_signed {
            self.insert(identity, certificate.not_after, now);
        }
        is_signed
    }

    fn insert(&mut self, identity: [u8; 32], not_after: UnixTime, now: UnixTime) {
        if not_after < now || self.capacity == 0 {
            return;
        }
        if self.entries.len() >= self.capacity {
            self.entries.retain(|_, end| *end >= now);
        }
        if self.entries.len() >= self.capacity
            && let Some(first_to_end) =
                self.entries.iter().min_by_key(|(_, end)| **end).map(|(identity, _)| *identity)
        {
            self.entries.remove(&first_to_end);
        }
        self.entries.insert(identity, not_after);
    }
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

    fn identity(number: u8) -> [u8; 32] {
        [number; 32]
    }

    #[test]
    fn it_is_bounded_and_forgets_what_ends_first() {
        let now = UnixTime::from_seconds(1000);
        let mut cache = ChainCache::with_capacity(3);
        for (number, end) in [(1, 2000), (2, 1500), (3, 3000)] {
            cache.insert(identity(number), UnixTime::from_seconds(end), now);
        }
        cache.insert(identity(4), UnixTime::from_seconds(2500), now);
        assert_eq!(cache.entries.keys().copied().collect::<Vec<_>>(), [1, 3, 4].map(identity));
    }

    #[test]
    fn what_has_ended_goes_first() {
        let mut cache = ChainCache::with_capacity(2);
        cache.insert(identity(1), UnixTime::from_seconds(10), UnixTime::from_seconds(1));
        cache.insert(identity(2), UnixTime::from_seconds(20), UnixTime::from_seconds(1));
        cache.insert(identity(3), UnixTime::from_seconds(15), UnixTime::from_seconds(21));
        assert_eq!(cache.len(), 2, "what has ended already is not remembered");
        cache.insert(identity(4), UnixTime::from_seconds(30), UnixTime::from_seconds(21));
        assert_eq!(cache.entries.keys().copied().collect::<Vec<_>>(), [identity(4)]);
    }

    #[test]
    fn no_capacity_remembers_nothing() {
        let mut cache = ChainCache::with_capacity(0);
        cache.insert(identity(1), UnixTime::from_seconds(10), UnixTime::from_seconds(1));
        assert!(cache.is_empty());
    }
}
