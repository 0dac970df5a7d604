//! Times in statements: whole seconds since 1970 (RFC 7519, NumericDate, without fractions), up to the
//! end of the year 9999.

use serde::de::{self, Deserialize, Deserializer};
use serde::ser::{self, Serializer};

use crate::UnixTime;

pub(super) fn serialize<S: Serializer>(time: &UnixTime, serializer: S) -> Result<S::Ok, S::Error> {
    in_text(*time).map_err(ser::Error::custom).and_then(|time| serializer.serialize_u64(time.as_seconds()))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<UnixTime, D::Error> {
    let time = UnixTime::from_seconds(u64::deserialize(deserializer)?);
    in_text(time).map_err(de::Error::custom)
}

/// `time`, if it is one that text can say.
fn in_text(time: UnixTime) -> Result<UnixTime, &'static str> {
    if time <= UnixTime::END_OF_9999 { Ok(time) } else { Err("a time after the year 9999") }
}

/// `time` without what a statement does not keep of it.
pub(super) fn whole(time: UnixTime) -> UnixTime {
    UnixTime::from_seconds(time.as_seconds())
}
