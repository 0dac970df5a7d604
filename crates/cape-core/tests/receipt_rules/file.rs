use cape_core::attest::{self, Policy};
use cape_core::encoding::cbor::Writer;
use cape_core::receipt::{Error, FileError, FormDefect, ReceiptFile, VerifiedReceipt};
use cape_core::{ErrorCode, UnixTime};

use crate::document::NOW;
use crate::forge::{ENCLAVE, Forge, everything, policy, roots};

const YEARS_LATER: UnixTime = UnixTime::from_millis(NOW.as_millis() + 5 * 365 * 86_400_000);

fn file(parts: &[(u64, &[u8])]) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.map(1 + parts.len()).uint(1).uint(2);
    for (key, part) in parts {
        writer.uint(*key).bytes(part);
    }
    writer.into_bytes()
}

fn judge(file: &[u8], policy: &Policy, now: UnixTime) -> Result<VerifiedReceipt, FileError> {
    let file = ReceiptFile::parse(file).map_err(FileError::Receipt)?;
    file.verify(&roots(&ENCLAVE.root), policy, &everything(), now)
}

#[track_caller]
fn defect(bytes: &[u8]) -> FormDefect {
    match ReceiptFile::parse(bytes).err() {
        Some(Error::Malformed(defect)) => defect,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_file_is_judged_years_later_and_written_the_same_again() {
    let receipt = Forge::new().receipt();
    let bytes = file(&[(2, &receipt), (3, &ENCLAVE.spki()), (4, &ENCLAVE.document)]);
    let verified = judge(&bytes, &policy(), YEARS_LATER).unwrap();
    assert_eq!(verified.to_file(), bytes);
    assert_eq!(verified.as_bytes(), receipt);
    assert_eq!(verified.attestation().document(), ENCLAVE.document);
    assert_eq!(ReceiptFile::parse(&bytes).unwrap().inspect().statement, *verified.statement());
}

#[test]
fn its_document_is_judged_first() {
    let receipt = Forge::new().receipt();
    let mut document = ENCLAVE.document.clone();
    *document.last_mut().unwrap() ^= 1;
    let bytes = file(&[(2, &receipt), (3, &[]), (4, &document)]);
    let error = judge(&bytes, &policy(), YEARS_LATER).unwrap_err();
    assert_eq!(error.code(), ErrorCode::SignatureInvalid);
    let bytes = file(&[(2, &receipt), (3, &ENCLAVE.spki()), (4, &ENCLAVE.document)]);
    let mut release = policy().releases().next().unwrap().clone();
    release.vault = Some([0; 32]);
    let other = Policy::new(vec![release]).unwrap();
    assert_eq!(judge(&bytes, &other, YEARS_LATER).unwrap_err().code(), ErrorCode::VaultMismatch);
    let before = UnixTime::from_millis(NOW.as_millis() - 121_000);
    let error = judge(&bytes, &policy(), before).unwrap_err();
    assert!(
        matches!(error, FileError::Attestation(error) if matches!(*error, attest::Error::DocumentTooOld { .. }))
    );
}

#[test]
fn parts_that_are_missing_too_many_or_not_as_they_should_be() {
    let receipt = Forge::new().receipt();
    let (key, document) = (ENCLAVE.spki(), &ENCLAVE.document);
    for missing in 2..=4 {
        let parts: Vec<_> = [(2, &receipt[..]), (3, &key), (4, document)]
            .into_iter()
            .filter(|(name, _)| *name != missing)
            .collect();
        assert_eq!(defect(&file(&parts)), FormDefect::FileKeyMissing { key: missing });
    }
    let more = file(&[(2, &receipt), (3, &key), (4, document), (5, &[])]);
    assert_eq!(defect(&more), FormDefect::FileKeyUnknown { key: "5".into() });
    for (key, told) in [(&[0x61, b'k'][..], "\"k\""), (&[0x20], "-1")] {
        let named = [&[0xa2, 1, 2], key, &[0x40]].concat();
        assert_eq!(defect(&named), FormDefect::FileKeyUnknown { key: told.into() });
    }
    assert_eq!(defect(&[0xa1, 2, 0x40]), FormDefect::FileKeyMissing { key: 1 });
    let mut version = file(&[(2, &receipt), (3, &key), (4, document)]);
    version[2] = 3;
    assert_eq!(defect(&version), FormDefect::FileVersion(3));
    assert_eq!(defect(&version).reason(), "file");
    let mut later = more;
    later[2] = 3;
    assert_eq!(defect(&later), FormDefect::FileVersion(3), "before keys that it may have");
    version[2] = 2;
    version.push(0);
    assert!(matches!(defect(&version), FormDefect::File(_)));
    assert!(matches!(defect(&receipt), FormDefect::File(_)));
    assert!(matches!(defect(&[]), FormDefect::File(_)));
    let size = FormDefect::Size { actual: 36_865, limit: 36_864 };
    assert_eq!(defect(&[0; 36_865]), size);
}
