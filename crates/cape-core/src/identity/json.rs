//! The JSON that statements are written in: objects, arrays, texts, and integers from 0 to
//! 2^53 - 1. Every JSON library of every language reads these alike; what two libraries may read
//! differently (duplicate keys, fractions, large numbers) is refused.

use core::fmt;
use std::collections::BTreeSet;

use serde::de::{Error, MapAccess, SeqAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

/// The largest integer that every JSON library keeps exactly (RFC 8259, section 6).
pub(super) const MAX_INTEGER: u64 = (1 << 53) - 1;

/// Checks that `text` is an object of the permitted kind.
pub(super) fn check(text: &[u8]) -> Result<(), serde_json::Error> {
    serde_json::from_slice::<Object>(text).map(|_| ())
}

struct Object;

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Checker).map(|()| Self)
    }
}

struct Value;

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Checker).map(|()| Self)
    }
}

/// Whatever it has no method for (floats, negative numbers, booleans, null) is refused.
struct Checker;

impl<'de> Visitor<'de> for Checker {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object, an array, a text or an integer from 0 to 2^53 - 1")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let mut keys = BTreeSet::new();
        while let Some(key) = members.next_key::<String>()? {
            if keys.contains(&key) {
                return Err(A::Error::custom(format_args!("duplicate key `{key}`")));
            }
            keys.insert(key);
            members.next_value::<Value>()?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        while elements.next_element::<Value>()?.is_some() {}
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, integer: u64) -> Result<(), E> {
        if integer > MAX_INTEGER {
            return Err(E::invalid_value(Unexpected::Unsigned(integer), &self));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_of_texts_and_integers_are_read() {
        for text in [r"{}", r#" {"a":{"b":[1,"x",[]]},"c":9007199254740991} "#, r#"{"A":0,"a":0}"#] {
            assert!(check(text.as_bytes()).is_ok(), "{text}");
        }
    }

    #[test]
    fn what_libraries_read_differently_is_refused() {
        for text in [
            "",
            "[]",
            "1",
            r#"{"a":1}{"#,
            r#"{"a":1,}"#,
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":1}"#,
            r#"{"x":{"a":1,"a":1}}"#,
            r#"{"x":[{"a":1,"a":1}]}"#,
            r#"{"a":9007199254740992}"#,
            r#"{"a":18446744073709551616}"#,
            r#"{"a":-1}"#,
            r#"{"a":-0}"#,
            r#"{"a":1.0}"#,
            r#"{"a":1e2}"#,
            r#"{"a":01}"#,
            r#"{"a":true}"#,
            r#"{"a":null}"#,
            r#"{"a":"\ud800"}"#,
            "{\"a\":\"\n\"}",
            "\u{feff}{}",
        ] {
            assert!(check(text.as_bytes()).is_err(), "{text}");
        }
        assert!(check(b"{\"a\":\"\xff\"}").is_err());
    }

    #[test]
    fn depth_is_bounded() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(check(deep.as_bytes()).is_err());
    }
}
