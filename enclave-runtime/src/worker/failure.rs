use std::fmt;
use std::time::Duration;

use super::process::Ended;

/// Why a worker did not load its function, or a call gave no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The function's process died.
    Crashed(Ended),
    /// The function needed more memory than its limit.
    OutOfMemory {
        /// MiB.
        limit_mib: u64,
    },
    /// The function gave more than the limit.
    OutputTooLarge {
        /// Bytes.
        limit: u64,
    },
    /// The function raised an exception.
    Raised {
        /// The exception's type.
        kind: String,
        /// Its message.
        message: String,
        /// As Python prints it, from the function's first frame on.
        traceback: String,
    },
    /// The caller is gone.
    Abandoned,
    /// No worker could be started; that is not the function's fault.
    NotStarted(String),
    /// The function took longer than allowed.
    Timeout {
        /// What took so long.
        phase: Phase,
        /// How long it may take.
        limit: Duration,
    },
}

/// What a worker does with a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Importing it.
    Load,
    /// Calling its handler.
    Call,
}

impl Failure {
    /// Whether the worker can take another call.
    pub(crate) fn spares_worker(&self) -> bool {
        matches!(self, Self::Raised { .. })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Abandoned => f.write_str("the caller is gone"),
            Self::Crashed(Ended::Exit(code)) => {
                write!(f, "the function ended its process with exit code {code}")
            }
            Self::Crashed(Ended::Signal(signal)) => {
                write!(f, "the function's process was killed by signal {signal}")
            }
            Self::Crashed(Ended::PipeClosed) => f.write_str("the function closed its process's pipe"),
            Self::NotStarted(reason) => write!(f, "no worker could be started: {reason}"),
            Self::OutOfMemory { limit_mib } => {
                write!(f, "the function needed more than its {limit_mib} MiB of memory")
            }
            Self::OutputTooLarge { limit } => write!(f, "the function gave more than {limit} bytes"),
            Self::Raised { kind, message, .. } if message.is_empty() => f.write_str(kind),
            Self::Raised { kind, message, .. } => write!(f, "{kind}: {message}"),
            Self::Timeout { phase: Phase::Load, limit } => {
                write!(f, "importing the function took longer than {} s", limit.as_secs_f64())
            }
            Self::Timeout { phase: Phase::Call, limit } => {
                write!(f, "the function took longer than {} s", limit.as_secs_f64())
            }
        }
    }
}
