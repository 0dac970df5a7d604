use aws_lc_rs::digest::{Context, SHA384};
use serde_bytes::ByteArray;

use crate::messages::{REGISTER_LENGTH, REGISTERS, Register};
use crate::{Error, Measurements};

/// The registers below this one belong to the platform and are locked at boot; the others are
/// the application's.
const FIRST_OF_APPLICATION: u16 = 16;

/// The register that holds the instance.
const INSTANCE: u16 = 4;

type Value = ByteArray<REGISTER_LENGTH>;

/// The 32 platform configuration registers.
pub(super) struct Registers([Register; REGISTERS as usize]);

impl Registers {
    pub(super) fn at_boot(measurements: &Measurements, instance_id: &str) -> Self {
        let zero = Register { lock: false, data: Value::new([0; REGISTER_LENGTH]) };
        let mut registers = [zero; REGISTERS as usize];
        registers[0].data = Value::new(measurements.pcr0);
        registers[1].data = Value::new(measurements.pcr1);
        registers[2].data = Value::new(measurements.pcr2);
        let instance = &mut registers[usize::from(INSTANCE)];
        instance.data = extended(&instance.data, instance_id.as_bytes());
        for register in &mut registers[..usize::from(FIRST_OF_APPLICATION)] {
            register.lock = true;
        }
        Self(registers)
    }

    pub(super) fn read(&self, index: u16) -> Result<Register, Error> {
        self.0.get(usize::from(index)).copied().ok_or(Error::InvalidIndex)
    }

    /// Returns the new value.
    pub(super) fn extend(&mut self, index: u16, data: &[u8]) -> Result<Value, Error> {
        let register = self.writable(index)?;
        register.data = extended(&register.data, data);
        Ok(register.data)
    }

    pub(super) fn lock(&mut self, index: u16) -> Result<(), Error> {
        self.writable(index)?.lock = true;
        Ok(())
    }

    /// Locks the registers 0 to `range - 1`; some may be locked already.
    pub(super) fn lock_below(&mut self, range: u16) -> Result<(), Error> {
        let registers = self.0.get_mut(..usize::from(range)).ok_or(Error::InvalidIndex)?;
        for register in registers {
            register.lock = true;
        }
        Ok(())
    }

    /// What is final, and so goes into documents, in the order of the indexes.
    pub(super) fn locked(&self) -> impl Iterator<Item = (u16, &Value)> {
        (0..)
            .zip(&self.0)
            .filter(|(_, register)| register.lock)
            .map(|(index, register)| (index, &register.data))
    }

    fn writable(&mut self, index: u16) -> Result<&mut Register, Error> {
        match self.0.get_mut(usize::from(index)) {
            None => Err(Error::InvalidIndex),
            Some(register) if register.lock => Err(Error::ReadOnlyIndex),
            Some(register) => Ok(register),
        }
    }
}

fn extended(value: &Value, data: &[u8]) -> Value {
    let mut context = Context::new(&SHA384);
    context.update(value.as_slice());
    context.update(data);
    let mut new = [0; REGISTER_LENGTH];
    new.copy_from_slice(context.finish().as_ref());
    Value::new(new)
}
