use core::fmt;

use super::offer::{Offer, OfferError};
use crate::ErrorCode;
use crate::encoding::base64url;

/// What the client says in the query of the upgrade: `nonce=<43 characters>&suites=1,2`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// The client's nonce.
    pub nonce: [u8; 32],
    /// The client's offer.
    pub offer: Offer,
}

/// Why a query is answered with HTTP 400.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueryError {
    /// Nothing that the client offers is supported.
    NoCommonSuite {
        /// The client's offer.
        offer: Offer,
    },
    /// The nonce is not 32 bytes in base64url without padding.
    NonceMalformed {
        /// Characters there are.
        length: usize,
    },
    /// The list of suites is no offer.
    Offer(OfferError),
    /// A parameter is not there.
    ParameterMissing {
        /// Which one.
        name: &'static str,
    },
    /// A parameter is given twice.
    ParameterRepeated {
        /// Which one.
        name: &'static str,
    },
    /// A parameter other than `nonce` and `suites`.
    ParameterUnknown {
        /// Its name, or all of it when it has no value.
        name: String,
    },
}

impl Query {
    /// Reads the query of the upgrade request, without the `?`. Both parameters must be there, once
    /// each, in any order, and no other. Nothing is percent-encoded, but for the comma of `suites`,
    /// which URL libraries write as `%2C`.
    pub fn parse(query: &str) -> Result<Self, QueryError> {
        let (mut nonce, mut offer) = (None, None);
        for parameter in query.split('&') {
            match parameter.split_once('=') {
                Some(("nonce", value)) => set_once(&mut nonce, "nonce", parse_nonce(value)?)?,
                Some(("suites", value)) => set_once(&mut offer, "suites", parse_offer(value)?)?,
                Some((name, _)) => return Err(QueryError::ParameterUnknown { name: name.to_owned() }),
                None if query.is_empty() => {}
                None => return Err(QueryError::ParameterUnknown { name: parameter.to_owned() }),
            }
        }
        Ok(Self {
            nonce: nonce.ok_or(QueryError::ParameterMissing { name: "nonce" })?,
            offer: offer.ok_or(QueryError::ParameterMissing { name: "suites" })?,
        })
    }
}

fn set_once<T>(place: &mut Option<T>, name: &'static str, value: T) -> Result<(), QueryError> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(QueryError::ParameterRepeated { name }),
    }
}

fn parse_nonce(value: &str) -> Result<[u8; 32], QueryError> {
    base64url::decode_array(value.as_bytes())
        .ok_or(QueryError::NonceMalformed { length: value.chars().count() })
}

fn parse_offer(value: &str) -> Result<Offer, QueryError> {
    Offer::parse(&value.replace("%2C", ",").replace("%2c", ",")).map_err(QueryError::Offer)
}

impl QueryError {
    /// The class of the error.
    pub fn code(&self) -> ErrorCode {
        ErrorCode::ProtocolError
    }
}

/// The query as a client sends it, without the `?`.
impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "nonce={}&suites={}", base64url::encode(&self.nonce), self.offer)
    }
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCommonSuite { offer } => write!(f, "none of the offered suites {offer} is supported"),
            Self::NonceMalformed { length } => {
                write!(f, "nonce of {length} characters is not 32 bytes in base64url without padding")
            }
            Self::Offer(error) => write!(f, "{error}"),
            Self::ParameterMissing { name } => write!(f, "parameter {name} is missing"),
            Self::ParameterRepeated { name } => write!(f, "parameter {name} is given twice"),
            Self::ParameterUnknown { name } => write!(f, "parameter {name:?} is unknown"),
        }
    }
}

impl core::error::Error for QueryError {}

#[cfg(test)]
mod tests {
    use super::*;

    const NONCE: &str = "2ZEUkT5OsG9HaOUpht99MS5f0ufDnnjQ9BQRSLJ6G4k";

    #[test]
    fn what_a_client_writes_is_read() {
        let query = Query { nonce: [7; 32], offer: Offer::parse("9,2,1").unwrap() };
        let text = query.to_string();
        assert_eq!(text, "nonce=BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc&suites=9,2,1");
        assert_eq!(Query::parse(&text), Ok(query.clone()));
        assert_eq!(Query::parse(&text.replace(',', "%2C")), Ok(query.clone()));
        let (nonce, suites) = text.split_once('&').unwrap();
        assert_eq!(Query::parse(&format!("{suites}&{nonce}")), Ok(query));
    }

    #[test]
    fn anything_else_is_refused() {
        let missing = |name| Err(QueryError::ParameterMissing { name });
        let repeated = |name| Err(QueryError::ParameterRepeated { name });
        let unknown = |name: &str| Err(QueryError::ParameterUnknown { name: name.to_owned() });
        assert_eq!(Query::parse(""), missing("nonce"));
        assert_eq!(Query::parse("suites=1"), missing("nonce"));
        assert_eq!(Query::parse(&format!("nonce={NONCE}")), missing("suites"));
        assert_eq!(Query::parse(&format!("nonce={NONCE}&suites=1&suites=1")), repeated("suites"));
        assert_eq!(Query::parse(&format!("nonce={NONCE}&nonce={NONCE}&suites=1")), repeated("nonce"));
        assert_eq!(Query::parse(&format!("nonce={NONCE}&suites=1&x=1")), unknown("x"));
        assert_eq!(Query::parse(&format!("nonce={NONCE}&suites=1&")), unknown(""));
        assert_eq!(Query::parse(&format!("nonce={NONCE}&suites=1&Nonce")), unknown("Nonce"));
        for nonce in ["", &NONCE[1..], &format!("{NONCE}A"), &format!("{NONCE}="), &NONCE.replace('Z', "+")] {
            let error = Query::parse(&format!("nonce={nonce}&suites=1")).unwrap_err();
            assert!(matches!(error, QueryError::NonceMalformed { .. }), "{nonce}: {error}");
        }
        let error = Query::parse(&format!("nonce={NONCE}&suites=")).unwrap_err();
        assert!(matches!(error, QueryError::Offer(_)), "{error}");
    }
}
