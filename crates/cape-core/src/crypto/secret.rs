use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use crate::Randomness;

/// `N` secret bytes: wiped when dropped, never copied, printed or serialised.
pub struct Secret<const N: usize>(Box<[u8; N]>);

impl<const N: usize> Secret<N> {
    /// Fresh random bytes, born in place.
    pub fn random(rng: &mut dyn Randomness) -> Self {
        Self::fill_with(|bytes| rng.fill_bytes(bytes))
    }

    /// Lets `fill` write the secret where it will stay.
    pub fn fill_with(fill: impl FnOnce(&mut [u8; N])) -> Self {
        let mut secret = Self(Box::new([0; N]));
        fill(&mut secret.0);
        secret
    }

    /// Takes over bytes that exist already, and wipes where they were.
    pub fn take(bytes: &mut [u8; N]) -> Self {
        let secret = Self::fill_with(|place| place.copy_from_slice(bytes));
        bytes.zeroize();
        secret
    }

    /// The bytes themselves.
    pub fn expose(&self) -> &[u8; N] {
        &self.0
    }
}

impl<const N: usize> Drop for Secret<N> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// Compares in time that depends on the lengths only.
pub fn constant_time_eq(left: &[u8], right: &[u8]) -> bool {
    left.ct_eq(right).into()
}
