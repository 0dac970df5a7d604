//! The program as the first process of a machine: as far as a process namespace is one. What comes behind
//! the kernel's own command line is for an enclave that was booted, and its tests
//! (`enclave-runtime/boot-test`).

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Output};

const PROGRAM: &str = env!("CARGO_BIN_EXE_cape-enclave");

/// What a process namespace's first process ends by when it restarts its machine (reboot(2)).
const RESTARTED: Option<i32> = Some(1);

/// Folders that the program may need to run at all.
const SYSTEM: [&str; 5] = ["bin", "lib", "lib64", "sbin", "usr"];

const SETTINGS: &str = "mode = \"development\"\nvault_backends = [\"file\"]\n[isolation]\nrequired = []\n";

/// The root of an image in which the program is both `/init` and a program like others; `None` where there can be none.
fn root() -> Option<tempfile::TempDir> {
    let root = tempfile::tempdir().unwrap();
    for folder in ["cape", "dev"].into_iter().chain(SYSTEM) {
        std::fs::create_dir(root.path().join(folder)).unwrap();
    }
    for (name, content) in
        [("cape/settings.toml", SETTINGS), ("cape/vault.key", &"07".repeat(32)), ("unpacked", "all\n")]
    {
        std::fs::write(root.path().join(name), content).unwrap();
    }
    let tried = in_machine(root.path(), "true");
    if !tried.status.success() {
        eprintln!("skipped: no namespaces: {}", String::from_utf8_lossy(&tried.stderr));
        return None;
    }
    Some(root)
}

/// Runs a program in that root, on a machine of its own, whose first process it is.
fn in_machine(root: &Path, command: &str) -> Output {
    let binds = SYSTEM.map(|folder| {
        format!("[ ! -d /{folder} ] || mount --rbind /{folder} '{}/{folder}'\n", root.display())
    });
    // A copy of the program could not be run while a process that another test starts still has it open for writing.
    let files =
        [("/dev/null", "dev/null"), (PROGRAM, "init"), (PROGRAM, "cape-enclave")].map(|(file, name)| {
            format!("touch '{0}/{name}' && mount --bind '{file}' '{0}/{name}'\n", root.display())
        });
    let script =
        format!("set -e\n{}{}exec chroot '{}' {command}", binds.concat(), files.concat(), root.display());
    Command::new("unshare")
        .args(["--mount", "--pid", "--fork", "--uts", "--net", "--ipc", "sh", "-c", &script])
        .output()
        .unwrap()
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

#[test]
fn another_command_line_ends_the_machine() {
    let Some(root) = root() else { return };
    std::fs::create_dir(root.path().join("rootfs")).unwrap();
    // The kernel gives what it does not know to the first process.
    let output = in_machine(root.path(), "/init nomodules");
    let expected = "cape-enclave: error: the kernel's command line is ";
    assert!(told(&output).starts_with(expected), "{output:?}");
    assert_eq!(output.status.signal(), RESTARTED, "{output:?}");
}

#[test]
fn an_image_that_was_not_unpacked_to_its_end_ends_the_machine() {
    let Some(root) = root() else { return };
    std::fs::create_dir(root.path().join("rootfs")).unwrap();
    std::fs::write(root.path().join("unpacked"), "al").unwrap();
    let output = in_machine(root.path(), "/init");
    let expected = "cape-enclave: error: the kernel did not unpack the image as far as /unpacked: ";
    assert!(told(&output).starts_with(expected), "{output:?}");
    assert_eq!(output.status.signal(), RESTARTED, "{output:?}");
}

/// Another ramdisk can put links into the place of the platform's files, and what they lead to is not measured
/// in PCR1.
#[test]
fn the_images_files_are_not_looked_for_behind_links() {
    let Some(root) = root() else { return };
    std::fs::create_dir(root.path().join("rootfs")).unwrap();
    let elsewhere = root.path().join("rootfs/elsewhere");
    for (linked, told_of) in [
        ("cape/settings.toml", "/cape/settings.toml: there is a link in its path, and none is followed"),
        ("cape/vault.key", "/cape/vault.key: there is a link in its path, and none is followed"),
        ("cape", "/cape/settings.toml: there is a link in its path, and none is followed"),
        ("unpacked", "the kernel did not unpack the image as far as /unpacked: "),
    ] {
        let place = root.path().join(linked);
        std::fs::rename(&place, &elsewhere).unwrap();
        std::os::unix::fs::symlink("/rootfs/elsewhere", &place).unwrap();
        let output = in_machine(root.path(), "/init");
        std::fs::remove_file(&place).unwrap();
        std::fs::rename(&elsewhere, &place).unwrap();
        assert!(
            told(&output).starts_with(&format!("cape-enclave: error: {told_of}")),
            "{linked}: {output:?}"
        );
        assert_eq!(output.status.signal(), RESTARTED, "{linked}: {output:?}");
    }
}

#[test]
fn an_image_without_a_root_ends_the_machine() {
    let Some(root) = root() else { return };
    let output = in_machine(root.path(), "/init");
    assert!(told(&output).starts_with("cape-enclave: error: the image's root: "), "{output:?}");
    assert_eq!(output.status.signal(), RESTARTED, "{output:?}");
}

#[test]
fn the_first_process_of_another_name_is_a_program_like_others() {
    let Some(root) = root() else { return };
    let output = in_machine(root.path(), "/cape-enclave");
    assert_eq!(told(&output), "cape-enclave: error: a command is missing, see --help\n");
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn another_process_of_that_name_is_a_program_like_others() {
    let Some(root) = root() else { return };
    let output = in_machine(root.path(), "sh -c '/init; exit $?'");
    assert_eq!(told(&output), "cape-enclave: error: a command is missing, see --help\n");
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn the_command_line_of_images_is_printed() {
    let output = Command::new(PROGRAM).arg("command-line").output().unwrap();
    let line = String::from_utf8(output.stdout).unwrap();
    assert!(line.starts_with("reboot=k panic=30 ") && line.ends_with(" random.trust_cpu=on\n"), "{line}");
    assert_eq!(line.lines().count(), 1);
    let output = Command::new(PROGRAM).args(["command-line", "--quiet"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn what_an_image_is_to_have_is_checked() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &str| {
        std::fs::write(folder.path().join(name), content).unwrap();
    };
    file("settings.toml", SETTINGS);
    file("production.toml", &SETTINGS.replace("development", "production"));
    file("vault.key", &"07".repeat(32));
    file("short.key", "short");
    file("program.json", r#"{"argv": ["/bin/sh"], "env": {}, "cwd": "/", "uid": 0, "gid": 0}"#);
    file("other.json", "{}");
    let check = |arguments: &[&str]| {
        let mut command = Command::new(PROGRAM);
        command.arg("check-image").args(arguments).current_dir(folder.path()).output().unwrap()
    };
    let served = check(&["--settings", "settings.toml", "--insecure-vault-key", "vault.key"]);
    assert!(served.status.success());
    let needs: serde_json::Value = serde_json::from_slice(&served.stdout).unwrap();
    assert_eq!(needs["interpreters"], "/usr/bin");
    assert!(needs["loader"].as_str().unwrap().starts_with("/lib"));
    assert_eq!(check(&["--program", "program.json"]).stdout, b"{}\n");
    for (arguments, status, reason) in [
        (&["--settings", "production.toml"][..], 78, r#"\"file\" is for development only"#),
        (&["--settings", "settings.toml"], 78, "no vault's key"),
        (
            &["--settings", "settings.toml", "--insecure-vault-key", "short.key"],
            78,
            "short.key is not 64 hex",
        ),
        (&["--settings", "missing.toml"], 78, "the settings missing.toml: No such file"),
        (&["--program", "other.json"], 78, "other.json: missing field"),
        (&["--program", "program.json", "--settings", "settings.toml"], 2, "--settings is wanted, or"),
        (&["--program", "program.json", "--insecure-vault-key", "vault.key"], 2, "--settings is wanted, or"),
        (&[], 2, "--settings is wanted, or"),
    ] {
        let output = check(&[arguments, &["--json"]].concat());
        assert_eq!(output.status.code(), Some(status), "{arguments:?}");
        assert!(told(&output).contains(reason), "{arguments:?}: {}", told(&output));
    }
}
