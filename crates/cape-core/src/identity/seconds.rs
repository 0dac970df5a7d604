//! Times in statements: whole seconds since 1970 (RFC 7519, NumericDate, without fractions).

use serde::{Deserialize, Deserializer, Serializer};

use crate::UnixTime;

pub(super) fn serialize<S: Serializer>(time: &UnixTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(time.as_seconds())
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<UnixTime, D::Error> {
    u64::deserialize(deserializer).map(UnixTime::from_seconds)
}

/// `time` without what a statement does not keep of it.
pub(super) fn whole(time: UnixTime) -> UnixTime {
    UnixTime::from_seconds(time.as_seconds())
}
