use std::io;

use rustix::ioctl::{Opcode, Setter, ioctl};
use rustix::net::{AddressFamily, SocketType, socket};

/// SIOCSIFFLAGS of linux/sockios.h.
const SET_FLAGS: Opcode = 0x8914;

/// `struct ifreq` of linux/if.h, with flags.
#[repr(C)]
struct Request {
    name: [u8; libc::IFNAMSIZ],
    flags: libc::c_short,
    rest: [u8; 22],
}

/// Lets the loopback interface carry what is sent to it: the only network that an enclave has.
pub(super) fn bring_up() -> io::Result<()> {
    let mut name = [0; libc::IFNAMSIZ];
    name[..2].copy_from_slice(b"lo");
    let up = Request { name, flags: (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short, rest: [0; 22] };
    let socket = socket(AddressFamily::INET, SocketType::DGRAM, None)?;
    // SAFETY: the number is SIOCSIFFLAGS, and the structure the one that it reads.
    let set_flags = unsafe { Setter::<SET_FLAGS, Request>::new(up) };
    // SAFETY: the kernel reads the structure in its whole length, and writes nothing.
    Ok(unsafe { ioctl(&socket, set_flags) }?)
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use rustix::thread::UnshareFlags;

    use super::*;

    #[test]
    fn the_structure_is_as_long_as_the_kernels() {
        assert_eq!(size_of::<Request>(), size_of::<libc::ifreq>());
    }

    #[test]
    fn what_is_sent_to_this_machine_arrives_afterwards() {
        let send = || {
            let socket = UdpSocket::bind("127.0.0.1:0")?;
            socket.send_to(b"hello", socket.local_addr()?)
        };
        let thread = std::thread::spawn(move || {
            // SAFETY: descriptors stay what they are.
            if let Err(error) = unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNET) } {
                return eprintln!("skipped: no network namespace: {error}");
            }
            assert!(send().is_err());
            bring_up().unwrap();
            assert_eq!(send().unwrap(), 5);
        });
        thread.join().unwrap();
    }
}
