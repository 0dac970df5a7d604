//! Every seed, and every input that ever broke a property, is checked in each run of the tests.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use cape_properties::TARGETS;

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn names_in(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

fn targets() -> BTreeSet<String> {
    TARGETS.iter().map(|target| target.name.to_owned()).collect()
}

#[test]
fn seeds_hold() {
    for target in TARGETS {
        let seeds = (target.seeds)();
        assert!(!seeds.is_empty(), "{} has no seeds", target.name);
        seeds.iter().for_each(|seed| (target.check)(seed));
    }
}

#[test]
fn seeds_that_are_cut_or_altered_hold() {
    for target in TARGETS {
        for seed in (target.seeds)() {
            for step in 1..16 {
                let position = seed.len() * step / 16;
                (target.check)(&seed[..position]);
                let mut altered = seed.clone();
                if let Some(byte) = altered.get_mut(position) {
                    *byte ^= 1 << (step % 8);
                }
                (target.check)(&altered);
            }
        }
    }
}

#[test]
fn what_was_found_stays_mended() {
    let regressions = fuzz().join("regressions");
    assert!(names_in(&regressions).is_subset(&targets()), "a folder of regressions without a target");
    for target in TARGETS {
        let folder = regressions.join(target.name);
        for name in folder.is_dir().then(|| fs::read_dir(folder).unwrap()).into_iter().flatten() {
            (target.check)(&fs::read(name.unwrap().path()).unwrap());
        }
    }
}

#[test]
fn each_property_has_a_fuzz_target() {
    assert_eq!(names_in(&fuzz().join("fuzz_targets")), targets());
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    for target in TARGETS {
        let name = target.name;
        assert!(
            manifest.contains(&format!("name = \"{name}\"\npath = \"fuzz_targets/{name}.rs\"\n")),
            "{name}"
        );
        let source = fs::read_to_string(fuzz().join(format!("fuzz_targets/{name}.rs"))).unwrap();
        assert!(source.contains(&format!("cape_properties::check(\"{name}\", data)")), "{name}");
    }
}
