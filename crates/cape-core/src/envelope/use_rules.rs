use super::context::Context;
use super::error::Error;
use crate::UnixTime;
use crate::encoding::hex;

/// Every key that begins so is a use rule, known or not.
const RESERVED: &str = "cape.";
const FUNCTIONS: &str = "cape.functions";
const NOT_AFTER: &str = "cape.not_after";

/// What the sealer allows to be done with the plaintext: rules of the encryption context that the
/// enclave enforces before any function sees a byte (`docs/spec/envelope.md`, use rules).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UseRules {
    functions: Option<Vec<[u8; 32]>>,
    not_after: Option<UnixTime>,
}

impl UseRules {
    pub(super) fn of(context: &Context) -> Result<Self, Error> {
        let mut rules = Self::default();
        for (key, value) in context.iter() {
            match key {
                FUNCTIONS => {
                    let functions = read_functions(value);
                    rules.functions = Some(functions.ok_or(Error::UseRuleMalformed { key: FUNCTIONS })?);
                }
                NOT_AFTER => {
                    let time = str::from_utf8(value).ok().and_then(UnixTime::parse);
                    rules.not_after = Some(time.ok_or(Error::UseRuleMalformed { key: NOT_AFTER })?);
                }
                // An older enclave never ignores a newer rule.
                _ if key.starts_with(RESERVED) => {
                    return Err(Error::UseRuleUnknown { key: key.to_owned() });
                }
                _ => {}
            }
        }
        Ok(rules)
    }

    /// The checksums of the functions that may have the plaintext; `None` when any of the account's may.
    pub fn functions(&self) -> Option<&[[u8; 32]]> {
        self.functions.as_deref()
    }

    /// The last moment at which it may be used.
    pub fn not_after(&self) -> Option<UnixTime> {
        self.not_after
    }

    /// Whether the function with this checksum may have the plaintext now.
    ///
    /// # Errors
    /// [`Error::UseForbidden`] for another function than those allowed; [`Error::UseExpired`] after the
    /// last moment.
    pub fn check(&self, checksum: &[u8; 32], now: UnixTime) -> Result<(), Error> {
        if let Some(functions) = &self.functions
            && !functions.contains(checksum)
        {
            return Err(Error::UseForbidden { functions: functions.len() });
        }
        match self.not_after {
            Some(not_after) if now > not_after => Err(Error::UseExpired { not_after }),
            _ => Ok(()),
        }
    }
}

/// Checksums in lower-case hexadecimal, at least one, separated by single spaces.
fn read_functions(value: &[u8]) -> Option<Vec<[u8; 32]>> {
    str::from_utf8(value).ok()?.split(' ').map(hex::decode_array).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime::from_seconds(1_795_492_056);

    fn rules(pairs: &[(&str, &str)]) -> Result<UseRules, Error> {
        Context::new(pairs.iter().copied())?.use_rules()
    }

    #[test]
    fn without_rules_everything_is_allowed() {
        let rules = rules(&[("note", "x"), ("cape", "x"), ("capex.functions", "x")]).unwrap();
        assert_eq!((rules.functions(), rules.not_after()), (None, None));
        assert_eq!(rules.check(&[7; 32], UnixTime::from_millis(u64::MAX)), Ok(()));
    }

    #[test]
    fn named_functions_only() {
        let value = format!("{} {}", hex::encode(&[1; 32]), hex::encode(&[2; 32]));
        let rules = rules(&[(FUNCTIONS, &value)]).unwrap();
        assert_eq!(rules.functions(), Some(&[[1; 32], [2; 32]][..]));
        assert_eq!(rules.check(&[1; 32], NOW), Ok(()));
        assert_eq!(rules.check(&[2; 32], NOW), Ok(()));
        assert_eq!(rules.check(&[3; 32], NOW), Err(Error::UseForbidden { functions: 2 }));
    }

    #[test]
    fn until_the_last_moment_and_no_later() {
        let rules = rules(&[(NOT_AFTER, "2026-11-24T03:47:36Z")]).unwrap();
        assert_eq!(rules.check(&[1; 32], NOW), Ok(()));
        let later = UnixTime::from_millis(NOW.as_millis() + 1);
        assert_eq!(rules.check(&[1; 32], later), Err(Error::UseExpired { not_after: NOW }));
    }

    #[test]
    fn both_rules_hold_together() {
        let functions = hex::encode(&[1; 32]);
        let rules = rules(&[(FUNCTIONS, &functions), (NOT_AFTER, "2026-11-24T03:47:35Z")]).unwrap();
        assert!(matches!(rules.check(&[2; 32], NOW), Err(Error::UseForbidden { .. })));
        assert!(matches!(rules.check(&[1; 32], NOW), Err(Error::UseExpired { .. })));
    }

    #[test]
    fn malformed_values_are_refused() {
        let checksum = hex::encode(&[0xab; 32]);
        for value in [
            String::new(),
            " ".into(),
            format!("{checksum} "),
            format!(" {checksum}"),
            format!("{checksum}  {checksum}"),
            format!("{checksum},{checksum}"),
            format!("{checksum}\n"),
            checksum.to_uppercase(),
            checksum[2..].into(),
        ] {
            assert_eq!(rules(&[(FUNCTIONS, &value)]), Err(Error::UseRuleMalformed { key: FUNCTIONS }));
        }
        for value in
            ["", "2030-01-01", "2030-01-01T00:00:00+00:00", "2030-02-30T00:00:00Z", " 2030-01-01T00:00:00Z"]
        {
            assert_eq!(rules(&[(NOT_AFTER, value)]), Err(Error::UseRuleMalformed { key: NOT_AFTER }));
        }
    }

    #[test]
    fn reserved_keys_that_are_not_known_are_refused() {
        for key in ["cape.", "cape.function", "cape.not_before", "cape.functions2"] {
            assert_eq!(rules(&[(key, "x")]), Err(Error::UseRuleUnknown { key: key.into() }));
        }
    }
}
