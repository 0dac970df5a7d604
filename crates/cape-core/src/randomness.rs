use getrandom::SysRng;
use rand_core::{CryptoRng, UnwrapErr};

/// Where random bytes come from, which is an argument of whatever needs some.
///
/// `UnwrapErr<SysRng>`, the operating system's, is for use. Anything else gives bytes that are known, for
/// tests and vectors, and implements this with an empty body. With the provider AWS-LC there are two
/// exceptions: wrapping for an RSA key draws AWS-LC's own bytes, whatever is given here, and so does key
/// encapsulation of X-Wing where what is given [is replaceable](Self::is_replaceable).
pub trait Randomness: CryptoRng {
    /// Whether any random bytes do as well as these, so that a provider may draw them itself: AWS-LC's
    /// key encapsulation takes none (FIPS 203, section 3.3, is why).
    fn is_replaceable(&self) -> bool {
        false
    }
}

impl Randomness for UnwrapErr<SysRng> {
    fn is_replaceable(&self) -> bool {
        true
    }
}
