use core::fmt;

use super::chain_defect::ChainDefect;
use super::form_defect::FormDefect;
use crate::encoding::hex;
use crate::{ErrorCode, UnixTime};

/// Why a document does not prove what it has to prove. The checks run in a fixed order
/// (`docs/spec/attestation.md`, checks), so every defect has one error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// A certificate is not valid at the time judged by.
    CertificateExpired {
        /// Its place in the chain, 0 being the root.
        certificate: usize,
        /// Its subject.
        subject: String,
        /// The first second it is valid at.
        not_before: UnixTime,
        /// The last second it is valid at.
        not_after: UnixTime,
        /// The time judged by.
        judged_at: UnixTime,
    },
    /// The certificates do not form a chain from the root to the key that signed the document.
    ChainInvalid {
        /// The place of the certificate at fault, 0 being the root.
        certificate: usize,
        /// Its subject, if it could be read.
        subject: Option<String>,
        /// What is wrong with it.
        defect: ChainDefect,
    },
    /// PCR0, PCR1 or PCR2 is zero: the enclave's host can read what it does.
    DebugModeEnclave {
        /// The first register that is zero.
        index: u8,
    },
    /// The document breaks a rule of form.
    DocumentMalformed(FormDefect),
    /// The document's time is too far from the time judged by, or outside its certificates' validity.
    DocumentTooOld {
        /// When the document was made.
        timestamp: UnixTime,
        /// The time judged by.
        judged_at: UnixTime,
        /// The first time that would have been right.
        earliest: UnixTime,
        /// The last time that would have been right.
        latest: UnixTime,
    },
    /// The document answers another question than the one that was asked.
    NonceMismatch {
        /// How many bytes its nonce has; `None` if it has none.
        actual_length: Option<usize>,
        /// How many bytes the nonce asked for has.
        expected_length: usize,
    },
    /// The measurements are of no release of the policy. The nearest one is told.
    PcrMismatch {
        /// The release that differs in the fewest registers.
        release: String,
        /// The first register that differs.
        index: u8,
        /// What the release says.
        expected: [u8; 48],
        /// What the document says; `None` if it does not have that register.
        actual: Option<[u8; 48]>,
    },
    /// The measurements are of a release that the policy approves no more.
    ReleaseExpired {
        /// The release.
        release: String,
        /// The last time it was approved at.
        not_after: UnixTime,
        /// The time judged by.
        judged_at: UnixTime,
    },
    /// The document's own signature does not hold under the leaf certificate's key.
    SignatureInvalid,
    /// The chain begins with a certificate that is no trusted root.
    TrustRootMismatch {
        /// SHA-256 of that certificate.
        actual: [u8; 32],
    },
    /// The measurements are right, but the enclave holds the secret of another platform.
    VaultMismatch {
        /// The release that matches otherwise.
        release: String,
        /// The vault id it names; `None` if it names none although one is needed.
        expected: Option<[u8; 32]>,
        /// The vault id in the document; `None` if there is none.
        actual: Option<[u8; 32]>,
    },
}

impl Error {
    /// The class of this error.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::CertificateExpired { .. } => ErrorCode::CertificateExpired,
            Self::ChainInvalid { .. } => ErrorCode::ChainInvalid,
            Self::DebugModeEnclave { .. } => ErrorCode::DebugModeEnclave,
            Self::DocumentMalformed(_) => ErrorCode::DocumentMalformed,
            Self::DocumentTooOld { .. } => ErrorCode::DocumentTooOld,
            Self::NonceMismatch { .. } => ErrorCode::NonceMismatch,
            Self::PcrMismatch { .. } | Self::ReleaseExpired { .. } => ErrorCode::PcrMismatch,
            Self::SignatureInvalid => ErrorCode::SignatureInvalid,
            Self::TrustRootMismatch { .. } => ErrorCode::TrustRootMismatch,
            Self::VaultMismatch { .. } => ErrorCode::VaultMismatch,
        }
    }

    /// The facts by name, as text: hashes in hexadecimal, times as RFC 3339. `reason` is there where one
    /// class has several defects.
    pub fn details(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::CertificateExpired { certificate, subject, not_before, not_after, judged_at } => vec![
                ("certificate", certificate.to_string()),
                ("subject", subject.clone()),
                ("not_before", not_before.to_string()),
                ("not_after", not_after.to_string()),
                ("judged_at", judged_at.to_string()),
            ],
            Self::ChainInvalid { certificate, subject, defect } => {
                let mut details =
                    vec![("reason", defect.reason().to_owned()), ("certificate", certificate.to_string())];
                details.extend(subject.iter().map(|subject| ("subject", subject.clone())));
                details
            }
            Self::DebugModeEnclave { index } => vec![("index", index.to_string())],
            Self::DocumentMalformed(defect) => {
                let mut details = vec![("reason", defect.reason().to_owned())];
                details.extend(defect.field().map(|field| ("field", field.to_owned())));
                details.extend(defect.not_cbor().map(|part| ("part", part.to_owned())));
                // Of all that is malformed, only this is found out after the nonce.
                if let FormDefect::Purpose(_) = defect {
                    details.push(("check", "purpose".to_owned()));
                }
                details
            }
            Self::SignatureInvalid => Vec::new(),
            Self::DocumentTooOld { timestamp, judged_at, earliest, latest } => vec![
                ("timestamp", timestamp.to_string()),
                ("judged_at", judged_at.to_string()),
                ("earliest", earliest.to_string()),
                ("latest", latest.to_string()),
            ],
            Self::NonceMismatch { actual_length, expected_length } => {
                let mut details = vec![("expected_length", expected_length.to_string())];
                details.extend(actual_length.map(|length| ("actual_length", length.to_string())));
                details
            }
            Self::PcrMismatch { release, index, expected, actual } => {
                let mut details = vec![
                    ("release", release.clone()),
                    ("index", index.to_string()),
                    ("expected", hex::encode(expected)),
                ];
                details.extend(actual.map(|actual| ("actual", hex::encode(&actual))));
                details
            }
            Self::ReleaseExpired { release, not_after, judged_at } => vec![
                ("release", release.clone()),
                ("not_after", not_after.to_string()),
                ("judged_at", judged_at.to_string()),
            ],
            Self::TrustRootMismatch { actual } => vec![("actual", hex::encode(actual))],
            Self::VaultMismatch { release, expected, actual } => {
                let mut details = vec![("release", release.clone())];
                details.extend(expected.map(|expected| ("expected", hex::encode(&expected))));
                details.extend(actual.map(|actual| ("actual", hex::encode(&actual))));
                details
            }
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CertificateExpired { certificate, not_before, not_after, judged_at, .. } => write!(
                f,
                "certificate {certificate} of the chain is valid from {not_before} to {not_after}, \
                 not at {judged_at}"
            ),
            Self::ChainInvalid { certificate, defect, .. } => {
                write!(f, "certificate {certificate} of the chain: {defect}")
            }
            Self::DebugModeEnclave { index } => {
                write!(f, "the enclave runs in debug mode: PCR{index} is zero or not told")
            }
            Self::DocumentMalformed(defect) => write!(f, "attestation document out of form: {defect}"),
            Self::DocumentTooOld { timestamp, earliest, latest, judged_at } => write!(
                f,
                "the document was made at {timestamp}; judged at {judged_at} it had to be made between \
                 {earliest} and {latest}"
            ),
            Self::NonceMismatch { actual_length: None, .. } => {
                f.write_str("the document has no nonce, so it answers no question")
            }
            Self::NonceMismatch { .. } => f.write_str("the document's nonce is not the one that was sent"),
            Self::PcrMismatch { release, index, expected, actual } => {
                write!(f, "PCR{index} should be {} for {release:?}, ", Abbreviated(expected))?;
                match actual {
                    Some(actual) => write!(f, "and is {}", Abbreviated(actual)),
                    None => f.write_str("and is missing"),
                }
            }
            Self::ReleaseExpired { release, not_after, judged_at } => {
                write!(f, "release {release:?} was approved until {not_after}, and is judged at {judged_at}")
            }
            Self::SignatureInvalid => f.write_str("the document's signature does not hold"),
            Self::TrustRootMismatch { actual } => {
                write!(f, "the chain's root {} is none of those trusted", Abbreviated(actual))
            }
            Self::VaultMismatch { release, expected: None, .. } => {
                write!(f, "release {release:?} names no vault, and without one nobody's data is safe")
            }
            Self::VaultMismatch { expected: Some(expected), actual, .. } => {
                write!(f, "the vault should be {}, ", Abbreviated(expected))?;
                match actual {
                    Some(actual) => write!(f, "and is {}", Abbreviated(actual)),
                    None => f.write_str("and the document names none"),
                }
            }
        }
    }
}

impl core::error::Error for Error {}

/// The first eight digits of a hash: enough to tell two apart, in a line that can be read.
struct Abbreviated<'a>(&'a [u8]);

impl fmt::Display for Abbreviated<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}...", hex::encode(self.0.get(..4).unwrap_or(self.0)))
    }
}

impl From<FormDefect> for Error {
    fn from(defect: FormDefect) -> Self {
        Self::DocumentMalformed(defect)
    }
}
