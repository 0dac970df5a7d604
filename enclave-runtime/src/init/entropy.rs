//! Random bytes of the security module for the kernel's pool, before the first key is drawn: the host
//! has a part in all else that the kernel could gather.

use std::fs::File;
use std::io;

use cape_nsm::Nsm;
use rustix::ioctl::{NoArg, Opcode, Updater, ioctl, opcode};
use zeroize::{Zeroize, Zeroizing};

use super::failed;
use crate::error::StartError;

/// Bytes that the module gives at a time.
const BYTES: usize = 256;

/// Bytes that are too few to draw keys from.
const ENOUGH: usize = 32;

/// RNDADDENTROPY of linux/random.h, whose structure ends with as many bytes as it says.
const ADD_ENTROPY: Opcode = opcode::write::<[i32; 2]>(b'R', 3);

/// RNDRESEEDCRNG: what the pool has counts from now on, and not a minute later.
const RESEED: Opcode = opcode::none(b'R', 7);

/// `struct rand_pool_info` of linux/random.h.
#[repr(C)]
struct PoolInfo {
    entropy_bits: i32,
    bytes: i32,
    content: [u8; BYTES],
}

/// Adds what the module gives to the kernel's pool.
pub(super) fn seed(nsm: &dyn Nsm) -> Result<(), StartError> {
    let random = Zeroizing::new(nsm.random().map_err(failed("no random bytes"))?);
    if !(ENOUGH..=BYTES).contains(&random.len()) {
        return Err(StartError::new(format!("the security module gave {} random bytes", random.len())));
    }
    add(&random).map_err(failed("/dev/random"))
}

fn add(random: &[u8]) -> io::Result<()> {
    let mut info = PoolInfo { entropy_bits: 0, bytes: 0, content: [0; BYTES] };
    for (place, byte) in info.content.iter_mut().zip(random) {
        *place = *byte;
    }
    info.bytes = i32::try_from(random.len()).map_err(io::Error::other)?;
    info.entropy_bits = info.bytes * 8;
    let pool = File::options().write(true).open("/dev/random")?;
    // SAFETY: the number is RNDADDENTROPY, whose structure has as many bytes as it says, or more.
    let add = unsafe { Updater::<ADD_ENTROPY, PoolInfo>::new(&mut info) };
    // SAFETY: the kernel reads the structure, which outlives the call, and writes nothing.
    let added = unsafe { ioctl(&pool, add) };
    info.content.zeroize();
    added?;
    // SAFETY: the number is RNDRESEEDCRNG, which takes nothing.
    let reseed = unsafe { NoArg::<RESEED>::new() };
    // SAFETY: the kernel neither reads nor writes memory of this process.
    Ok(unsafe { ioctl(&pool, reseed) }?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A module that gives so many random bytes.
    struct Giving(usize);

    impl Nsm for Giving {
        fn exchange(&self, _request: &[u8]) -> Result<Vec<u8>, cape_nsm::Error> {
            let mut random = vec![0; self.0];
            getrandom::fill(&mut random).unwrap();
            let mut response = cape_core::encoding::cbor::Writer::new();
            response.map(1).text("GetRandom").map(1).text("random").bytes(&random);
            Ok(response.into_bytes())
        }
    }

    #[test]
    fn the_ioctls_have_the_numbers_of_the_kernels_header() {
        // _IOW('R', 0x03, int[2]), _IO('R', 0x07)
        assert_eq!((ADD_ENTROPY, RESEED), (0x4008_5203, 0x5207));
        assert_eq!(size_of::<PoolInfo>(), 8 + BYTES);
    }

    #[test]
    fn the_kernel_takes_them() {
        for bytes in [ENOUGH, BYTES] {
            match seed(&Giving(bytes)) {
                Err(error) if error.to_string().contains("not permitted") => {
                    return eprintln!("skipped: not the right to it: {error}");
                }
                seeded => seeded.unwrap(),
            }
        }
    }

    #[test]
    fn a_module_that_gives_too_few_or_too_many_is_refused() {
        for bytes in [0, ENOUGH - 1, BYTES + 1] {
            let error = seed(&Giving(bytes)).unwrap_err().to_string();
            assert_eq!(error, format!("the security module gave {bytes} random bytes"));
        }
    }
}
