use std::collections::BTreeMap;

use super::error::{Defect, Error};
use super::use_rules::UseRules;

/// Bytes that an encryption context may have.
pub const MAX_CONTEXT_LENGTH: usize = 4096;

/// The encryption context: named values that stand in the header, readable by everyone and
/// authenticated. Keys that begin with `cape.` are use rules ([`UseRules`]), and reserved
/// (`docs/spec/envelope.md`, encryption context).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    entries: BTreeMap<String, Vec<u8>>,
    encoded: Vec<u8>,
}

impl Context {
    /// A context of these pairs, in any order.
    ///
    /// # Errors
    /// [`Error::Malformed`] for a key given twice and for more than [`MAX_CONTEXT_LENGTH`] bytes;
    /// [`Error::UseRuleUnknown`] and [`Error::UseRuleMalformed`], so that nobody seals what no enclave
    /// would take.
    pub fn new<K, V>(pairs: impl IntoIterator<Item = (K, V)>) -> Result<Self, Error>
    where
        K: Into<String>,
        V: Into<Vec<u8>>,
    {
        let mut entries = BTreeMap::new();
        for (key, value) in pairs {
            let key = key.into();
            if entries.contains_key(&key) {
                return Err(Defect::ContextOrder(key).into());
            }
            entries.insert(key, value.into());
        }
        let encoded = encode(&entries)?;
        let context = Self { entries, encoded };
        context.use_rules()?;
        Ok(context)
    }

    /// The context that says nothing.
    pub fn empty() -> Self {
        Self::default()
    }

    /// Reads a context as it stands in a header. Its use rules are not judged.
    ///
    /// # Errors
    /// [`Error::Malformed`] unless it is exactly as [`Context::as_bytes`] would write it.
    pub fn from_bytes(encoded: &[u8]) -> Result<Self, Error> {
        if encoded.len() > MAX_CONTEXT_LENGTH {
            return Err(Defect::ContextLength(encoded.len()).into());
        }
        // Read from the copy that is kept: both are the same, whoever can write to what was lent.
        let encoded = encoded.to_vec();
        let mut entries = BTreeMap::new();
        let mut rest = encoded.as_slice();
        while !rest.is_empty() {
            let (key, value, after) = split_entry(rest).ok_or(Defect::ContextOverrun)?;
            let key = str::from_utf8(key).map_err(|_| Defect::ContextKeyEncoding)?;
            if entries.last_key_value().is_some_and(|(last, _): (&String, _)| last.as_str() >= key) {
                return Err(Defect::ContextOrder(key.to_owned()).into());
            }
            entries.insert(key.to_owned(), value.to_vec());
            rest = after;
        }
        Ok(Self { entries, encoded })
    }

    /// The context as it stands in a header: for each entry u16 key length, u16 value length, key,
    /// value; sorted by key.
    pub fn as_bytes(&self) -> &[u8] {
        &self.encoded
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&[u8]> {
        self.entries.get(key).map(Vec::as_slice)
    }

    /// Keys and values, sorted by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.entries.iter().map(|(key, value)| (key.as_str(), value.as_slice()))
    }

    /// What the sealer allows to be done with the plaintext.
    ///
    /// # Errors
    /// [`Error::UseRuleUnknown`] and [`Error::UseRuleMalformed`]: what is not understood is forbidden.
    pub fn use_rules(&self) -> Result<UseRules, Error> {
        UseRules::of(self)
    }
}

fn encode(entries: &BTreeMap<String, Vec<u8>>) -> Result<Vec<u8>, Error> {
    let length = entries.iter().map(|(key, value)| 4 + key.len() + value.len()).sum();
    let too_long = || Error::from(Defect::ContextLength(length));
    if length > MAX_CONTEXT_LENGTH {
        return Err(too_long());
    }
    let mut encoded = Vec::with_capacity(length);
    for (key, value) in entries {
        for length in [key.len(), value.len()] {
            encoded.extend(u16::try_from(length).map_err(|_| too_long())?.to_be_bytes());
        }
        encoded.extend_from_slice(key.as_bytes());
        encoded.extend_from_slice(value);
    }
    Ok(encoded)
}

fn split_entry(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (key_length, rest) = bytes.split_first_chunk()?;
    let (value_length, rest) = rest.split_first_chunk()?;
    let (key, rest) = rest.split_at_checked(u16::from_be_bytes(*key_length).into())?;
    let (value, rest) = rest.split_at_checked(u16::from_be_bytes(*value_length).into())?;
    Some((key, value, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_sorted_bytewise_and_read_back() {
        let context = Context::new([("b", "2"), ("\u{e9}", "3"), ("a", ""), ("", "0")]).unwrap();
        assert_eq!(context.as_bytes(), b"\0\0\0\x010\0\x01\0\0a\0\x01\0\x01b2\0\x02\0\x01\xc3\xa93");
        assert_eq!(Context::from_bytes(context.as_bytes()), Ok(context.clone()));
        assert_eq!((context.get("b"), context.get("c")), (Some(&b"2"[..]), None));
        assert_eq!(context.iter().map(|(key, _)| key).collect::<Vec<_>>(), ["", "a", "b", "\u{e9}"]);
        assert_eq!(Context::from_bytes(b""), Ok(Context::empty()));
    }

    #[test]
    fn other_encodings_are_refused() {
        let refused = |bytes: &[u8]| Context::from_bytes(bytes).unwrap_err();
        assert_eq!(refused(b"\0\x01\0\0b\0\x01\0\0a"), Defect::ContextOrder("a".into()).into());
        assert_eq!(refused(b"\0\x01\0\0a\0\x01\0\0a"), Defect::ContextOrder("a".into()).into());
        assert_eq!(refused(b"\0\x01\0\0\xff"), Defect::ContextKeyEncoding.into());
        for overrun in [&b"\0"[..], b"\0\x01\0", b"\0\x01\0\0", b"\0\x01\0\x02a1", b"\0\x01\0\0a\0"] {
            assert_eq!(refused(overrun), Defect::ContextOverrun.into());
        }
    }

    #[test]
    fn its_length_is_bounded_both_ways() {
        let longest = MAX_CONTEXT_LENGTH - 5;
        let context = Context::new([("k", vec![0; longest])]).unwrap();
        assert_eq!(context.as_bytes().len(), MAX_CONTEXT_LENGTH);
        for longer in [longest + 1, 70_000] {
            let refused = Error::from(Defect::ContextLength(longer + 5));
            assert_eq!(Context::new([("k", vec![0; longer])]), Err(refused.clone()));
            assert_eq!(Context::from_bytes(&vec![0; longer + 5]), Err(refused));
        }
    }

    #[test]
    fn a_key_given_twice_is_refused() {
        let refused = Context::new([("a", "1"), ("b", "2"), ("a", "1")]);
        assert_eq!(refused, Err(Defect::ContextOrder("a".into()).into()));
    }

    #[test]
    fn rules_that_no_enclave_would_take_are_not_sealed_but_read() {
        let unknown = b"\0\x0a\0\x01cape.rulesx";
        assert!(matches!(Context::new([("cape.rules", "x")]), Err(Error::UseRuleUnknown { .. })));
        assert!(matches!(Context::new([("cape.functions", "")]), Err(Error::UseRuleMalformed { .. })));
        let context = Context::from_bytes(unknown).unwrap();
        assert_eq!(context.use_rules().err(), Some(Error::UseRuleUnknown { key: "cape.rules".into() }));
    }
}
