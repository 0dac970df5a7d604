macro_rules! error_codes {
    ($($name:ident = $code:literal, $meaning:literal;)*) => {
        /// The class of an error: its name in every language, and its stable code.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $(#[doc = $meaning] $name,)*
        }

        impl ErrorCode {
            /// Every class, grouped as the codes are.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The name of the class, as in Python and in ERROR frames: `PcrMismatch`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }

            /// The stable code: `CAPE-ATT-007`.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// What the class means, in one phrase.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning,)* }
            }
        }
    };
}

error_codes! {
    CapeError = "CAPE-000", "anything of Cape that has no class of its own";
    ConfigError = "CAPE-CFG-001", "a setting, a profile or a file of the configuration is missing or wrong";
    PolicyRequired = "CAPE-CFG-002", "there is no policy to judge the enclave by";
    AttestationError = "CAPE-ATT-000", "the enclave could not be proven genuine and approved";
    DocumentMalformed = "CAPE-ATT-001", "the attestation document breaks a rule of form";
    ChainInvalid = "CAPE-ATT-002", "the document's certificates do not form a valid chain";
    SignatureInvalid = "CAPE-ATT-003", "the document's own signature does not hold";
    CertificateExpired = "CAPE-ATT-004", "a certificate is not valid at the time judged by";
    DocumentTooOld = "CAPE-ATT-005", "the document's time is too far from the time judged by";
    NonceMismatch = "CAPE-ATT-006", "the document answers another challenge";
    PcrMismatch = "CAPE-ATT-007", "the measurements are of no approved release";
    VaultMismatch = "CAPE-ATT-008", "the enclave holds another platform's secret";
    DebugModeEnclave = "CAPE-ATT-009", "the enclave runs in debug mode, so its operator can read it";
    TrustRootMismatch = "CAPE-ATT-010", "the chain ends at a root that is not trusted";
    ReceiptInvalid = "CAPE-ATT-011", "a receipt does not hold";
    CryptoError = "CAPE-CRY-000", "a ciphertext or a key is wrong";
    DecryptFailed = "CAPE-CRY-001", "a ciphertext does not open with this key";
    Truncated = "CAPE-CRY-002", "a ciphertext ends too early";
    UnsupportedFormat = "CAPE-CRY-003", "a version, suite or flag that is not known";
    KeyInvalid = "CAPE-CRY-004", "a key breaks a rule of form";
    UseForbidden = "CAPE-CRY-005", "a use rule of the ciphertext forbids this";
    RecipientUnknown = "CAPE-CRY-006", "no account is known by this name";
    RecipientChanged = "CAPE-CRY-007", "a known name now stands for another account";
    TransportError = "CAPE-TRN-000", "the way to the enclave failed";
    ConnectFailed = "CAPE-TRN-001", "no connection could be made";
    TimeoutExpired = "CAPE-TRN-002", "a phase took longer than allowed";
    StreamTruncated = "CAPE-TRN-003", "the connection ended before the result was whole";
    ProtocolError = "CAPE-TRN-004", "a message breaks the session protocol";
    ServiceError = "CAPE-SVC-000", "the service refused";
    NotFound = "CAPE-SVC-001", "there is no such thing";
    Conflict = "CAPE-SVC-002", "it stands against what is already there";
    TooLarge = "CAPE-SVC-003", "more bytes than the limit";
    Overloaded = "CAPE-SVC-004", "no capacity now, nothing ran";
    FunctionCorrupted = "CAPE-SVC-005", "the stored function is not what was deployed";
    ChecksumMismatch = "CAPE-SVC-006", "the function is not the one that was asked for";
    PermissionDenied = "CAPE-SVC-010", "the caller has no right to this";
    TokenInvalid = "CAPE-SVC-011", "the token breaks a rule";
    TokenExpired = "CAPE-SVC-012", "the token's time is over";
    TokenRevoked = "CAPE-SVC-013", "the token was revoked";
    TokenWrongFunction = "CAPE-SVC-014", "the token is for another function";
    FunctionError = "CAPE-FUN-000", "the function raised an exception";
    FunctionTimeout = "CAPE-FUN-001", "the function took longer than its deadline";
    FunctionOutOfMemory = "CAPE-FUN-002", "the function used more memory than its limit";
    FunctionCrashed = "CAPE-FUN-003", "the function's process died";
    Cancelled = "CAPE-FUN-004", "the call was cancelled";
    PackagingError = "CAPE-PKG-000", "the folder cannot be packed";
    NoWheelForPlatform = "CAPE-PKG-001", "a dependency has no wheel for the enclave's platform";
    HandlerMissing = "CAPE-PKG-002", "there is no handler";
    FileRefused = "CAPE-PKG-003", "a file may not be packed";
    BundleTooLarge = "CAPE-PKG-004", "the packed function is over the limit";
    ImageError = "CAPE-IMG-000", "an enclave image cannot be made or used";
    ImageMalformed = "CAPE-IMG-001", "a file breaks the rules of enclave images";
    ArchiveRefused = "CAPE-IMG-002", "a package or a container image breaks a rule, or is over a limit";
    ImageNotReproduced = "CAPE-IMG-003", "a second build of an image came out otherwise";
}

impl ErrorCode {
    /// The class of that name, if there is one.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|class| class.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::ErrorCode;

    #[test]
    fn names_and_codes_are_unique() {
        let names: BTreeSet<_> = ErrorCode::ALL.iter().map(|class| class.name()).collect();
        let codes: BTreeSet<_> = ErrorCode::ALL.iter().map(|class| class.code()).collect();
        assert_eq!(names.len(), ErrorCode::ALL.len());
        assert_eq!(codes.len(), ErrorCode::ALL.len());
    }

    #[test]
    fn names_are_found_again() {
        for class in ErrorCode::ALL {
            assert_eq!(ErrorCode::from_name(class.name()), Some(*class));
        }
        assert_eq!(ErrorCode::from_name("NoSuchError"), None);
    }
}
