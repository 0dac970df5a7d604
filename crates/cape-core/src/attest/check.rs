use core::fmt;

/// The checks a document goes through, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// CBOR, COSE and the payload's fields have the right form and size.
    Form,
    /// The certificates lead from a trusted root to the key that signed the document.
    Chain,
    /// The document's signature holds.
    Signature,
    /// The document was made at the right time.
    Freshness,
    /// The document answers the question that was asked.
    Nonce,
    /// The document was made for the purpose at hand.
    Purpose,
    /// The enclave does not run in debug mode.
    DebugMode,
    /// The measurements are those of an approved release.
    Measurements,
    /// The enclave holds the right platform's secret.
    Vault,
}

impl Check {
    /// Every check, in the order in which they are made.
    pub const ALL: &'static [Self] = &[
        Self::Form,
        Self::Chain,
        Self::Signature,
        Self::Freshness,
        Self::Nonce,
        Self::Purpose,
        Self::DebugMode,
        Self::Measurements,
        Self::Vault,
    ];

    /// A stable identifier: `debug_mode`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Form => "form",
            Self::Chain => "chain",
            Self::Signature => "signature",
            Self::Freshness => "freshness",
            Self::Nonce => "nonce",
            Self::Purpose => "purpose",
            Self::DebugMode => "debug_mode",
            Self::Measurements => "measurements",
            Self::Vault => "vault",
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
