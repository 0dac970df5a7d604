use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA384, digest};
use cape_nsm::{MeasuredFiles, MeasurementError, Measurements};

use crate::support::Folder;

/// A small installation.
struct Installation(Folder);

impl Installation {
    fn new() -> Self {
        let installation = Self(Folder::new());
        installation.write("bin/cape-enclave", b"runtime");
        installation.write("settings.toml", b"mode = \"development\"");
        installation.write("bin/python3.11", b"interpreter");
        installation.write("lib/libpython3.11.so.1.0", b"library");
        installation.write("lib/python3.11/os.py", b"import sys");
        installation.write("lib/python3.11/json/__init__.py", b"");
        installation.write("lib/python3.11/json/decoder.py", b"decode");
        installation.write("lib/python3.11/lib-dynload/_json.so", b"ELF");
        installation
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn write(&self, name: &str, content: &[u8]) {
        write(&self.path(name), content);
    }

    fn measure(&self) -> Result<Measurements, MeasurementError> {
        Measurements::of(&MeasuredFiles {
            runtime: &self.path("bin/cape-enclave"),
            settings: &self.path("settings.toml"),
            interpreter: &self.path("bin/python3.11"),
            standard_library: &self.path("lib/python3.11"),
        })
    }

    fn measured(&self) -> Measurements {
        self.measure().unwrap()
    }
}

fn write(path: &Path, content: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

fn sha384(parts: &[&[u8]]) -> [u8; 48] {
    digest(&SHA384, &parts.concat()).as_ref().try_into().unwrap()
}

#[test]
fn it_is_what_its_documentation_says() {
    let part = |name: &str, content: &[u8]| {
        let mut part = vec![1];
        part.extend((name.len() as u64).to_be_bytes());
        part.extend(name.as_bytes());
        part.extend((content.len() as u64).to_be_bytes());
        part.extend(content);
        part
    };
    let label = b"cape/2 measurement";
    let platform =
        sha384(&[label, &part("runtime", b"runtime"), &part("settings", b"mode = \"development\"")]);
    let python = sha384(&[
        label,
        &part("interpreter", b"interpreter"),
        &part("library/libpython3.11.so.1.0", b"library"),
        &part("standard-library/json/__init__.py", b""),
        &part("standard-library/json/decoder.py", b"decode"),
        &part("standard-library/lib-dynload/_json.so", b"ELF"),
        &part("standard-library/os.py", b"import sys"),
    ]);
    let expected = Measurements {
        pcr0: sha384(&[&[0; 48], &sha384(&[&platform, &python])]),
        pcr1: sha384(&[&[0; 48], &platform]),
        pcr2: sha384(&[&[0; 48], &python]),
    };
    assert_eq!(Installation::new().measured(), expected);
}

#[test]
fn place_time_and_order_make_no_difference() {
    let one = Installation::new();
    let other = Installation(Folder::new());
    for name in [
        "lib/python3.11/os.py",
        "lib/python3.11/lib-dynload/_json.so",
        "lib/python3.11/json/decoder.py",
        "lib/python3.11/json/__init__.py",
        "lib/libpython3.11.so.1.0",
        "bin/python3.11",
        "settings.toml",
        "bin/cape-enclave",
    ] {
        other.write(name, &fs::read(one.path(name)).unwrap());
    }
    fs::File::open(other.path("lib/python3.11/os.py")).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
    assert_eq!(one.measured(), other.measured());
    assert_eq!(one.measured(), one.measured());
}

/// What a change of the installation changes.
#[derive(Debug, PartialEq)]
enum Changed {
    Nothing,
    Platform,
    Python,
}

fn effect_of(change: impl FnOnce(&Installation)) -> Changed {
    let installation = Installation::new();
    let before = installation.measured();
    change(&installation);
    let after = installation.measured();
    let changed = [after.pcr0 != before.pcr0, after.pcr1 != before.pcr1, after.pcr2 != before.pcr2];
    match changed {
        [false, false, false] => Changed::Nothing,
        [true, true, false] => Changed::Platform,
        [true, false, true] => Changed::Python,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_part_counts() {
    for (name, expected) in [
        ("bin/cape-enclave", Changed::Platform),
        ("settings.toml", Changed::Platform),
        ("bin/python3.11", Changed::Python),
        ("lib/libpython3.11.so.1.0", Changed::Python),
        ("lib/libpython3.11.so", Changed::Python), // new
        ("lib/python3.11/os.py", Changed::Python),
        ("lib/python3.11/json/__init__.py", Changed::Python),
        ("lib/python3.11/lib-dynload/_json.so", Changed::Python),
        ("lib/python3.11/new.py", Changed::Python),
        ("lib/python3.11/.hidden", Changed::Python),
        ("lib/python3.11/sourceless.pyc", Changed::Python),
        ("lib/python3.11/json/site-packages/module.py", Changed::Python),
        ("lib/python3.11/__pycache__/os.cpython-311.pyc", Changed::Nothing),
        ("lib/python3.11/json/__pycache__/decoder.cpython-311.pyc", Changed::Nothing),
        ("lib/python3.11/site-packages/module.py", Changed::Nothing),
        ("lib/libpython3.12.so.1.0", Changed::Nothing),
        ("lib/python3.12/os.py", Changed::Nothing),
    ] {
        assert_eq!(effect_of(|installation| installation.write(name, b"changed")), expected, "{name}");
    }
}

#[test]
fn a_missing_or_renamed_file_counts() {
    let removed = effect_of(|installation| {
        fs::remove_file(installation.path("lib/python3.11/json/decoder.py")).unwrap();
    });
    assert_eq!(removed, Changed::Python);
    let renamed = effect_of(|installation| {
        fs::rename(
            installation.path("lib/python3.11/json/decoder.py"),
            installation.path("lib/python3.11/json/encoder.py"),
        )
        .unwrap();
    });
    assert_eq!(renamed, Changed::Python);
    let moved = effect_of(|installation| {
        fs::rename(
            installation.path("lib/python3.11/json/decoder.py"),
            installation.path("lib/python3.11/decoder.py"),
        )
        .unwrap();
    });
    assert_eq!(moved, Changed::Python);
}

#[test]
fn contents_cannot_change_places() {
    let exchanged = effect_of(|installation| {
        installation.write("bin/cape-enclave", b"mode = \"development\"");
        installation.write("settings.toml", b"runtime");
    });
    assert_eq!(exchanged, Changed::Platform);
    let shifted = effect_of(|installation| {
        installation.write("bin/cape-enclave", b"runtimemode");
        installation.write("settings.toml", b" = \"development\"");
    });
    assert_eq!(shifted, Changed::Platform);
}

#[test]
fn a_file_cannot_stand_for_two() {
    let part = |name: &str, content: &[u8]| {
        let length = |bytes: &[u8]| (bytes.len() as u64).to_be_bytes();
        [&[1], &length(name.as_bytes())[..], name.as_bytes(), &length(content), content].concat()
    };
    let one = Installation::new();
    one.write("lib/python3.11/a.py", b"first");
    one.write("lib/python3.11/b.py", b"second");
    let other = Installation::new();
    let content = [b"first".to_vec(), part("standard-library/b.py", b"second")].concat();
    other.write("lib/python3.11/a.py", &content);
    assert_ne!(one.measured(), other.measured());
}

#[test]
fn names_need_not_be_text() {
    let changed = effect_of(|installation| {
        let name = OsStr::from_bytes(b"\xff\xfe.py");
        fs::write(installation.path("lib/python3.11").join(name), b"odd").unwrap();
    });
    assert_eq!(changed, Changed::Python);
}

#[test]
fn a_link_counts_as_what_it_leads_to() {
    let copied = Installation::new();
    copied.write("lib/python3.11/site.py", b"content");
    copied.write("lib/python3.11/folder/module.py", b"module");
    let linked = Installation::new();
    linked.write("elsewhere/site.py", b"content");
    linked.write("elsewhere/folder/module.py", b"module");
    symlink(linked.path("elsewhere/site.py"), linked.path("lib/python3.11/site.py")).unwrap();
    symlink("../../elsewhere/folder", linked.path("lib/python3.11/folder")).unwrap();
    assert_eq!(copied.measured(), linked.measured());

    linked.write("elsewhere/site.py", b"changed");
    assert_ne!(copied.measured(), linked.measured());
}

#[test]
fn the_installation_may_be_reached_through_links() {
    let installation = Installation::new();
    fs::create_dir(installation.path("venv")).unwrap();
    symlink("../bin/python3.11", installation.path("venv/python")).unwrap();
    symlink("../lib/python3.11", installation.path("venv/library")).unwrap();
    let measured = Measurements::of(&MeasuredFiles {
        runtime: &installation.path("bin/cape-enclave"),
        settings: &installation.path("settings.toml"),
        interpreter: &installation.path("venv/python"),
        standard_library: &installation.path("venv/library"),
    });
    assert_eq!(measured.unwrap(), installation.measured());
}

#[test]
fn a_link_to_nothing_counts_as_itself() {
    let link_to = |target: &str| {
        let installation = Installation::new();
        symlink(target, installation.path("lib/python3.11/nothing.py")).unwrap();
        installation.measured()
    };
    let as_file = Installation::new();
    as_file.write("lib/python3.11/nothing.py", b"/nowhere/a");
    assert_eq!(link_to("/nowhere/a"), link_to("/nowhere/a"));
    assert_ne!(link_to("/nowhere/a"), link_to("/nowhere/b"));
    assert_ne!(link_to("/nowhere/a"), as_file.measured());
    assert_ne!(link_to("/nowhere/a"), Installation::new().measured());
}

#[test]
fn links_in_a_circle_are_refused() {
    let installation = Installation::new();
    symlink(".", installation.path("lib/python3.11/circle")).unwrap();
    assert!(matches!(installation.measure(), Err(MeasurementError::TooDeep { .. })));
}

#[test]
fn what_is_no_file_is_refused() {
    let installation = Installation::new();
    let path = installation.path("lib/python3.11/socket");
    let _listener = UnixListener::bind(&path).unwrap();
    assert!(
        matches!(installation.measure(), Err(MeasurementError::Special { path: named }) if named == path)
    );

    let installation = Installation::new();
    fs::remove_file(installation.path("settings.toml")).unwrap();
    fs::create_dir(installation.path("settings.toml")).unwrap();
    assert!(matches!(installation.measure(), Err(MeasurementError::Special { .. })));
}

#[test]
fn a_missing_part_is_named() {
    for name in ["bin/cape-enclave", "settings.toml", "bin/python3.11", "lib/python3.11"] {
        let installation = Installation::new();
        fs::rename(installation.path(name), installation.path("away")).unwrap();
        let error = installation.measure().unwrap_err();
        assert!(
            matches!(&error, MeasurementError::Io { path, .. } if *path == installation.path(name)),
            "{error}"
        );
    }
}
