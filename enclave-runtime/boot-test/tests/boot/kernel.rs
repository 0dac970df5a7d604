//! What the kernel does not have: each thing is tried from inside, by PID 1, which has all rights.

use libtest_mimic::Trial;
use serde_json::Value;

use crate::support::machine::Settings;
use crate::support::probe::Probe;
use crate::trial;

/// Calls that a kernel has which was not made smaller, with null for each argument: what is not there says
/// so, and nothing else does.
const CALLS: [(&str, i64); 35] = [
    ("io_uring_setup", libc::SYS_io_uring_setup),
    ("io_uring_enter", libc::SYS_io_uring_enter),
    ("io_uring_register", libc::SYS_io_uring_register),
    ("bpf", libc::SYS_bpf),
    ("userfaultfd", libc::SYS_userfaultfd),
    ("kexec_load", libc::SYS_kexec_load),
    ("kexec_file_load", libc::SYS_kexec_file_load),
    ("init_module", libc::SYS_init_module),
    ("finit_module", libc::SYS_finit_module),
    ("delete_module", libc::SYS_delete_module),
    ("getpid of x32", X32 | libc::SYS_getpid),
    ("io_setup", libc::SYS_io_setup),
    ("io_submit", libc::SYS_io_submit),
    ("add_key", libc::SYS_add_key),
    ("request_key", libc::SYS_request_key),
    ("keyctl", libc::SYS_keyctl),
    ("kcmp", libc::SYS_kcmp),
    ("process_vm_readv", libc::SYS_process_vm_readv),
    ("process_vm_writev", libc::SYS_process_vm_writev),
    ("inotify_init1", libc::SYS_inotify_init1),
    ("fanotify_init", libc::SYS_fanotify_init),
    ("name_to_handle_at", libc::SYS_name_to_handle_at),
    ("open_by_handle_at", libc::SYS_open_by_handle_at),
    ("memfd_secret", libc::SYS_memfd_secret),
    ("shmget", libc::SYS_shmget),
    ("semget", libc::SYS_semget),
    ("msgget", libc::SYS_msgget),
    ("iopl", libc::SYS_iopl),
    ("ioperm", libc::SYS_ioperm),
    ("modify_ldt", libc::SYS_modify_ldt),
    ("uselib", libc::SYS_uselib),
    ("sysfs", libc::SYS_sysfs),
    ("swapon", libc::SYS_swapon),
    ("mbind", libc::SYS_mbind),
    ("migrate_pages", libc::SYS_migrate_pages),
];
const X32: i64 = 1 << 30;

/// Character devices by their numbers, as Documentation/admin-guide/devices.txt has them.
const DEVICES: [(&str, &str); 5] =
    [("mem", "1:1"), ("kmem", "1:2"), ("port", "1:4"), ("cpu/0/msr", "202:0"), ("cpu/0/cpuid", "203:0")];

const FILE_SYSTEMS: [&str; 9] =
    ["debugfs", "tracefs", "bpf", "binfmt_misc", "configfs", "overlay", "fuse", "ext4", "efivarfs"];

const FAMILIES: [(&str, i32); 4] = [
    ("AF_INET6", libc::AF_INET6),
    ("AF_PACKET", libc::AF_PACKET),
    ("AF_ALG", libc::AF_ALG),
    ("AF_KEY", libc::AF_KEY),
];

const PATHS: [&str; 9] = [
    "/dev/mem",
    "/dev/port",
    "/proc/kcore",
    "/proc/kallsyms",
    "/proc/modules",
    "/proc/sysrq-trigger",
    "/proc/config.gz",
    "/proc/sys/kernel/modprobe",
    "/proc/sys/kernel/core_pattern",
];

/// `mov eax, 1; xor ebx, ebx; int 0x80`: ends with 0 where system calls of 32 bits are.
const EXIT_BY_INTERRUPT: &[u8] = b"\xb8\x01\0\0\0\x31\xdb\xcd\x80";
/// `mov eax, 60; xor edi, edi; syscall`.
const EXIT: &[u8] = b"\xb8\x3c\0\0\0\x31\xff\x0f\x05";
const KILLED_BY_FAULT: i32 = 128 + libc::SIGSEGV;

pub(crate) fn trials() -> Vec<Trial> {
    vec![trial("kernel::what_is_off_is_not_there", what_is_off_is_not_there)]
}

async fn what_is_off_is_not_there() {
    let probe = Probe::start(tempfile::tempdir().unwrap(), Settings::default()).await;
    let calls = CALLS.map(|(name, number)| (name, number.to_string(), libc::ENOSYS));
    let devices = DEVICES.map(|(name, numbers)| (name, numbers.to_owned(), libc::ENXIO));
    let file_systems = FILE_SYSTEMS.map(|name| (name, name.to_owned(), libc::ENODEV));
    let families = FAMILIES.map(|(name, number)| (name, number.to_string(), libc::EAFNOSUPPORT));
    let paths = PATHS.map(|path| (path, path.to_owned(), libc::ENOENT));
    let programs = [
        ("a program of 32 bits", hex(&elf_32(EXIT_BY_INTERRUPT)), libc::ENOEXEC),
        ("a call of 32 bits", hex(&elf_64(EXIT_BY_INTERRUPT)), KILLED_BY_FAULT),
    ];
    let mut wrong = Vec::new();
    for (kind, things) in [
        ("calls", &calls[..]),
        ("devices", &devices),
        ("mounts", &file_systems),
        ("families", &families),
        ("paths", &paths),
        ("programs", &programs),
    ] {
        wrong.extend(other_answers(&probe, kind, things).await);
    }
    assert!(wrong.is_empty(), "{wrong:#?}");

    // What is there answers otherwise, so that the attempts above tell something.
    let number = |number: i64| number.to_string();
    for (kind, things) in [
        (
            "calls",
            vec![("getpid", number(libc::SYS_getpid), 0), ("pipe", number(libc::SYS_pipe), libc::EFAULT)],
        ),
        ("devices", vec![("null", "1:3".to_owned(), 0)]),
        ("mounts", vec![("tmpfs", "tmpfs".to_owned(), 0)]),
        ("families", vec![("AF_INET", libc::AF_INET.to_string(), 0)]),
        ("paths", vec![("/dev/nsm", "/dev/nsm".to_owned(), 0)]),
        ("programs", vec![("a program", hex(&elf_64(EXIT)), 0)]),
    ] {
        let wrong = other_answers(&probe, kind, &things).await;
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}

/// Has each thing tried; which of them the kernel answered otherwise than expected, and how.
async fn other_answers(probe: &Probe, kind: &str, things: &[(&str, String, i32)]) -> Vec<String> {
    let words: Vec<&str> = things.iter().map(|(_, word, _)| word.as_str()).collect();
    let answer = probe.ask(&format!("try {kind} {}", words.join(" "))).await;
    let answers: Vec<Value> = serde_json::from_value(answer.clone()).unwrap_or_else(|_| panic!("{answer}"));
    assert_eq!(answers.len(), things.len());
    let other = things.iter().zip(answers).filter(|((_, _, expected), answer)| answer != expected);
    other.map(|((name, _, expected), answer)| format!("{name}: {answer}, not {expected}")).collect()
}

fn hex(bytes: &[u8]) -> String {
    cape_core::encoding::hex::encode(bytes)
}

/// A program of this code (System V ABI, chapter 4): a header, one segment, which is the whole file.
fn elf_64(code: &[u8]) -> Vec<u8> {
    let (base, headers) = (0x40_0000_u64, 64 + 56);
    let size = headers + code.len() as u64;
    let mut file = b"\x7fELF\x02\x01\x01".to_vec();
    file.resize(16, 0);
    file.extend([2_u16, 62].map(u16::to_le_bytes).concat());
    file.extend(1_u32.to_le_bytes());
    file.extend([base + headers, 64, 0].map(u64::to_le_bytes).concat());
    file.extend(0_u32.to_le_bytes());
    file.extend([64_u16, 56, 1, 0, 0, 0].map(u16::to_le_bytes).concat());
    file.extend([1_u32, 5].map(u32::to_le_bytes).concat());
    file.extend([0, base, base, size, size, 0x1000].map(u64::to_le_bytes).concat());
    [&file, code].concat()
}

/// The same for 80386.
fn elf_32(code: &[u8]) -> Vec<u8> {
    let (base, headers) = (0x40_0000_u32, 52 + 32);
    let size = headers + code.len() as u32;
    let mut file = b"\x7fELF\x01\x01\x01".to_vec();
    file.resize(16, 0);
    file.extend([2_u16, 3].map(u16::to_le_bytes).concat());
    file.extend([1, base + headers, 52, 0, 0].map(u32::to_le_bytes).concat());
    file.extend([52_u16, 32, 1, 0, 0, 0].map(u16::to_le_bytes).concat());
    file.extend([1, 0, base, base, size, size, 5, 0x1000].map(u32::to_le_bytes).concat());
    [&file, code].concat()
}
