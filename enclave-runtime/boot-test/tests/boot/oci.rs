//! Images that were made of a container's: its program, as `tests/images/container_to_boot.py` describes it.

use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::enclave::inspected;
use crate::support::blob_store::BlobStore;
use crate::support::environment;
use crate::support::host::{Hello, Host};
use crate::support::machine::{Machine, Settings};
use crate::support::probe::{ask, call};
use crate::trial;

/// The container's own user runs it, or root does.
const OF_A_USER: &str = "contained";
const OF_ROOT: &str = "contained-by-root";

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("oci::the_program_finds_what_its_container_says", the_program_finds_what_its_container_says),
        trial("oci::roots_program_writes_to_its_root", roots_program_writes_to_its_root),
        trial(
            "oci::under_qemu_the_first_program_may_be_another_one",
            under_qemu_the_first_program_may_be_another_one,
        ),
    ]
}

/// A machine whose program is the container's, and its host.
async fn boot(name: &str) -> (Machine, Host) {
    let folder = tempfile::tempdir().unwrap();
    let host = Host::saying(folder.path(), &BlobStore::default(), Hello::Bytes(vec![]));
    (Machine::start(folder, &environment::image(name), settings()).await, host)
}

fn settings() -> Settings {
    Settings { memory: 256, ..Settings::default() }
}

async fn the_program_finds_what_its_container_says() {
    let (mut machine, host) = boot(OF_A_USER).await;
    let itself = ask(&machine, "itself").await;
    let expected = json!({
        "argv": ["/usr/bin/contained", "one", "two words"],
        "env": {"COLOURS": "blue, green", "HOME": "/srv", "PATH": "/usr/local/bin:/usr/bin"},
        "cwd": "/srv/new/folder",
        "uid": 1000,
        "gid": 1001,
        "groups": [],
        "parent": 1,
    });
    assert_eq!(itself, expected);
    assert_eq!(host.beats(), 1, "before the program begins");

    let refused = json!({"error": "Permission denied (os error 13)"});
    let missing = json!({"error": "No such file or directory (os error 2)"});
    for (line, expected) in [
        // Layers are one upon the other, and files are whose they were.
        ("list /etc", json!(["layer", "passwd"])),
        ("read /etc/layer", json!("above")),
        ("read /srv/private", json!("the user's")),
        ("read /srv/roots", refused.clone()),
        // The platform's own files are nowhere.
        ("list /", json!(["dev", "etc", "proc", "run", "srv", "sys", "tmp", "usr"])),
        ("read /cape/program.json", missing),
        ("read /proc/1/comm", json!("init\n")),
        // What the first process has set.
        ("read /proc/sys/kernel/hostname", json!("enclave\n")),
        ("read /proc/sys/kernel/kptr_restrict", json!("2\n")),
        ("read /proc/sys/fs/protected_fifos", json!("2\n")),
        ("read /proc/sys/fs/protected_hardlinks", json!("1\n")),
        ("read /proc/sys/fs/protected_regular", json!("2\n")),
        ("read /proc/sys/fs/protected_symlinks", json!("1\n")),
        ("read /sys/class/net/lo/flags", json!("0x9\n")),
        // It writes where it may.
        ("write own", json!("written")),
        ("write /tmp/any", json!("written")),
        ("write /dev/shm/any", json!("written")),
        ("write /own", refused.clone()),
        ("write /proc/sys/kernel/hostname", refused.clone()),
        ("write /dev/null", json!("")),
    ] {
        assert_eq!(ask(&machine, line).await, expected, "{line}");
    }
    let limits = ask(&machine, "read /proc/self/limits").await;
    let limits = limits.as_str().unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
    for limit in ["Max open files 1048576 1048576", "Max core file size 0 0"] {
        assert!(limits.contains(limit), "{limits}");
    }
    let status = ask(&machine, "read /proc/self/status").await;
    assert!(status.as_str().unwrap().contains("Umask:\t0022"), "{status}");
    let devices: Vec<String> = serde_json::from_value(ask(&machine, "list /dev").await).unwrap();
    for device in ["console", "fd", "nsm", "null", "random", "shm", "urandom", "vsock", "zero"] {
        assert!(devices.iter().any(|name| name == device), "{device} of {devices:?}");
    }
    // It may ask for documents, whoever runs it.
    assert_eq!(registers(&machine).await, measured(OF_A_USER));
    let orphan = ask(&machine, "orphan").await;
    assert!(orphan["waited_for"].as_u64() > Some(1), "{orphan}");

    call(&machine, "exit 7").await;
    assert!(machine.ended().await.success());
    let console = machine.console();
    assert!(console.contains("cape-enclave: the program ended with exit code 7"), "{console}");
    assert!(console.contains("cape-enclave: the end"), "{console}");
}

async fn roots_program_writes_to_its_root() {
    let (mut machine, host) = boot(OF_ROOT).await;
    assert_eq!(registers(&machine).await, measured(OF_ROOT));
    // Who runs it is measured with the platform.
    assert_ne!(inspected(OF_A_USER)[&1], inspected(OF_ROOT)[&1]);
    let itself = ask(&machine, "itself").await;
    assert_eq!((&itself["uid"], &itself["gid"], &itself["groups"]), (&json!(0), &json!(0), &json!([])));
    assert_eq!(ask(&machine, "write /own").await, "written");
    assert_eq!(ask(&machine, "read /srv/roots").await, "root's");
    // Nobody supervises it: it goes on without its host.
    assert_eq!(host.lines(), Vec::<Value>::new());
    host.crash().await;
    assert_eq!(ask(&machine, "read /srv/private").await, "the user's");

    call(&machine, "kill").await;
    assert!(machine.ended().await.success());
    let console = machine.console();
    assert!(console.contains("cape-enclave: the program was ended by signal 9"), "{console}");
}

/// What the security module tells the program.
async fn registers(machine: &Machine) -> Vec<Vec<u8>> {
    serde_json::from_value(ask(machine, "registers").await).unwrap()
}

/// What `cape image inspect` says that it will tell.
fn measured(image: &str) -> Vec<Vec<u8>> {
    let inspected = inspected(image);
    [0, 1, 2].map(|index| inspected[&index].to_vec()).into()
}

/// What is appended there is not measured: the kernel starts another program of the same image, in whose
/// place ours cannot refuse anything. On Nitro nothing of a host's is appended.
async fn under_qemu_the_first_program_may_be_another_one() {
    let start = |append: &str| {
        let folder = tempfile::tempdir().unwrap();
        let host = Host::saying(folder.path(), &BlobStore::default(), Hello::Bytes(vec![]));
        let settings = Settings { append: format!("{} {append}", settings().append), ..settings() };
        async { (Machine::start(folder, &environment::image(OF_ROOT), settings).await, host) }
    };
    let (machine, host) = start("rdinit=/rootfs/usr/bin/contained").await;
    let itself = ask(&machine, "itself").await;
    assert_eq!((&itself["parent"], &itself["argv"]), (&json!(0), &json!(["/rootfs/usr/bin/contained"])));
    assert_eq!(host.beats(), 0);
    // Where ours is the first it does not go on.
    let (mut machine, host) = start("init=/rootfs/usr/bin/contained").await;
    assert!(machine.ended().await.success());
    assert!(machine.console().contains("the kernel's command line is"), "{}", machine.console());
    assert_eq!(host.beats(), 0);
}
