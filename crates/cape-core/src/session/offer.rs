use core::fmt;

use super::Suite;

/// Suites an offer may name.
const MAX_SUITES: usize = 8;

/// The suites a client offers, in its order of preference (docs/spec/session.md, "Suites"). Numbers
/// that are not known here are kept: the binding hashes what was offered, not what was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer(Vec<u8>);

/// Why a list of suites is no offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OfferError {
    /// None, or more than eight.
    Count {
        /// How many there are.
        count: usize,
    },
    /// Not a decimal from 1 to 255 without leading zeros.
    NotANumber {
        /// What stands there.
        text: String,
    },
    /// A suite offered twice.
    Repeated {
        /// Its number.
        id: u8,
    },
}

impl Offer {
    /// An offer of one to eight different suites.
    pub fn new(suites: &[Suite]) -> Result<Self, OfferError> {
        Self::from_ids(suites.iter().map(|suite| suite.id()).collect())
    }

    /// Reads the text form: `1,2`.
    pub fn parse(text: &str) -> Result<Self, OfferError> {
        Self::from_ids(text.split(',').map(suite_number).collect::<Result<_, _>>()?)
    }

    fn from_ids(ids: Vec<u8>) -> Result<Self, OfferError> {
        if ids.is_empty() || ids.len() > MAX_SUITES {
            return Err(OfferError::Count { count: ids.len() });
        }
        let mut seen = [false; 256];
        for id in &ids {
            match seen.get_mut(usize::from(*id)) {
                Some(seen) if !*seen => *seen = true,
                _ => return Err(OfferError::Repeated { id: *id }),
            }
        }
        Ok(Self(ids))
    }

    /// The numbers offered, the preferred one first.
    pub fn ids(&self) -> &[u8] {
        &self.0
    }

    /// The first suite offered that is also supported.
    pub fn choose(&self, supported: &[Suite]) -> Option<Suite> {
        self.0.iter().filter_map(|id| Suite::from_id(*id)).find(|suite| supported.contains(suite))
    }
}

fn suite_number(text: &str) -> Result<u8, OfferError> {
    let decimal = !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| decimal).ok_or_else(|| OfferError::NotANumber { text: text.to_owned() })
}

/// The text form: `1,2`.
impl fmt::Display for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().enumerate().try_for_each(|(position, id)| match position {
            0 => write!(f, "{id}"),
            _ => write!(f, ",{id}"),
        })
    }
}

impl fmt::Display for OfferError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count { count } => write!(f, "{count} suites offered instead of 1 to {MAX_SUITES}"),
            Self::NotANumber { text } => {
                write!(f, "offered suite {text:?} is not a decimal from 1 to 255 without leading zeros")
            }
            Self::Repeated { id } => write!(f, "suite {id} is offered twice"),
        }
    }
}

impl core::error::Error for OfferError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clients_preference_decides() {
        let offer = Offer::parse("9,4,1").unwrap();
        assert_eq!(offer.ids(), [9, 4, 1]);
        assert_eq!(offer.to_string(), "9,4,1");
        assert_eq!(offer.choose(&Suite::ALL), Some(Suite::X25519ChaCha20Poly1305));
        assert_eq!(offer.choose(&[Suite::XWingAes256Gcm]), Some(Suite::XWingAes256Gcm));
        assert_eq!(offer.choose(&[Suite::X25519Aes256Gcm]), None);
        assert_eq!(Offer::parse("200,255").unwrap().choose(&Suite::ALL), None);
    }

    #[test]
    fn one_to_eight_different_decimals() {
        assert!(Offer::parse("1,2,3,4,5,6,7,8").is_ok());
        assert_eq!(Offer::parse("1,2,3,4,5,6,7,8,9"), Err(OfferError::Count { count: 9 }));
        assert_eq!(Offer::parse("1,2,1"), Err(OfferError::Repeated { id: 1 }));
        for text in ["", "0", "01", "256", "1,", ",1", "1, 2", "+1", "-1", "1;2", "0x1", "٣", "1,2\n"] {
            assert!(matches!(Offer::parse(text), Err(OfferError::NotANumber { .. })), "{text:?}");
        }
        assert_eq!(Offer::new(&[]), Err(OfferError::Count { count: 0 }));
        assert_eq!(Offer::new(&[Suite::XWingAes256Gcm; 2]), Err(OfferError::Repeated { id: 1 }));
    }
}
