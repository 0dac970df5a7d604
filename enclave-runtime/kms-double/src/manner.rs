use serde::Deserialize;

/// How the server behaves.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Manner {
    /// As KMS does.
    #[default]
    Good,
    /// It encrypts another secret for the enclave than the one that it unwrapped.
    SwappedSecret,
    /// It returns another secret wrapped than the one that it encrypted for the enclave.
    SwappedWrapped,
    /// It says that it used another key.
    WrongKeyId,
    /// It answers with what it encrypted for the first enclave that ever asked.
    Replayed,
    /// What is encrypted for the enclave ends too early.
    TruncatedEnvelope,
    /// What is encrypted for the enclave is padded wrongly.
    BadPadding,
    /// What is encrypted for the enclave is not 32 bytes.
    OtherLength,
    /// It sends the secret in plain, and nothing for the enclave.
    Plain,
    /// It never answers.
    Silent,
    /// It begins its answer, and goes on with a byte every few seconds.
    Slow,
    /// It breaks off within its answer.
    Cut,
    /// It refuses the first two requests for being too many.
    ThrottledTwice,
    /// It refuses every request for being too many.
    Throttled,
    /// It has failed, and says so as KMS does.
    InternalError,
    /// What answers is no KMS, but has failed.
    BadGateway,
    /// It sends the enclave elsewhere.
    Redirect,
    /// Its answer is larger than any that KMS gives.
    Oversized,
    /// The key is disabled.
    Disabled,
    /// The key is about to be deleted.
    PendingDeletion,
    /// Its certificate is for another name.
    OtherName,
    /// Its certificate is of an authority that nobody knows.
    UnknownAuthority,
    /// Its certificate has expired.
    ExpiredCertificate,
}
