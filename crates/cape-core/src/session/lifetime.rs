//! How long things last (docs/spec/session.md, "Times"). The core has no clock: whoever has one asks
//! here.

use core::time::Duration;

use crate::UnixTime;

/// How long the enclave waits for the client's first message after its own, at most.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a connection takes new calls, at most.
const MAX_CONNECTION: Duration = Duration::from_secs(60 * 60);

/// How long before its document's leaf certificate ends a connection takes no new calls any more.
const CLOSING_MARGIN: Duration = Duration::from_secs(5 * 60);

/// How long a document's leaf certificate must still be valid to serve a new session.
const DOCUMENT_MARGIN: Duration = Duration::from_secs(10 * 60);

/// When the enclave sends CLOSE on a connection that began at `opened`, under a document whose leaf
/// certificate ends at `leaf_not_after`.
pub fn closing_time(opened: UnixTime, leaf_not_after: UnixTime) -> UnixTime {
    opened.plus(MAX_CONNECTION).min(leaf_not_after.minus(CLOSING_MARGIN))
}

/// Whether a document whose leaf certificate ends at `leaf_not_after` may serve a session that
/// begins `now`; if not, the enclave gets a new one first.
pub fn document_serves(leaf_not_after: UnixTime, now: UnixTime) -> bool {
    now.plus(DOCUMENT_MARGIN) <= leaf_not_after
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earlier_of_an_hour_and_the_certificates_end() {
        let at = UnixTime::from_seconds;
        assert_eq!(closing_time(at(1000), at(100_000)), at(1000 + 3600));
        assert_eq!(closing_time(at(1000), at(2000)), at(1700));
    }

    #[test]
    fn documents_with_less_than_ten_minutes_are_renewed() {
        let at = UnixTime::from_seconds;
        assert!(document_serves(at(1600), at(1000)));
        assert!(!document_serves(at(1600), at(1001)));
    }
}
