use std::io::{Cursor, Read};

use cape_core::crypto::sha384;
use cape_eif::{Architecture, Description};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::support::{metadata, now, read, signer, written};

fn extended(parts: &[&[u8]]) -> [u8; 48] {
    sha384(&[&[0; 48], &sha384(parts)])
}

prop_compose! {
    fn descriptions()(
        is_arm: bool,
        default_memory: u64,
        default_cpus: u64,
        command_line in "[^\0]{0,200}",
        image_name: String,
    ) -> Description {
        Description {
            architecture: if is_arm { Architecture::Aarch64 } else { Architecture::X86_64 },
            default_memory,
            default_cpus,
            command_line: command_line.parse().unwrap(),
            metadata: cape_eif::Metadata { image_name, ..metadata() },
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_read_and_measured(
        description in descriptions(),
        kernel in vec(any::<u8>(), 0..2000),
        ramdisks in vec(vec(any::<u8>(), 0..2000), 1..5),
        is_signed: bool,
    ) {
        let ramdisks: Vec<&[u8]> = ramdisks.iter().map(Vec::as_slice).collect();
        let signer = is_signed.then(signer);
        let bytes = written(description.clone(), &kernel, &ramdisks, signer.as_ref());
        let image = read(&bytes).unwrap();

        prop_assert_eq!(image.architecture(), description.architecture);
        prop_assert_eq!(image.default_memory(), description.default_memory);
        prop_assert_eq!(image.default_cpus(), description.default_cpus);
        prop_assert_eq!(image.command_line(), &description.command_line);
        prop_assert_eq!(image.metadata(), &description.metadata);
        prop_assert_eq!(image.verify_signature(now()).is_ok(), is_signed);

        let measurements = image.measurements();
        let line = description.command_line.as_str().as_bytes();
        let all = [&[&kernel, line], ramdisks.as_slice()].concat();
        prop_assert_eq!(measurements.pcr0, extended(&all));
        prop_assert_eq!(measurements.pcr1, extended(&all[..3]));
        prop_assert_eq!(measurements.pcr2, extended(&ramdisks[1..]));
        let certificate = signer.as_ref().map(|signer| extended(&[signer.certificate().der()]));
        prop_assert_eq!(measurements.pcr8, certificate.unwrap_or([0; 48]));

        let contents = image.sections().iter().map(|section| {
            let mut content = Vec::new();
            section.open(Cursor::new(&bytes)).unwrap().read_to_end(&mut content).unwrap();
            content
        });
        let contents: Vec<_> = contents.collect();
        prop_assert_eq!(&contents[0], &kernel);
        prop_assert_eq!(&contents[3..3 + ramdisks.len()], &ramdisks);
        if !is_signed {
            prop_assert_eq!(written(description, &kernel, &ramdisks, None), bytes);
        }
    }

    #[test]
    fn anything_is_read_or_refused(bytes in vec(any::<u8>(), 0..2000)) {
        prop_assert!(read(&bytes).is_err());
        prop_assert!(read(&[b".eif\0\x04\0\0", bytes.as_slice()].concat()).is_err());
    }
}
