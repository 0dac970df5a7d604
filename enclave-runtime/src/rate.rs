use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// How often something may happen: a bucket that fills steadily and holds one second's worth.
pub(crate) struct Rate {
    per_second: f64,
    bucket: Mutex<Bucket>,
}

struct Bucket {
    filled: f64,
    looked_at: Instant,
}

impl Rate {
    pub(crate) fn per_second(limit: u64) -> Self {
        let per_second = u32::try_from(limit).unwrap_or(u32::MAX).into();
        Self { per_second, bucket: Mutex::new(Bucket { filled: per_second, looked_at: Instant::now() }) }
    }

    /// Whether it may happen now; counts it if so.
    pub(crate) fn take(&self) -> bool {
        self.take_at(Instant::now())
    }

    fn take_at(&self, now: Instant) -> bool {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = now.saturating_duration_since(bucket.looked_at).as_secs_f64();
        bucket.filled = (bucket.filled + passed * self.per_second).min(self.per_second);
        bucket.looked_at = now;
        let enough = bucket.filled >= 1.0;
        if enough {
            bucket.filled -= 1.0;
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_burst_is_limited_and_the_bucket_fills_again() {
        let rate = Rate::per_second(10);
        let start = Instant::now();
        assert_eq!((0..20).filter(|_| rate.take_at(start)).count(), 10);
        let later = start + Duration::from_millis(500);
        assert_eq!((0..20).filter(|_| rate.take_at(later)).count(), 5);
        let much_later = start + Duration::from_secs(60);
        assert_eq!((0..20).filter(|_| rate.take_at(much_later)).count(), 10);
    }
}
