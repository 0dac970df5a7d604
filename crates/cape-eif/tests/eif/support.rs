use std::io::{Cursor, Write};

use cape_core::UnixTime;
use cape_eif::signing::Signer;
use cape_eif::{Architecture, BuildMetadata, Description, Error, Image, ImageWriter, Metadata};
use serde_json::{Map, Value, json};

pub(crate) const RFC5915_CERTIFICATE: &[u8] = include_bytes!("data/rfc5915.cert.pem");
pub(crate) const RFC5915_KEY: &[u8] = include_bytes!("data/rfc5915.key.pem");
pub(crate) const PKCS8_CERTIFICATE: &[u8] = include_bytes!("data/pkcs8.cert.pem");
pub(crate) const PKCS8_KEY: &[u8] = include_bytes!("data/pkcs8.key.pem");

/// Within the validity of these certificates.
pub(crate) fn now() -> UnixTime {
    UnixTime::parse("2030-01-01T00:00:00Z").unwrap()
}

pub(crate) fn signer() -> Signer {
    Signer::from_pem(RFC5915_CERTIFICATE, RFC5915_KEY).unwrap()
}

pub(crate) fn metadata() -> Metadata {
    Metadata {
        image_name: "tiny".to_owned(),
        image_version: "1".to_owned(),
        build_metadata: BuildMetadata {
            build_time: "2026-11-24T03:47:36Z".to_owned(),
            build_tool: "tests".to_owned(),
            build_tool_version: "4".to_owned(),
            operating_system: "Linux".to_owned(),
            kernel_version: "6.12".to_owned(),
            other: Map::new(),
        },
        docker_info: Value::Null,
        custom_metadata: json!({}),
        other: Map::new(),
    }
}

pub(crate) fn description() -> Description {
    Description {
        architecture: Architecture::X86_64,
        default_memory: 512 << 20,
        default_cpus: 2,
        command_line: "console=ttyS0".parse().unwrap(),
        metadata: metadata(),
    }
}

pub(crate) fn written(
    description: Description,
    kernel: &[u8],
    ramdisks: &[&[u8]],
    signer: Option<&Signer>,
) -> Vec<u8> {
    let mut output = Cursor::new(Vec::new());
    let mut image = ImageWriter::new(&mut output, description, kernel).unwrap();
    for ramdisk in ramdisks {
        image = image.ramdisk(|out| out.write_all(ramdisk)).unwrap();
    }
    let measurements = image.finish(signer).unwrap();
    let bytes = output.into_inner();
    assert_eq!(read(&bytes).unwrap().measurements(), &measurements);
    bytes
}

pub(crate) fn tiny() -> Vec<u8> {
    written(description(), b"kernel", &[b"init", b"files"], None)
}

pub(crate) fn tiny_signed() -> Vec<u8> {
    written(description(), b"kernel", &[b"init", b"files"], Some(&signer()))
}

pub(crate) fn read(bytes: &[u8]) -> Result<Image, Error> {
    Image::read(bytes)
}

/// Makes the checksum that of the bytes, as whoever alters an image would.
pub(crate) fn with_crc(mut bytes: Vec<u8>) -> Vec<u8> {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&bytes[..544]);
    crc.update(&bytes[548..]);
    bytes[544..548].copy_from_slice(&crc.finalize().to_be_bytes());
    bytes
}
