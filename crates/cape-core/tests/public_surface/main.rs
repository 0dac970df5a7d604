//! The public surface, as text: `surface.txt` beside this file is what a user of the crate can name, each
//! module with its items, their public fields and methods, and the traits they implement.
//!
//! A change of it is a change for somebody: it is seen here, and accepted by running the test with
//! `ACCEPT=1` in the environment.

mod source;

use std::path::Path;
use std::{env, fs};

use source::Crate;

#[test]
fn it_is_the_one_that_was_accepted() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let accepted = folder.join("tests/public_surface/surface.txt");
    let surface = Crate::read(&folder.join("src")).surface();
    if env::var_os("ACCEPT").is_some() {
        fs::write(&accepted, &surface).unwrap();
    }
    let expected = fs::read_to_string(&accepted).unwrap();
    let changed = changes(&expected, &surface);
    assert!(
        changed.is_empty(),
        "the public surface has changed (ACCEPT=1 accepts it):\n{}",
        changed.join("\n")
    );
}

/// The lines that only one of the texts has.
fn changes(before: &str, after: &str) -> Vec<String> {
    let only = |text: &str, other: &str, mark: char| {
        let other: Vec<_> = other.lines().collect();
        let lines = text.lines().filter(|line| !other.contains(line));
        lines.map(|line| format!("{mark} {line}")).collect::<Vec<_>>()
    };
    [only(before, after, '-'), only(after, before, '+')].concat()
}

/// A type that can be printed has been looked at: it either holds no secret, or is shown without it
/// (`tests/no_secret_is_shown.rs`).
#[test]
fn every_type_that_can_be_printed_is_known_to_show_no_secret() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let printed = Crate::read(&folder.join("src")).printed_types();
    let looked_at = fs::read_to_string(folder.join("tests/no_secret_is_shown.rs")).unwrap();
    for name in printed {
        assert!(looked_at.contains(&format!("{name:?}")), "{name} can be printed, and nobody looked at it");
    }
}
