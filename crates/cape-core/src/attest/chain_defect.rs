use core::fmt;

use super::der_defect::DerDefect;

/// What is wrong with a chain (check 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChainDefect {
    /// A certificate that is not of the one kind this chain consists of.
    Certificate(CertificateDefect),
    /// The signature does not hold under the key of the certificate above.
    Signature,
    /// The issuer is not the subject of the certificate above.
    IssuerMismatch,
    /// It issues another certificate without being an authority.
    NotAnAuthority,
    /// More authorities follow than it allows.
    PathLength {
        /// How many may follow.
        allowed: usize,
        /// How many do.
        actual: usize,
    },
    /// An authority whose key may not sign certificates.
    KeyMayNotSignCertificates,
    /// The leaf is an authority, or its key may sign certificates.
    LeafIsAuthority,
    /// The leaf's key may not sign data.
    KeyMayNotSignData,
}

impl ChainDefect {
    /// The stable name of this defect.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Certificate(defect) => defect.reason(),
            Self::Signature => "signature",
            Self::IssuerMismatch => "issuer",
            Self::NotAnAuthority => "not_an_authority",
            Self::PathLength { .. } => "path_length",
            Self::KeyMayNotSignCertificates => "key_may_not_sign_certificates",
            Self::LeafIsAuthority => "leaf_is_authority",
            Self::KeyMayNotSignData => "key_may_not_sign_data",
        }
    }
}

impl fmt::Display for ChainDefect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate(defect) => write!(f, "{defect}"),
            Self::Signature => f.write_str("its signature does not hold under its issuer's key"),
            Self::IssuerMismatch => f.write_str("its issuer is not the subject of the one above"),
            Self::NotAnAuthority => f.write_str("it issues a certificate without being an authority"),
            Self::PathLength { allowed, actual } => {
                write!(f, "{actual} authorities follow where it allows {allowed}")
            }
            Self::KeyMayNotSignCertificates => f.write_str("its key may not sign certificates"),
            Self::LeafIsAuthority => f.write_str("the last certificate may issue others"),
            Self::KeyMayNotSignData => f.write_str("its key may not sign data"),
        }
    }
}

impl From<CertificateDefect> for ChainDefect {
    fn from(defect: CertificateDefect) -> Self {
        Self::Certificate(defect)
    }
}

/// What is wrong with a single certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateDefect {
    /// Not strict DER.
    NotDer(DerDefect),
    /// Not version 3.
    Version,
    /// A serial number of zero or of more than 20 bytes.
    SerialNumber,
    /// A signature algorithm other than ecdsa-with-SHA384, in either place.
    SignatureAlgorithm,
    /// A key that is not an uncompressed point on the named curve P-384.
    PublicKey,
    /// The same extension twice.
    DuplicateExtension,
    /// A critical extension that is not judged here.
    UnknownCriticalExtension,
    /// An extension that restricts the certificate in a way that is not judged here.
    UnjudgedRestriction,
    /// Basic constraints are missing.
    NoBasicConstraints,
    /// Basic constraints are not critical.
    BasicConstraintsNotCritical,
    /// A path length in a certificate that is no authority.
    PathLengthOutOfPlace,
    /// A path length of more than 255, which other verifiers do not read.
    PathLengthTooLarge,
    /// The key usage is missing.
    NoKeyUsage,
}

impl CertificateDefect {
    /// The stable name of this defect.
    pub fn reason(self) -> &'static str {
        match self {
            Self::NotDer(defect) => defect.reason(),
            Self::Version => "version",
            Self::SerialNumber => "serial_number",
            Self::SignatureAlgorithm => "signature_algorithm",
            Self::PublicKey => "public_key",
            Self::DuplicateExtension => "extension_twice",
            Self::UnknownCriticalExtension => "extension_unknown",
            Self::UnjudgedRestriction => "extension_not_judged",
            Self::NoBasicConstraints => "basic_constraints_missing",
            Self::BasicConstraintsNotCritical => "basic_constraints_not_critical",
            Self::PathLengthOutOfPlace => "path_length_out_of_place",
            Self::PathLengthTooLarge => "path_length_too_large",
            Self::NoKeyUsage => "key_usage_missing",
        }
    }
}

impl fmt::Display for CertificateDefect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotDer(defect) => write!(f, "not strict DER: {defect}"),
            Self::Version => f.write_str("not an X.509 certificate of version 3"),
            Self::SerialNumber => f.write_str("serial number of zero or of more than 20 bytes"),
            Self::SignatureAlgorithm => f.write_str("signature algorithm other than ecdsa-with-SHA384"),
            Self::PublicKey => f.write_str("key that is not an uncompressed point on P-384"),
            Self::DuplicateExtension => f.write_str("an extension is there twice"),
            Self::UnknownCriticalExtension => f.write_str("critical extension that is not known"),
            Self::UnjudgedRestriction => f.write_str("an extension restricts it in a way that is not judged"),
            Self::NoBasicConstraints => f.write_str("no basic constraints"),
            Self::BasicConstraintsNotCritical => f.write_str("basic constraints that are not critical"),
            Self::PathLengthOutOfPlace => f.write_str("path length without being an authority"),
            Self::PathLengthTooLarge => f.write_str("path length of more than 255"),
            Self::NoKeyUsage => f.write_str("no key usage"),
        }
    }
}

impl From<DerDefect> for CertificateDefect {
    fn from(defect: DerDefect) -> Self {
        Self::NotDer(defect)
    }
}
