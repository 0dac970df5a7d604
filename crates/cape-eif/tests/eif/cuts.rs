//! What registers say, and do not, of where one part of an image ends and the next begins
//! (`docs/spec/image.md`, measurements).

use cape_eif::{Description, Measurements};

use crate::support::{description, read, written};

fn measured(kernel: &[u8], line: &str, ramdisks: &[&[u8]]) -> Measurements {
    let description = Description { command_line: line.parse().unwrap(), ..description() };
    read(&written(description, kernel, ramdisks, None)).unwrap().measurements().clone()
}

#[test]
fn a_cut_between_the_first_ramdisks_is_in_pcr1_and_pcr2_alone() {
    let bytes = b"one ramdisk and the other";
    let cut = |place: usize| {
        let (first, second) = bytes.split_at(place);
        measured(b"kernel", "line", &[first, second])
    };
    let whole = cut(11);
    for place in (0..=bytes.len()).filter(|place| *place != 11) {
        let other = cut(place);
        assert_eq!(other.pcr0, whole.pcr0, "{place}");
        assert!(other.pcr1 != whole.pcr1 && other.pcr2 != whole.pcr2, "{place}");
    }
}

#[test]
fn other_cuts_are_in_no_register() {
    let whole = measured(b"kernel", "line", &[b"first", b"second", b"third"]);
    for other in [
        measured(b"ker", "nelline", &[b"first", b"second", b"third"]),
        measured(b"kernelli", "nefi", &[b"rst", b"second", b"third"]),
        measured(b"kernel", "line", &[b"first", b"sec", b"ondthird"]),
        measured(b"kernel", "line", &[b"first", b"secondthird"]),
    ] {
        assert_eq!(other, whole);
    }
}
