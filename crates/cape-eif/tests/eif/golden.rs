use cape_core::encoding::hex;

use crate::support::{now, read, tiny};

/// Put together by a script of a few lines, with Python's `struct`, `zlib` and `hashlib`.
const TINY: &[u8] = include_bytes!("data/tiny.eif");

/// Built and signed by the crate behind nitro-cli, in its version 0.8.1.
const OF_NITRO_CLI: &[u8] = include_bytes!("data/nitro_cli.eif");

fn registers(image: &[u8]) -> [String; 4] {
    let measurements = read(image).unwrap().measurements().clone();
    [measurements.pcr0, measurements.pcr1, measurements.pcr2, measurements.pcr8]
        .map(|value| hex::encode(&value))
}

#[test]
fn an_image_has_these_bytes() {
    assert_eq!(hex::encode(&tiny()), hex::encode(TINY));
}

#[test]
fn an_image_has_these_measurements() {
    assert_eq!(
        registers(TINY),
        [
            "fc0e9614a1aea662b1333d80e02065e4af254036744241a846380a652c4976f37f193ebd97f443498c3c3c2a91fc68e9",
            "01f015f47940172daaa3003b0620a7ef90969387601d69388fd9401a1d008c7d4cd909c08123782abba8d2b4726fd7bf",
            "9713947fe863cbece1f46ddf8e716bfb9c4e124f731353cd3fa5950ff3818175e26a2ebc53df8da1d9597648dd620b1d",
            "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000",
        ]
    );
}

#[test]
fn an_image_of_nitro_cli_is_read_and_its_signature_holds() {
    let image = read(OF_NITRO_CLI).unwrap();
    assert_eq!(image.metadata().build_metadata.build_tool, "oracle");
    assert_eq!(image.verify_signature(now()).unwrap().subject(), "C=US, O=Example, CN=images of tests");
    assert_eq!(
        registers(OF_NITRO_CLI),
        [
            "4d0123e5a6afaf76489dab6d3cbd9a3de520e655e495d597e99b8080c6782da3ba5eae00698c5956ae7cdb4ad2a217fa",
            "1cc6dfc2676a35ab1d820ff4098ee8647a2b204bb635d6f304b582ca9e41ffddb6138a39ef98246b15e722ae1d34e746",
            "c3ad89547dddbf4071e683e47557efea6f870c2281bc7e6ef37eaa9ba4c11a5ac66beab60f4a7782e698c2386f987dff",
            "0e6a858dc4dc986020a61d4bcce1b2f574fc68bd9910cd8a4773beb35303d865fce4daf11d2fe21916bcdf35321e5476",
        ]
    );
}
