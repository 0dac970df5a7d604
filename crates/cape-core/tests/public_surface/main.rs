//! The public surface, as text: `surface.txt` beside this file is what a user of the crate can name, each
//! module with its items, their public fields and methods, and the traits they implement;
//! `surface_of_cape_eif.txt` and `surface_of_cape_nsm.txt` are those of the other two.
//!
//! A change of it is a change for somebody: it is seen here, and accepted by running the test with
//! `ACCEPT=1` in the environment.

mod source;

use std::path::{Path, PathBuf};
use std::{env, fs};

use source::Crate;

fn folder_of(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(name)
}

#[test]
fn it_is_the_one_that_was_accepted() {
    for (name, file) in [
        ("cape-core", "surface.txt"),
        ("cape-eif", "surface_of_cape_eif.txt"),
        ("cape-nsm", "surface_of_cape_nsm.txt"),
    ] {
        let surface = Crate::read(&name.replace('-', "_"), &folder_of(name).join("src")).surface();
        let accepted = folder_of("cape-core").join("tests/public_surface").join(file);
        if env::var_os("ACCEPT").is_some() {
            fs::write(&accepted, &surface).unwrap();
        }
        let expected = fs::read_to_string(&accepted).unwrap();
        let changed = changes(&expected, &surface);
        assert!(
            changed.is_empty(),
            "the public surface of {name} has changed (ACCEPT=1 accepts it):\n{}",
            changed.join("\n")
        );
    }
}

/// The lines from the first in which two texts differ to the last.
fn changes(before: &str, after: &str) -> Vec<String> {
    let (before, after): (Vec<_>, Vec<_>) = (before.lines().collect(), after.lines().collect());
    let same = before.iter().zip(&after).take_while(|(old, new)| old == new).count();
    let (before, after) = (&before[same..], &after[same..]);
    let same_at_the_end =
        before.iter().rev().zip(after.iter().rev()).take_while(|(old, new)| old == new).count();
    let marked = |lines: &[&str], mark: char| {
        let lines = &lines[..lines.len() - same_at_the_end];
        lines.iter().map(|line| format!("{mark} {line}")).collect::<Vec<_>>()
    };
    [marked(before, '-'), marked(after, '+')].concat()
}

#[test]
fn what_stands_there_twice_is_missed_when_one_of_it_goes() {
    let before = "impl A {\n    pub fn code() {}\n}\nimpl B {\n    pub fn code() {}\n}\n";
    let after = "impl A {\n    pub fn code() {}\n}\nimpl B {\n}\n";
    assert_eq!(changes(before, after), ["-     pub fn code() {}"]);
    assert_eq!(changes(after, before), ["+     pub fn code() {}"]);
    assert_eq!(changes("a\nb\n", "b\na\n"), ["- a", "- b", "+ b", "+ a"]);
    assert!(changes(before, before).is_empty());
}

/// A type that can be printed has been looked at: it either holds no secret, or is shown without it
/// (`no_secret_is_shown.rs` of each crate).
#[test]
fn every_type_that_can_be_printed_is_known_to_show_no_secret() {
    for (name, tests) in [
        ("cape-core", "no_secret_is_shown.rs"),
        ("cape-eif", "no_secret_is_shown.rs"),
        ("cape-nsm", "nsm/no_secret_is_shown.rs"),
    ] {
        let folder = folder_of(name);
        let printed = Crate::read(name, &folder.join("src")).printed_types();
        let looked_at = fs::read_to_string(folder.join("tests").join(tests)).unwrap();
        let unknown: Vec<_> =
            printed.iter().filter(|name| !looked_at.contains(&format!("{name:?}"))).collect();
        assert!(unknown.is_empty(), "these can be printed, and nobody looked at them: {unknown:?}");
    }
}
