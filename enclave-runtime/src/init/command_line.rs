//! The kernel's command line. It is measured together with the kernel and the ramdisks, but without its
//! length (`docs/spec/image.md`, measurements): bytes moved across its ends would be measured the same.

use crate::error::StartError;

/// The one that images have.
pub(crate) const COMMAND_LINE: &str = "reboot=k panic=30 pci=off nomodules console=ttyS0 i8042.noaux \
                                       i8042.nomux i8042.nopnp i8042.dumbkbd random.trust_cpu=on";

/// How tests let QEMU end with its machine. It changes how the machine ends, and nothing else.
const FOR_TESTS: &str = "reboot=t";

/// How they tell a kernel the frequency of its clock, in kHz, which it cannot find out where the processor is
/// emulated. A clock that goes wrong is noticed, whoever made it so (`crate::clock`).
const CLOCK_FOR_TESTS: &str = "tsc=reliable";
const FREQUENCY_FOR_TESTS: &str = "tsc_early_khz=";

/// What a hypervisor appends for each device of the machine: `SIZE@ADDRESS:INTERRUPT`, with an id behind
/// it or without (the kernel's Documentation/admin-guide/kernel-parameters.txt).
const DEVICE: &str = "virtio_mmio.device=";

/// What /proc/cmdline has to be: [`COMMAND_LINE`]; behind it, if they are there, the words for tests; behind
/// these the machine's devices. Each is one space after the other.
pub(super) fn check(read: &[u8]) -> Result<(), StartError> {
    let differs = || {
        let read = String::from_utf8_lossy(read);
        StartError::new(format!("the kernel's command line is {:?}, not {COMMAND_LINE:?}", read.trim_end()))
    };
    let read = read.strip_suffix(b"\n").unwrap_or(read);
    let appended = read.strip_prefix(COMMAND_LINE.as_bytes()).ok_or_else(differs)?;
    let appended = std::str::from_utf8(appended).map_err(|_| differs())?;
    let mut words = appended.split(' ');
    // What is before the first space belongs to the last word of the constant.
    if words.next() != Some("") {
        return Err(differs());
    }
    let mut words = words.peekable();
    if words.next_if_eq(&FOR_TESTS).is_some() && words.next_if_eq(&CLOCK_FOR_TESTS).is_some() {
        words.next_if(|word| is_frequency(word)).ok_or_else(differs)?;
    }
    if words.all(is_device) { Ok(()) } else { Err(differs()) }
}

fn is_frequency(word: &str) -> bool {
    let digits = word.strip_prefix(FREQUENCY_FOR_TESTS).unwrap_or_default();
    (1..=8).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_device(word: &str) -> bool {
    fn parts(word: &str) -> Option<(&str, &str, &str)> {
        let (size, place) = word.strip_prefix(DEVICE)?.split_once("@0x")?;
        let (address, interrupt) = place.split_once(':')?;
        Some((size, address, interrupt))
    }
    let is_number = |text: &str, radix| u64::from_str_radix(text, radix).is_ok() && !text.starts_with('+');
    parts(word).is_some_and(|(size, address, interrupt)| {
        is_number(size.strip_suffix(['K', 'M', 'G']).unwrap_or(size), 10)
            && is_number(address, 16)
            && interrupt.splitn(2, ':').all(|number| is_number(number, 10))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_accepted(appended: &str) -> bool {
        check(format!("{COMMAND_LINE}{appended}\n").as_bytes()).is_ok()
    }

    #[test]
    fn the_constant_is_accepted_with_what_hypervisors_append() {
        let two = " virtio_mmio.device=512@0xfeb00e00:12 virtio_mmio.device=512@0xfeb00c00:11";
        for appended in ["", two, " virtio_mmio.device=4K@0xd0000000:5:1", " reboot=t"] {
            assert!(is_accepted(appended), "{appended}");
        }
        assert!(is_accepted(&format!(" reboot=t{two}")));
        assert!(is_accepted(&format!(" reboot=t tsc=reliable tsc_early_khz=2596118{two}")));
        assert!(check(COMMAND_LINE.as_bytes()).is_ok(), "without a line feed");
    }

    #[test]
    fn every_other_word_is_refused() {
        for appended in [
            " ",
            "  reboot=t",
            " reboot=t ",
            " reboot=t reboot=t",
            " reboot=k",
            " tsc=reliable tsc_early_khz=2596118",
            " reboot=t tsc=reliable",
            " reboot=t tsc_early_khz=2596118",
            " reboot=t tsc=unstable tsc_early_khz=2596118",
            " reboot=t tsc=reliable tsc_early_khz=",
            " reboot=t tsc=reliable tsc_early_khz=259611800",
            " reboot=t tsc=reliable tsc_early_khz=2596k",
            " virtio_mmio.device=4K@0xd0000000:5 reboot=t",
            "reboot=t",
            ",tty0",
            " init=/bin/sh",
            " rdinit=/rootfs/bin/sh",
            "\n",
            " random.trust_cpu=off",
            " virtio_mmio.device=",
            " virtio_mmio.device=4K@d0000000:5",
            " virtio_mmio.device=4K@0xd0000000",
            " virtio_mmio.device=4K@0xd0000000:",
            " virtio_mmio.device=4K@0xd0000000:5:6:7",
            " virtio_mmio.device=+4K@0xd0000000:5",
            " virtio_mmio.device=4T@0xd0000000:5",
            " virtio_mmio.device=4K@0xd0000000:5\tinit=/bin/sh",
        ] {
            assert!(!is_accepted(appended), "{appended}");
        }
        assert!(check(&[COMMAND_LINE.as_bytes(), b" \xff"].concat()).is_err());
    }

    #[test]
    fn less_than_the_constant_is_refused_and_told() {
        for read in ["", "quiet", &COMMAND_LINE[..COMMAND_LINE.len() - 1], &COMMAND_LINE[1..]] {
            let error = check(format!("{read}\n").as_bytes()).unwrap_err().to_string();
            assert_eq!(error, format!("the kernel's command line is {read:?}, not {COMMAND_LINE:?}"));
        }
    }
    #[test]
    fn every_changed_byte_is_refused() {
        let read = format!("{COMMAND_LINE} reboot=t\n").into_bytes();
        for index in 0..read.len() {
            for bit in 0..8 {
                let mut changed = read.clone();
                changed[index] ^= 1 << bit;
                assert!(check(&changed).is_err(), "bit {bit} of byte {index}");
            }
        }
    }
}
