//! Whatever is altered: an accident is refused by the checksum, and where somebody makes that right,
//! the image is refused, or has other measurements, or is signed by nobody, or says something else of
//! what is not measured.

use cape_eif::{Error, Image, SectionKind};

use crate::support::{now, read, tiny, tiny_signed, with_crc};

fn bits(image: &[u8]) -> impl Iterator<Item = (usize, Vec<u8>)> {
    (0..image.len() * 8).map(|bit| {
        let mut altered = image.to_vec();
        altered[bit / 8] ^= 1 << (bit % 8);
        (bit / 8, altered)
    })
}

#[test]
fn each_truncation_is_refused() {
    for image in [tiny(), tiny_signed()] {
        for length in 0..image.len() {
            let error = read(&image[..length]).unwrap_err();
            let expected = u64::try_from(length).unwrap();
            assert!(
                matches!(error, Error::Truncated { offset } if offset == expected),
                "{length}: {error:?}"
            );
        }
    }
}

#[test]
fn each_bit_that_flips_is_refused() {
    for image in [tiny(), tiny_signed()] {
        for (offset, altered) in bits(&image) {
            assert!(read(&altered).is_err(), "byte {offset}");
        }
    }
}

#[test]
fn each_bit_that_somebody_flips_is_refused_or_told() {
    let image = tiny_signed();
    let original = read(&image).unwrap();
    let der = original.verify_signature(now()).unwrap().der();
    for (offset, altered) in bits(&image).filter(|(offset, _)| !(544..548).contains(offset)) {
        let Ok(altered) = read(&with_crc(altered)) else { continue };
        let is_told = match part(&original, offset) {
            Part::Measured => altered.measurements().pcr0 != original.measurements().pcr0,
            // What is signed is PCR0: another certificate of the same key is told by PCR8, unless
            // only white space of its text changed.
            Part::Signature => match altered.verify_signature(now()) {
                Err(_) => true,
                Ok(certificate) => {
                    let is_same = certificate.der() == der;
                    is_same == (altered.measurements().pcr8 == original.measurements().pcr8)
                }
            },
            Part::Told => {
                assert_eq!(altered.measurements(), original.measurements());
                altered != original
            }
            Part::Form => false,
        };
        assert!(is_told, "byte {offset}");
    }
}

enum Part {
    Form,
    Measured,
    Signature,
    /// Neither measured nor signed.
    Told,
}

fn part(image: &Image, offset: usize) -> Part {
    let offset = u64::try_from(offset).unwrap();
    let section = image
        .sections()
        .iter()
        .find(|section| (section.offset..section.offset + section.size).contains(&offset));
    match section.map(|section| section.kind) {
        Some(SectionKind::Kernel | SectionKind::CommandLine | SectionKind::Ramdisk) => Part::Measured,
        Some(SectionKind::Signature) => Part::Signature,
        Some(SectionKind::Metadata) => Part::Told,
        // The architecture, the memory and the CPUs.
        None if (7..24).contains(&offset) => Part::Told,
        None => Part::Form,
    }
}
