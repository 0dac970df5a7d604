//! Randomness that is the same in every run, so that an input alone decides what happens.

use std::convert::Infallible;

use cape_core::Randomness;
use rand_core::{TryCryptoRng, TryRng};

/// Yields the given bytes first, then SplitMix64's.
pub(crate) struct Scripted {
    first: Vec<u8>,
    state: u64,
}

impl Scripted {
    pub(crate) fn new(first: Vec<u8>) -> Self {
        Self { first, state: 0 }
    }
}

impl TryRng for Scripted {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.try_next_u64().map(|number| number as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        let scripted = self.first.len().min(bytes.len());
        let (first, rest) = bytes.split_at_mut(scripted);
        first.copy_from_slice(&self.first.drain(..scripted).collect::<Vec<_>>());
        for byte in rest {
            self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            *byte = (mixed >> 56) as u8;
        }
        Ok(())
    }
}

impl TryCryptoRng for Scripted {}

impl Randomness for Scripted {}
