use std::fmt;
use std::io;

use cape_core::cms;
use hyper::StatusCode;

use crate::error::StartError;

/// The characters of what KMS says that are told.
const MAX_MESSAGE: usize = 300;

/// Why KMS gave no secret.
#[derive(Debug)]
pub(crate) enum KmsError {
    /// No RSA key was made.
    NoKey,
    /// The security module gave no document.
    Module(cape_nsm::Error),
    /// It gave one that cannot be read.
    Document(String),
    /// The host's pipe does not lead to anybody.
    Pipe(io::Error),
    /// Whoever answers there is not KMS.
    Tls(rustls::Error),
    /// The connection broke off, or what came is not HTTP.
    Broken(String),
    /// There was no whole answer in time.
    TimedOut,
    /// The answer is larger than any that KMS gives.
    TooLarge {
        /// Bytes.
        limit: usize,
    },
    /// An answer that is neither success nor one of KMS's errors.
    Status(StatusCode),
    /// KMS refused.
    Refused(Refusal),
    /// An answer without what it has to have.
    Malformed(&'static str),
    /// KMS used another key than the one that it was asked for.
    OtherKey {
        /// Which it says.
        used: String,
    },
    /// What is encrypted for this enclave is out of form.
    Envelope(cms::Defect),
    /// What is encrypted does not open with the key that was born for it.
    NotForThisKey,
    /// What was wrapped just now opens as something else.
    OtherSecret,
}

/// One of KMS's errors.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    kind: String,
    message: String,
}

/// Errors that pass, if they do, by themselves.
const TEMPORARY: [&str; 6] = [
    "DependencyTimeoutException",
    "InternalFailure",
    "KMSInternalException",
    "KeyUnavailableException",
    "ServiceUnavailableException",
    "ThrottlingException",
];

/// What to do about each error that does not.
const HINTS: [(&str, &str); 15] = [
    (
        "AccessDeniedException",
        "the key's policy has to allow this role the operation for this enclave's measurements: `cape vault policy` writes one",
    ),
    ("DisabledException", "enable the key"),
    ("ExpiredTokenException", "the credentials have expired: give new ones"),
    ("IncompleteSignature", CREDENTIALS),
    ("IncorrectKeyException", "the secret was wrapped by another key: key_id and wrapped belong together"),
    ("InvalidCiphertextException", "wrapped is damaged, or not what was made when the vault was created"),
    ("InvalidClientTokenId", CREDENTIALS),
    ("InvalidKeyUsageException", "the key has to be a symmetric one for encryption"),
    ("InvalidSignatureException", CREDENTIALS),
    (
        "KMSInvalidStateException",
        "the key cannot be used in its present state: it may be about to be deleted",
    ),
    ("MissingAuthenticationTokenException", CREDENTIALS),
    ("NotFoundException", "the key does not exist in the region: look at key_id"),
    ("SignatureDoesNotMatch", CREDENTIALS),
    ("UnrecognizedClientException", CREDENTIALS),
    (
        "ValidationException",
        "look at key_id and at the enclave's clock; KMS takes documents of real security modules only",
    ),
];

const LATER: &str = "try again later";
const CREDENTIALS: &str = "look at the credentials, and at the enclave's clock";

impl KmsError {
    /// Whether the same question may be answered a little later.
    pub(super) fn is_temporary(&self) -> bool {
        match self {
            Self::Pipe(_) | Self::Broken(_) | Self::TimedOut => true,
            Self::Status(status) => status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS,
            Self::Refused(refusal) => TEMPORARY.contains(&refusal.kind.as_str()),
            _ => false,
        }
    }

    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Pipe(_) | Self::Broken(_) => Some("the host's pipe has to lead to the endpoint, port 443"),
            Self::Tls(_) => {
                Some("the host's pipe has to lead to the endpoint; tls.roots of the settings has its root")
            }
            Self::Refused(refusal) => {
                let known = HINTS.iter().find(|(kind, _)| *kind == refusal.kind).map(|(_, hint)| *hint);
                known.or_else(|| self.is_temporary().then_some(LATER))
            }
            Self::TimedOut => Some(LATER),
            Self::Status(_) if self.is_temporary() => Some(LATER),
            Self::NoKey | Self::Module(_) | Self::Document(_) => None,
            Self::Envelope(_)
            | Self::Malformed(_)
            | Self::NotForThisKey
            | Self::OtherKey { .. }
            | Self::OtherSecret
            | Self::Status(_)
            | Self::TooLarge { .. } => Some("KMS does not answer so: see who is in its place"),
        }
    }
}

impl Refusal {
    /// An error of this kind. KMS may put a namespace before its name.
    pub(super) fn new(kind: &str, message: &str) -> Self {
        let kind = kind.rsplit_once('#').map_or(kind, |(_, name)| name);
        Self { kind: excerpt(kind), message: excerpt(message) }
    }
}

/// The beginning of a text, without what a terminal would act on.
fn excerpt(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).take(MAX_MESSAGE).collect()
}

impl fmt::Display for KmsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoKey => f.write_str("no RSA key was made for KMS's answer"),
            Self::Module(error) => write!(f, "no attestation document for KMS: {error}"),
            Self::Document(error) => write!(f, "the attestation document for KMS is of no use: {error}"),
            Self::Pipe(error) => write!(f, "the pipe to KMS: {error}"),
            Self::Tls(error) => write!(f, "it is not KMS at the pipe's other end: {error}"),
            Self::Broken(reason) => write!(f, "the connection to KMS failed: {reason}"),
            Self::TimedOut => f.write_str("KMS did not answer in time"),
            Self::TooLarge { limit } => write!(f, "KMS answered with more than {limit} bytes"),
            Self::Status(status) => write!(f, "KMS answered with {status}"),
            Self::Refused(Refusal { kind, message }) if message.is_empty() => {
                write!(f, "KMS refused: {kind}")
            }
            Self::Refused(Refusal { kind, message }) => write!(f, "KMS refused: {kind}: {message}"),
            Self::Malformed(what) => write!(f, "KMS's answer is of no use: {what}"),
            Self::OtherKey { used } => write!(f, "KMS used another key than asked for: {}", excerpt(used)),
            Self::Envelope(defect) => {
                write!(f, "what KMS encrypted for this enclave is out of form: {defect}")
            }
            Self::NotForThisKey => f.write_str("what KMS answered does not open with this enclave's key"),
            Self::OtherSecret => f.write_str("the secret that KMS wrapped opens as another one"),
        }
    }
}

impl From<KmsError> for StartError {
    fn from(error: KmsError) -> Self {
        match error.hint() {
            Some(hint) => Self::new(error.to_string()).hint(hint),
            None => Self::new(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_without_its_namespace_and_bounded() {
        let refusal = Refusal::new("com.amazonaws.kms#DisabledException", &"\u{1b}[2Jx".repeat(200));
        let text = KmsError::Refused(refusal).to_string();
        assert!(text.starts_with("KMS refused: DisabledException: [2Jx[2Jx"), "{text}");
        assert!(text.len() < 400 && !text.contains('\u{1b}'), "{text}");
    }

    #[test]
    fn what_passes_is_asked_again_and_what_does_not_has_a_hint() {
        for kind in TEMPORARY {
            assert!(KmsError::Refused(Refusal::new(kind, "")).is_temporary(), "{kind}");
        }
        for (kind, _) in HINTS {
            let error = KmsError::Refused(Refusal::new(kind, ""));
            assert!(!error.is_temporary() && error.hint().is_some(), "{kind}");
        }
        for (status, passes) in [
            (StatusCode::TEMPORARY_REDIRECT, false),
            (StatusCode::TOO_MANY_REQUESTS, true),
            (StatusCode::BAD_GATEWAY, true),
        ] {
            let error = KmsError::Status(status);
            assert_eq!((error.is_temporary(), error.hint() == Some(LATER)), (passes, passes), "{status}");
        }
    }
}
