use core::fmt;

use crate::ErrorCode;
use crate::crypto::sha256;
use crate::der;
use crate::encoding::hex;

/// The root of the AWS Nitro Enclaves PKI (CN aws.nitro-enclaves, 2019 to 2049), as it stands first
/// in the `cabundle` of every genuine document.
const AWS_ROOT: &[u8] = include_bytes!("aws_nitro_root.der");

/// The most bytes a certificate of the chain may have.
pub(super) const MAX_CERTIFICATE_BYTES: usize = 1024;

/// The certificates a chain may begin with. They are compared byte for byte.
#[derive(Clone)]
pub struct TrustRoots(Vec<Vec<u8>>);

/// Whose word a verified document rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// The root of AWS: real hardware.
    Aws,
    /// A root that somebody named: a development platform, which proves nothing about hardware.
    Development,
}

impl Trust {
    /// `aws` or `development`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::Development => "development",
        }
    }
}

impl fmt::Display for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl TrustRoots {
    /// The root of AWS alone.
    pub fn aws() -> Self {
        Self(vec![AWS_ROOT.to_vec()])
    }

    /// The roots given, each a certificate in DER, and no other. What they say is judged with the
    /// chain that begins with them.
    pub fn development<R: AsRef<[u8]>>(roots: impl IntoIterator<Item = R>) -> Result<Self, TrustRootsError> {
        let copied = |(index, root): (usize, R)| {
            let root = root.as_ref();
            let is_long = root.len() > MAX_CERTIFICATE_BYTES;
            let copy = if is_long { Vec::new() } else { root.to_vec() };
            if is_one_structure(&copy) { Ok(copy) } else { Err(TrustRootsError::NotACertificate { index }) }
        };
        let roots: Vec<_> = roots.into_iter().enumerate().map(copied).collect::<Result<_, _>>()?;
        if roots.is_empty() { Err(TrustRootsError::Empty) } else { Ok(Self(roots)) }
    }

    /// SHA-256 of each root, as people compare them.
    pub fn fingerprints(&self) -> impl Iterator<Item = [u8; 32]> {
        self.0.iter().map(|root| sha256(&[root]))
    }

    /// Whose root `certificate` is, if it is one of these.
    pub(super) fn trust_in(&self, certificate: &[u8]) -> Option<Trust> {
        let known = self.0.iter().any(|root| root == certificate);
        known.then_some(if certificate == AWS_ROOT { Trust::Aws } else { Trust::Development })
    }
}

/// Catches what is no certificate at all: PEM, an empty file, two certificates in one.
fn is_one_structure(root: &[u8]) -> bool {
    der::Reader::only(root, der::SEQUENCE).is_ok()
}

impl fmt::Debug for TrustRoots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TrustRoots")?;
        f.debug_list().entries(self.fingerprints().map(|hash| hex::encode(&hash))).finish()
    }
}

/// Why roots cannot be trusted as given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrustRootsError {
    /// There are none.
    Empty,
    /// One of them is not a single certificate in DER of at most 1024 bytes.
    NotACertificate {
        /// Its place among those given.
        index: usize,
    },
}

impl TrustRootsError {
    /// The class of this error.
    pub fn code(&self) -> ErrorCode {
        ErrorCode::ConfigError
    }
}

impl fmt::Display for TrustRootsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("no trust root is given"),
            Self::NotACertificate { index } => {
                write!(f, "trust root {index} is not one certificate in DER of at most 1024 bytes")
            }
        }
    }
}

impl core::error::Error for TrustRootsError {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Published by AWS: https://docs.aws.amazon.com/enclaves/latest/user/verify-root.html
    const AWS_ROOT_SHA256: &str = "641a0321a3e244efe456463195d606317ed7cdcc3c1756e09893f3c68f79bb5b";

    #[test]
    fn the_root_compiled_in_is_that_of_aws() {
        let roots = TrustRoots::aws();
        assert_eq!(
            roots.fingerprints().map(|hash| hex::encode(&hash)).collect::<Vec<_>>(),
            [AWS_ROOT_SHA256]
        );
        assert_eq!(roots.trust_in(AWS_ROOT), Some(Trust::Aws));
        assert_eq!(format!("{roots:?}"), format!("TrustRoots[{AWS_ROOT_SHA256:?}]"));
    }

    #[test]
    fn a_root_is_known_by_all_of_its_bytes() {
        let mut other = AWS_ROOT.to_vec();
        *other.last_mut().unwrap() ^= 1;
        assert_eq!(TrustRoots::aws().trust_in(&other), None);
        let roots = TrustRoots::development(vec![other.clone()]).unwrap();
        assert_eq!(roots.trust_in(&other), Some(Trust::Development));
        assert_eq!(roots.trust_in(AWS_ROOT), None);
    }

    #[test]
    fn what_is_no_certificate_is_no_root() {
        assert_eq!(TrustRoots::development(Vec::<Vec<u8>>::new()).unwrap_err(), TrustRootsError::Empty);
        let twice = [AWS_ROOT, AWS_ROOT].concat();
        for wrong in [vec![], b"-----BEGIN CERTIFICATE-----".to_vec(), twice, AWS_ROOT[..500].to_vec()] {
            let roots = vec![AWS_ROOT.to_vec(), wrong];
            assert_eq!(
                TrustRoots::development(roots).unwrap_err(),
                TrustRootsError::NotACertificate { index: 1 }
            );
        }
    }
}
