//! `cape-eif` and the crate behind nitro-cli read what the other wrote and signed, measure it alike,
//! and agree on who signed it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use aws_nitro_enclaves_image_format::defs::{EifBuildInfo, EifIdentityInfo};
use aws_nitro_enclaves_image_format::utils::eif_reader::EifReader;
use aws_nitro_enclaves_image_format::utils::eif_signer::{EifSigner, SignKeyData};
use aws_nitro_enclaves_image_format::utils::{EifBuilder, PcrSignatureChecker};
use cape_core::UnixTime;
use cape_core::encoding::hex;
use cape_eif::signing::{SignatureError, Signer};
use cape_eif::{Architecture, BuildMetadata, Description, Error, Image, ImageWriter, Measurements, Metadata};
use serde_json::json;
use sha2::{Digest, Sha384};

const COMMAND_LINE: &str = "reboot=k panic=30 pci=off console=ttyS0";
const KEYS: [&str; 2] = ["rfc5915", "pkcs8"];

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("tests/eif/data").join(name)
}

fn now() -> UnixTime {
    UnixTime::from_seconds(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs())
}

fn kernel() -> Vec<u8> {
    (0..30_000_u32).flat_map(u32::to_le_bytes).collect()
}

fn ramdisks(count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|number| vec![number as u8 + 1; 1000 * number + 7]).collect()
}

fn their_signer(key: &str) -> SignKeyData {
    let path = data(&format!("{key}.key.pem"));
    SignKeyData::new(path.to_str().unwrap(), &data(&format!("{key}.cert.pem"))).unwrap()
}

fn our_signer(key: &str) -> Signer {
    let read = |kind: &str| fs::read(data(&format!("{key}.{kind}.pem"))).unwrap();
    Signer::from_pem(&read("cert"), &read("key")).unwrap()
}

fn build_info() -> EifBuildInfo {
    EifBuildInfo {
        build_time: "2026-11-24T03:47:36Z".to_owned(),
        build_tool: "oracle".to_owned(),
        build_tool_version: "1".to_owned(),
        img_os: "Linux".to_owned(),
        img_kernel: "6.12".to_owned(),
    }
}

/// An image as nitro-cli builds it, and what it says of its measurements.
fn build_theirs(
    path: &Path,
    ramdisks: &[Vec<u8>],
    key: Option<&str>,
    flags: u16,
) -> BTreeMap<String, String> {
    let folder = tempfile::tempdir().unwrap();
    let part = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        path
    };
    let identity = EifIdentityInfo {
        img_name: "tests".to_owned(),
        img_version: "1".to_owned(),
        build_info: build_info(),
        docker_info: json!({"Os": "linux"}),
        custom_info: json!({"key": ["value"]}),
    };
    let kernel = part("kernel", &kernel());
    let signer = key.map(their_signer);
    let mut builder =
        EifBuilder::new(&kernel, COMMAND_LINE.to_owned(), signer, Sha384::new(), flags, identity);
    for (number, ramdisk) in ramdisks.iter().enumerate() {
        builder.add_ramdisk(&part(&number.to_string(), ramdisk));
    }
    builder.write_to(&mut File::create(path).unwrap())
}

fn build_ours(path: &Path, ramdisks: &[Vec<u8>], signer: Option<&Signer>) -> Measurements {
    let description = Description {
        architecture: Architecture::X86_64,
        default_memory: 1 << 30,
        default_cpus: 2,
        command_line: COMMAND_LINE.parse().unwrap(),
        metadata: Metadata {
            image_name: "tests".to_owned(),
            image_version: "1".to_owned(),
            build_metadata: BuildMetadata {
                build_time: "2026-11-24T03:47:36Z".to_owned(),
                build_tool: "oracle".to_owned(),
                build_tool_version: "1".to_owned(),
                operating_system: "Linux".to_owned(),
                kernel_version: "6.12".to_owned(),
                other: serde_json::Map::new(),
            },
            docker_info: json!({"Os": "linux"}),
            custom_metadata: json!({"key": ["value"]}),
            other: serde_json::Map::new(),
        },
    };
    let mut image = ImageWriter::new(File::create(path).unwrap(), description, kernel().as_slice()).unwrap();
    for ramdisk in ramdisks {
        image = image.ramdisk(|out| std::io::Write::write_all(out, ramdisk)).unwrap();
    }
    image.finish(signer).unwrap()
}

/// Measurements as nitro-cli writes them.
fn as_theirs(ours: &Measurements, is_signed: bool) -> BTreeMap<String, String> {
    let mut pcrs = vec![("PCR0", ours.pcr0), ("PCR1", ours.pcr1), ("PCR2", ours.pcr2)];
    if is_signed {
        pcrs.push(("PCR8", ours.pcr8));
    }
    pcrs.into_iter().map(|(name, value)| (name.to_owned(), hex::encode(&value))).collect()
}

fn without_algorithm(mut theirs: BTreeMap<String, String>) -> BTreeMap<String, String> {
    theirs.remove("HashAlgorithm");
    theirs
}

fn read_ours(path: &Path) -> Image {
    Image::read(File::open(path).unwrap()).unwrap()
}

fn read_theirs(path: &Path) -> EifReader {
    EifReader::from_eif(path.to_str().unwrap().to_owned()).unwrap()
}

fn sign_theirs(path: &Path, key: &str) {
    EifSigner::new(Some(their_signer(key))).unwrap().sign_image(path.to_str().unwrap()).unwrap();
}

/// Whether nitro-cli takes the signature for that of this image.
fn is_signed_for_them(path: &Path) -> bool {
    let mut reader = read_theirs(path);
    let measurements = reader.get_measurements().unwrap();
    reader.get_certificate_info(measurements).unwrap();
    let holds = PcrSignatureChecker::from_eif(path.to_str().unwrap()).unwrap().verify().is_ok();
    holds && reader.sign_check == Some(true)
}

#[test]
fn what_they_build_we_read_and_measure_alike() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image.eif");
    for count in [1, 2, 3, 28] {
        for (flags, architecture) in [(0, Architecture::X86_64), (1, Architecture::Aarch64)] {
            let theirs = build_theirs(&path, &ramdisks(count), None, flags);
            let image = read_ours(&path);
            assert_eq!(as_theirs(image.measurements(), false), without_algorithm(theirs));
            assert_eq!(image.measurements().pcr8, [0; 48]);
            assert_eq!(image.architecture(), architecture);
            assert_eq!(image.command_line().as_str(), COMMAND_LINE);
            assert_eq!(image.metadata().custom_metadata, json!({"key": ["value"]}));
            assert_eq!(image.verify_signature(now()), Err(SignatureError::Unsigned));
        }
    }
}

#[test]
fn what_they_sign_we_take_for_signed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image.eif");
    for key in KEYS {
        let theirs = build_theirs(&path, &ramdisks(2), Some(key), 0);
        let image = read_ours(&path);
        assert_eq!(as_theirs(image.measurements(), true), without_algorithm(theirs));
        assert!(image.verify_signature(now()).is_ok());
    }
}

#[test]
fn what_we_build_is_what_they_build_to_the_byte() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, theirs) = (folder.path().join("ours.eif"), folder.path().join("theirs.eif"));
    for count in [1, 2, 28] {
        build_theirs(&theirs, &ramdisks(count), None, 0);
        build_ours(&ours, &ramdisks(count), None);
        assert!(fs::read(&ours).unwrap() == fs::read(&theirs).unwrap());
        assert!(read_theirs(&ours).check_crc());
        assert_eq!(read_theirs(&ours).get_metadata().unwrap().build_info.img_kernel, "6.12");
    }
}

#[test]
fn what_we_sign_they_take_for_signed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image.eif");
    for key in KEYS {
        let signer = our_signer(key);
        let ours = build_ours(&path, &ramdisks(2), Some(&signer));
        let mut reader = read_theirs(&path);
        assert!(reader.check_crc());
        assert_eq!(without_algorithm(reader.get_measurements().unwrap()), as_theirs(&ours, true));
        assert!(is_signed_for_them(&path));
        assert!(read_ours(&path).verify_signature(now()).is_ok());
    }
}

#[test]
fn what_we_build_they_sign() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image.eif");
    for key in KEYS {
        build_ours(&path, &ramdisks(2), None);
        sign_theirs(&path, key);
        let image = read_ours(&path);
        assert_eq!(image.verify_signature(now()).unwrap().pem(), our_signer(key).certificate().pem());
    }
}

/// They leave the size of the signature that was there before in the header, so that their own image
/// says two sizes. Where that is mended one day, this fails, and the specification changes.
#[test]
fn what_they_sign_a_second_time_says_two_sizes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image.eif");
    build_ours(&path, &ramdisks(2), None);
    KEYS.into_iter().for_each(|key| sign_theirs(&path, key));
    let error = Image::read(File::open(&path).unwrap()).unwrap_err();
    assert!(matches!(error, Error::SectionSize { section: 5, .. }), "{error:?}");
}

#[test]
fn a_signature_of_another_image_is_refused_by_both() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image.eif");
    let signer = EifSigner::new(Some(their_signer("pkcs8"))).unwrap();
    build_ours(&path, &ramdisks(2), None);
    let other = BTreeMap::from([("PCR0".to_owned(), "11".repeat(48))]);
    let signature = signer.generate_eif_signature(&other).unwrap();
    signer.write_signature(path.to_str().unwrap(), signature, false).unwrap();
    signer.update_crc(path.to_str().unwrap()).unwrap();
    assert!(!is_signed_for_them(&path));
    assert_eq!(read_ours(&path).verify_signature(now()), Err(SignatureError::OtherImage));
}
