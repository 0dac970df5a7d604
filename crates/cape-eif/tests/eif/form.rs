//! Each rule of form, by an image that breaks it and has the checksum of its own bytes.

use std::io::{self, Cursor, Read};

use cape_eif::{CommandLine, Error, Image, ImageWriter, SectionKind, WriteError};

use crate::support::{description, read, tiny, tiny_signed, with_crc};

/// The image with these bytes at that place.
fn altered(image: Vec<u8>, offset: usize, bytes: &[u8]) -> Error {
    let mut image = image;
    image[offset..offset + bytes.len()].copy_from_slice(bytes);
    read(&with_crc(image)).unwrap_err()
}

fn section(image: &[u8], index: usize) -> usize {
    usize::try_from(read(image).unwrap().sections()[index].offset).unwrap() - 12
}

#[test]
fn the_header_says_what_it_is() {
    assert!(matches!(altered(tiny(), 0, b".elf"), Error::Magic { found } if found == *b".elf"));
    assert!(matches!(altered(tiny(), 4, &[0, 3]), Error::Version { found: 3 }));
    assert!(matches!(altered(tiny(), 6, &[0, 3]), Error::Flags { found: 3 }));
    assert!(matches!(altered(tiny(), 6, &[0, 2]), Error::Flags { found: 2 }));
}

#[test]
fn what_is_not_used_is_zero() {
    assert!(matches!(altered(tiny(), 24, &[1]), Error::Reserved { offset: 24, found: 256 }));
    // The places of a sixth section, of which there are five.
    assert!(matches!(altered(tiny(), 28 + 5 * 8 + 7, &[1]), Error::Reserved { offset: 68, found: 1 }));
    assert!(matches!(altered(tiny(), 284 + 5 * 8 + 7, &[1]), Error::Reserved { offset: 324, found: 1 }));
    assert!(matches!(altered(tiny(), 540, &[1]), Error::Reserved { offset: 540, .. }));
    assert!(matches!(altered(tiny(), 550, &[1]), Error::Reserved { offset: 550, found: 256 }));
}

#[test]
fn there_are_four_to_thirty_two_sections() {
    for found in [0, 3, 33, 0xffff] {
        let error = altered(tiny(), 26, &u16::to_be_bytes(found));
        assert!(matches!(error, Error::SectionCount { found: count } if count == found), "{error:?}");
    }
}

#[test]
fn sections_follow_each_other_without_a_gap() {
    let error = altered(tiny(), 28, &549_u64.to_be_bytes());
    assert!(matches!(error, Error::SectionOffset { section: 0, expected: 548, found: 549 }));
    let error = altered(tiny(), 36, &548_u64.to_be_bytes());
    assert!(matches!(error, Error::SectionOffset { section: 1, expected: 566, found: 548 }));
    let error = altered(tiny(), 36, &u64::MAX.to_be_bytes());
    assert!(matches!(error, Error::SectionOffset { section: 1, found: u64::MAX, .. }));
}

#[test]
fn a_section_has_the_size_of_the_header() {
    let error = altered(tiny(), 548 + 4, &7_u64.to_be_bytes());
    assert!(matches!(error, Error::SectionSize { section: 0, offset: 548, expected: 6, found: 7 }));
}

#[test]
fn sections_are_in_their_order() {
    let image = tiny();
    for (index, expected, found) in [
        (0, SectionKind::Kernel, 3),
        (1, SectionKind::CommandLine, 5),
        (2, SectionKind::Metadata, 2),
        (2, SectionKind::Metadata, 3),
        // The first ramdisk cannot be left out.
        (3, SectionKind::Ramdisk, 4),
        (3, SectionKind::Ramdisk, 1),
        (4, SectionKind::Ramdisk, 0),
        (4, SectionKind::Ramdisk, 6),
    ] {
        let offset = section(&image, index);
        let error = altered(image.clone(), offset, &u16::to_be_bytes(found));
        assert!(
            matches!(error, Error::SectionKind { section, expected: kind, found: id, .. }
                if section == index && kind == expected && id == found),
            "{error:?}"
        );
    }
}

#[test]
fn a_signature_comes_last_and_once() {
    let image = tiny_signed();
    let last = section(&image, 5);
    let kind = altered(image.clone(), last, &[0, 1]);
    assert!(matches!(kind, Error::SectionKind { section: 5, expected: SectionKind::Ramdisk, found: 1, .. }));
    let before = altered(image.clone(), section(&image, 4), &[0, 4]);
    assert!(matches!(
        before,
        Error::SectionKind { section: 4, expected: SectionKind::Ramdisk, found: 4, .. }
    ));
    // A ramdisk in its place is measured.
    let mut replaced = image.clone();
    replaced[last + 1] = 3;
    let (image, replaced) = (read(&image).unwrap(), read(&with_crc(replaced)).unwrap());
    assert_ne!(image.measurements().pcr0, replaced.measurements().pcr0);
    assert_eq!(image.measurements().pcr1, replaced.measurements().pcr1);
    assert!(replaced.signature().is_none());
}

/// A header alone that promises more than there is: nothing is allocated for the promise.
#[test]
fn sizes_are_not_believed() {
    for (section, size, limit) in [
        (0, u64::MAX, 1 << 40),
        (0, (1 << 40) + 1, 1 << 40),
        (1, 2048, 2047),
        (2, (1 << 20) + 1, 1 << 20),
        (5, (1 << 16) + 1, 1 << 16),
    ] {
        let mut image = tiny_signed();
        // The table and the section say it, and what follows has moved.
        let begin = self::section(&image, section);
        image[284 + section * 8..][..8].copy_from_slice(&size.to_be_bytes());
        image[begin + 4..][..8].copy_from_slice(&size.to_be_bytes());
        let mut offset = 548_u64;
        for index in 0..6 {
            image[28 + index * 8..][..8].copy_from_slice(&offset.to_be_bytes());
            let size: [u8; 8] = image[284 + index * 8..][..8].try_into().unwrap();
            offset = offset.saturating_add(12).saturating_add(u64::from_be_bytes(size));
        }
        let error = read(&image).unwrap_err();
        assert!(
            matches!(error, Error::TooLarge { section: index, found, limit: most }
                if index == section && found == size && most == limit),
            "{error:?}"
        );
    }
    let mut image = tiny();
    image[284 + 4 * 8..][..8].copy_from_slice(&(1_u64 << 40).to_be_bytes());
    let last = section(&tiny(), 4);
    image[last + 4..][..8].copy_from_slice(&(1_u64 << 40).to_be_bytes());
    let end = u64::try_from(image.len()).unwrap();
    assert!(matches!(read(&image), Err(Error::Truncated { offset }) if offset == end));
}

#[test]
fn nothing_follows_the_last_section() {
    let mut image = tiny();
    let end = u64::try_from(image.len()).unwrap();
    image.push(0);
    assert!(matches!(read(&image), Err(Error::TrailingBytes { offset }) if offset == end));
}

#[test]
fn a_command_line_has_no_nul() {
    let image = tiny();
    let offset = section(&image, 1) + 12;
    assert!(matches!(altered(image.clone(), offset, &[0]), Error::CommandLine(_)));
    assert!(matches!(altered(image, offset, &[0xff]), Error::CommandLine(_)));
}

/// A file of several GB passes through a reader that gives a byte, then many, then is interrupted.
#[test]
fn input_may_come_as_it_likes() {
    struct Bursts<'a>(&'a [u8], usize);
    impl Read for Bursts<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.1 += 1;
            match self.1 % 3 {
                0 => Err(io::ErrorKind::Interrupted.into()),
                1 => self.0.read(&mut buffer[..1]),
                _ => self.0.read(&mut buffer[..7]),
            }
        }
    }
    assert_eq!(Image::read(Bursts(&tiny(), 0)).unwrap(), read(&tiny()).unwrap());
}

#[test]
fn an_error_of_the_disk_is_told_as_that() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("a bad block"))
        }
    }
    let halfway = Image::read(tiny()[..600].chain(Broken));
    assert!(matches!(halfway, Err(Error::Io(error)) if error.to_string() == "a bad block"));
    let kernel = ImageWriter::new(Cursor::new(Vec::new()), description(), Broken);
    assert!(matches!(kernel, Err(WriteError::Io(error)) if error.to_string() == "a bad block"));
}

#[test]
fn a_writer_leaves_out_nothing_that_an_image_needs() {
    let writer = || ImageWriter::new(Cursor::new(Vec::new()), description(), &b"kernel"[..]).unwrap();
    assert!(matches!(writer().finish(None), Err(WriteError::NoRamdisk)));
    let full = (0..28).fold(writer(), |image, _| image.ramdisk(|_| Ok(())).unwrap());
    assert!(matches!(full.ramdisk(|_| Ok(())), Err(WriteError::TooManyRamdisks)));
    let broken = writer().ramdisk(|_| Err(io::Error::other("the archive is broken")));
    assert!(matches!(broken, Err(WriteError::Io(error)) if error.to_string() == "the archive is broken"));
}

#[test]
fn the_most_ramdisks_have_room_for_a_signature() {
    let ramdisks: Vec<&[u8]> = vec![b"x"; 28];
    let image = crate::support::written(description(), b"", &ramdisks, Some(&crate::support::signer()));
    assert_eq!(read(&image).unwrap().sections().len(), 32);
}

#[test]
fn the_longest_command_line_is_read_again() {
    let mut longest = description();
    longest.command_line = "a".repeat(CommandLine::MAX_BYTES).parse().unwrap();
    let image = crate::support::written(longest.clone(), b"kernel", &[b"init"], None);
    assert_eq!(read(&image).unwrap().command_line(), &longest.command_line);
}
