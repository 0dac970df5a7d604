use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

use rustix::io::Errno;
use rustix::ioctl::{Opcode, Updater, ioctl, opcode};

use crate::messages::RESPONSE_MAX;
use crate::{Error, Nsm};

/// The module of the enclave that this process runs in, behind its character device.
///
/// The kernel serves one call at a time, in the order of their arrival.
#[derive(Debug)]
pub struct Device(File);

impl Device {
    /// Opens `/dev/nsm`.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::NotFound`] outside of an enclave, and
    /// [`io::ErrorKind::PermissionDenied`] without CAP_SYS_ADMIN.
    pub fn open() -> io::Result<Self> {
        Self::open_at(Path::new("/dev/nsm"))
    }

    fn open_at(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        Ok(Self(file))
    }
}

impl Nsm for Device {
    fn exchange(&self, request: &[u8]) -> Result<Vec<u8>, Error> {
        let mut response = vec![0; RESPONSE_MAX];
        let mut message = Message {
            request: Span::of(request.as_ptr(), request.len())?,
            response: Span::of(response.as_mut_ptr(), response.len())?,
        };
        // SAFETY: EXCHANGE is the number of linux/nsm.h, and Message the structure that it takes
        // and updates.
        let exchange = unsafe { Updater::<EXCHANGE, Message>::new(&mut message) };
        // SAFETY: the kernel reads `request` within its length and writes `response` within its
        // own; both outlive the call, and nobody else refers to `response`.
        unsafe { ioctl(&self.0, exchange) }.map_err(|errno| match errno {
            Errno::MSGSIZE => Error::InputTooLarge,
            _ => Error::InternalError,
        })?;
        let length = usize::try_from(message.response.length)
            .ok()
            .filter(|length| *length <= response.len())
            .ok_or(Error::InvalidResponse)?;
        response.truncate(length);
        Ok(response)
    }
}

/// NSM_IOCTL_RAW of linux/nsm.h.
const EXCHANGE: Opcode = opcode::read_write::<Message>(0x0a, 0);

/// `struct nsm_raw` of linux/nsm.h. The kernel sets the response's length.
#[repr(C)]
struct Message {
    request: Span,
    response: Span,
}

/// `struct nsm_iovec` of linux/nsm.h.
#[repr(C)]
struct Span {
    address: u64,
    length: u64,
}

impl Span {
    fn of(start: *const u8, length: usize) -> Result<Self, Error> {
        Ok(Self {
            address: u64::try_from(start.expose_provenance()).map_err(|_| Error::InternalError)?,
            length: u64::try_from(length).map_err(|_| Error::InputTooLarge)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ioctl_has_the_number_of_the_kernels_header() {
        // _IOWR(0x0A, 0, struct nsm_raw), a structure of 32 bytes.
        assert_eq!(EXCHANGE, 0xc020_0a00);
        assert_eq!(size_of::<Message>(), 32);
    }

    #[test]
    fn a_device_that_knows_no_such_call_is_an_internal_error() {
        let device = Device::open_at(Path::new("/dev/null")).unwrap();
        assert_eq!(device.describe(), Err(Error::InternalError));
    }
}
