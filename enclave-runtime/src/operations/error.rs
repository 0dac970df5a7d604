use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use cape_core::session::ErrorMessage;
use cape_core::{ErrorCode, identity};

use crate::blobs::BlobError;
use crate::bundle::BundleError;
use crate::operations::run_record::Proof;
use crate::worker::{Ended, Failure, Overloaded};

/// The detail that says whether the function ran: `no`, or `perhaps`.
const RAN: &str = "ran";

/// Why a call failed; goes to its caller and to nobody else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CallError {
    class: ErrorCode,
    message: String,
    details: BTreeMap<&'static str, String>,
    /// Of a run whose handler had begun.
    proof: Option<Box<Proof>>,
}

impl CallError {
    /// An error that says `message`: lower case, no full stop.
    pub(crate) fn new(class: ErrorCode, message: impl Into<String>) -> Self {
        Self { class, message: message.into(), details: BTreeMap::new(), proof: None }
    }

    /// The same error with one more fact.
    pub(crate) fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.details.insert(name, value.to_string());
        self
    }

    /// The same error with the receipt of the run that it ended.
    pub(super) fn with_proof(mut self, proof: Proof) -> Self {
        self.proof = Some(Box::new(proof));
        self
    }

    /// More bytes than allowed: `size` where all of them are known.
    pub(crate) fn too_large(what: &'static str, size: Option<u64>, limit: u64) -> Self {
        let message = match size {
            Some(size) => format!("{what} of {size} bytes is over the limit of {limit}"),
            None => format!("{what} is over the limit of {limit} bytes"),
        };
        let error = Self::new(ErrorCode::TooLarge, message).with("what", what).with("limit", limit);
        match size {
            Some(size) => error.with("size", size),
            None => error,
        }
    }

    /// No capacity, and nothing ran.
    pub(crate) fn overloaded(message: &str, retry_after: Duration) -> Self {
        Self::new(ErrorCode::Overloaded, message).with("retry_after", retry_after.as_secs_f64())
    }

    /// Something inside the runtime or its host went wrong that is nobody's fault who called.
    pub(crate) fn service(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::ServiceError, message)
    }

    /// The call was ended where its function may have run.
    pub(crate) fn cut_short(message: impl Into<String>) -> Self {
        Self::service(message).with(RAN, "perhaps")
    }

    /// The class.
    pub(crate) fn class(&self) -> ErrorCode {
        self.class
    }

    /// The content of an ERROR frame.
    pub(crate) fn into_message(self) -> ErrorMessage {
        let mut message = ErrorMessage::new(self.class, self.message);
        if let Some(proof) = self.proof {
            let Proof { receipt, salts, key, input_taken } = *proof;
            message = ErrorMessage {
                receipt: Some(receipt),
                salts: Some(salts),
                receipt_key: Some(key),
                input_taken,
                ..message
            };
        }
        self.details.into_iter().fold(message, |message, (name, value)| message.with_detail(name, value))
    }
}

impl From<identity::Error> for CallError {
    fn from(error: identity::Error) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

impl From<BlobError> for CallError {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::TooLarge { .. } => {
                Self::new(ErrorCode::FunctionCorrupted, format!("this is not what was stored: {error}"))
            }
            _ => Self::service(error.to_string()),
        }
    }
}

/// Of the runtime's own storage.
impl From<io::Error> for CallError {
    fn from(error: io::Error) -> Self {
        Self::service(format!("the enclave's storage failed: {error}"))
    }
}

impl From<BundleError> for CallError {
    fn from(error: BundleError) -> Self {
        match error {
            BundleError::Refused { .. } => Self::new(ErrorCode::FileRefused, error.to_string()),
            BundleError::TooLarge { size, limit } => Self::new(ErrorCode::BundleTooLarge, error.to_string())
                .with("size", size)
                .with("limit", limit),
            BundleError::Io(_) => Self::service(error.to_string()),
        }
    }
}

impl From<Overloaded> for CallError {
    fn from(overloaded: Overloaded) -> Self {
        let message = match overloaded.share_is_used_up {
            true => "as many functions of this account run as may, nothing ran",
            false => "as many functions run as can, nothing ran",
        };
        Self::overloaded(message, overloaded.retry_after)
    }
}

impl From<Failure> for CallError {
    fn from(failure: Failure) -> Self {
        let class = match &failure {
            Failure::Abandoned => ErrorCode::Cancelled,
            Failure::Crashed(_) => ErrorCode::FunctionCrashed,
            Failure::NotStarted(_) => ErrorCode::ServiceError,
            Failure::OutOfMemory { .. } => ErrorCode::FunctionOutOfMemory,
            Failure::OutputTooLarge { .. } => ErrorCode::TooLarge,
            Failure::Raised { .. } => ErrorCode::FunctionError,
            Failure::Timeout { .. } => ErrorCode::FunctionTimeout,
        };
        let error = Self::new(class, failure.to_string());
        match failure {
            Failure::Crashed(Ended::Signal(signal)) => error.with("signal", signal),
            Failure::OutOfMemory { limit_mib } => error.with("memory_mib", limit_mib),
            Failure::OutputTooLarge { limit } => error.with("what", "output").with("limit", limit),
            Failure::Raised { kind, message, traceback } => {
                Self::new(class, message).with("type", kind).with("traceback", traceback)
            }
            Failure::Timeout { limit, .. } => error.with("timeout_s", limit.as_secs_f64()),
            Failure::NotStarted(_) => error.with(RAN, "no"),
            Failure::Abandoned | Failure::Crashed(_) => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exception_keeps_its_own_words() {
        let failure = Failure::Raised {
            kind: "ValueError".into(),
            message: "Too Bad.".into(),
            traceback: "Traceback ...".into(),
        };
        let message = CallError::from(failure).into_message();
        assert_eq!((message.name.as_str(), message.message.as_str()), ("FunctionError", "Too Bad."));
        assert_eq!(message.details["type"], "ValueError");
        assert_eq!(message.details["traceback"], "Traceback ...");
    }

    #[test]
    fn a_crash_names_its_signal() {
        let message = CallError::from(Failure::Crashed(Ended::Signal(11))).into_message();
        assert_eq!(message.name, "FunctionCrashed");
        assert_eq!(message.details["signal"], "11");
        assert!(message.message.contains("signal 11"));
    }
}
