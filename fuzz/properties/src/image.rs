//! Enclave images: what is read has each byte in its place and is measured as the specification says, and
//! what has nothing of other tools in it is written with the same bytes.

use std::io::{Cursor, Write};

use cape_core::crypto::sha384;
use cape_eif::{Description, Image, ImageWriter, Section, SectionKind};

pub(crate) const IMAGES: [&[u8]; 2] = [
    include_bytes!("../../../crates/cape-eif/tests/eif/data/nitro_cli.eif"),
    include_bytes!("../../../crates/cape-eif/tests/eif/data/tiny.eif"),
];

pub(crate) fn check(input: &[u8]) {
    check_as_it_is(input);
    // Whoever alters an image makes its checksum right.
    if input.len() >= 548 {
        let mut crc = crc32fast::Hasher::new();
        crc.update(&input[..544]);
        crc.update(&input[548..]);
        check_as_it_is(&[&input[..544], &crc.finalize().to_be_bytes(), &input[548..]].concat());
    }
}

fn check_as_it_is(input: &[u8]) {
    let Ok(image) = Image::read(input) else { return };
    let mut end = 548;
    let mut ramdisks = Vec::new();
    for section in image.sections() {
        assert_eq!(section.offset, end + 12, "no gap and no overlap");
        end = section.offset + section.size;
        if section.kind == SectionKind::Ramdisk {
            ramdisks.push(content(input, section));
        }
    }
    assert_eq!(end, input.len() as u64, "nothing behind the last section");

    let [kernel, command_line] = [0, 1].map(|index| content(input, &image.sections()[index]));
    let measurements = image.measurements();
    let first = [kernel, command_line, ramdisks[0]].concat();
    let others = ramdisks[1..].concat();
    assert_eq!(measurements.pcr0, extended(&[first.as_slice(), &others].concat()));
    assert_eq!(measurements.pcr1, extended(&first));
    assert_eq!(measurements.pcr2, extended(&others));
    let certificate = image.signature().map(|signature| extended(signature.certificate().der()));
    assert_eq!(measurements.pcr8, certificate.unwrap_or([0; 48]));

    let metadata = serde_json::to_vec(image.metadata()).expect("what was read can be written");
    // A writer leaves room for a signature, where another tool may have put a ramdisk.
    let is_ours = image.signature().is_none() && image.sections().len() < 32;
    if is_ours && metadata == content(input, &image.sections()[2]) {
        assert!(written(&image, kernel, &ramdisks) == input, "an image has one form");
    }
}

fn content<'a>(image: &'a [u8], section: &Section) -> &'a [u8] {
    let (offset, size) = (section.offset as usize, section.size as usize);
    &image[offset..offset + size]
}

fn extended(measured: &[u8]) -> [u8; 48] {
    sha384(&[&[0; 48], &sha384(&[measured])])
}

fn written(image: &Image, kernel: &[u8], ramdisks: &[&[u8]]) -> Vec<u8> {
    let description = Description {
        architecture: image.architecture(),
        default_memory: image.default_memory(),
        default_cpus: image.default_cpus(),
        command_line: image.command_line().clone(),
        metadata: image.metadata().clone(),
    };
    let mut output = Cursor::new(Vec::new());
    let mut writer = ImageWriter::new(&mut output, description, kernel).expect("an image");
    for ramdisk in ramdisks {
        writer = writer.ramdisk(|out| out.write_all(ramdisk)).expect("an image");
    }
    writer.finish(None).expect("an image");
    output.into_inner()
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    IMAGES.map(<[u8]>::to_vec).to_vec()
}
