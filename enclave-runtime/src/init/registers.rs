use cape_core::encoding::hex;
use cape_nsm::{Error, Nsm};

use super::failed;
use crate::error::StartError;

/// Registers that were measured before the first program began, and are final.
const MEASURED: u16 = 16;

/// What the security module has measured.
pub(super) struct Registers(Vec<[u8; 48]>);

impl Registers {
    /// Reads those of the image and its host, which have to be locked, and tries whether that holds.
    pub(super) fn read(nsm: &dyn Nsm) -> Result<Self, StartError> {
        let mut values = Vec::new();
        for index in 0..MEASURED {
            let register = nsm.describe_pcr(index).map_err(failed(&format!("PCR{index}")))?;
            if !register.lock {
                return Err(StartError::new(format!("PCR{index} is not locked, so it vouches for nothing")));
            }
            values.push(register.data.into_array());
        }
        match nsm.extend_pcr(0, b"a register that is locked stays what it is") {
            Err(Error::ReadOnlyIndex) => Ok(Self(values)),
            Err(error) => Err(StartError::new(format!("PCR0 may not be locked: {error}"))),
            Ok(_) => Err(StartError::new("PCR0 is said to be locked, and was extended all the same")),
        }
    }

    /// The measurement of the image, in hexadecimal.
    pub(super) fn image(&self) -> String {
        self.0.first().map(|value| hex::encode(value)).unwrap_or_default()
    }

    /// Whether the enclave was started in debug mode, in which the host can read it: the registers of the
    /// image are zero then.
    pub(super) fn is_debug_mode(&self) -> bool {
        self.0.iter().take(3).any(|value| *value == [0; 48])
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use cape_core::encoding::cbor::Writer;

    use super::*;

    /// A module whose registers are these, the first so many of them locked.
    struct Module {
        locked: u16,
        value: [u8; 48],
        /// What is answered to an extension of a locked register.
        extension: Result<(), &'static str>,
        described: Mutex<u16>,
    }

    impl Module {
        fn new() -> Self {
            Self { locked: 16, value: [7; 48], extension: Err("ReadOnlyIndex"), described: Mutex::new(0) }
        }
    }

    impl Nsm for Module {
        fn exchange(&self, request: &[u8]) -> Result<Vec<u8>, Error> {
            let mut response = Writer::new();
            if request.windows(11).any(|window| window == b"DescribePCR") {
                let mut index = self.described.lock().unwrap();
                response.map(1).text("DescribePCR").map(2);
                response.text("lock").bool(*index < self.locked).text("data").bytes(&self.value);
                *index += 1;
            } else {
                match self.extension {
                    Ok(()) => response.map(1).text("ExtendPCR").map(1).text("data").bytes(&[1; 48]),
                    Err(name) => response.map(1).text("Error").text(name),
                };
            }
            Ok(response.into_bytes())
        }
    }

    #[test]
    fn locked_registers_are_read() {
        let registers = Registers::read(&Module::new()).unwrap();
        assert_eq!(registers.image(), "07".repeat(48));
        assert!(!registers.is_debug_mode());
        let debug = Registers::read(&Module { value: [0; 48], ..Module::new() }).unwrap();
        assert!(debug.is_debug_mode());
    }

    #[test]
    fn one_that_is_not_locked_is_refused_by_its_name() {
        for locked in [0, 3, 15] {
            let error = Registers::read(&Module { locked, ..Module::new() }).err().unwrap().to_string();
            assert_eq!(error, format!("PCR{locked} is not locked, so it vouches for nothing"));
        }
    }

    #[test]
    fn one_that_can_be_extended_is_not_locked_whatever_the_module_says() {
        for (extension, reason) in [
            (Ok(()), "PCR0 is said to be locked, and was extended all the same"),
            (Err("InternalError"), "PCR0 may not be locked: the NSM failed"),
        ] {
            let error = Registers::read(&Module { extension, ..Module::new() }).err().unwrap();
            assert_eq!(error.to_string(), reason);
        }
    }
}
