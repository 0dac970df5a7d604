//! The files of `tests/vectors/envelope/`: each has one defect, after which it is named.

use std::fs;

use cape_core::encoding::{base64url, hex};
use cape_core::envelope::{self, Error, PrivateKey, TEXT_PREFIX};
use serde_json::Value;

use super::in_parts;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/envelope");

fn private_key(vector: &Value) -> Result<PrivateKey, Error> {
    PrivateKey::from_text(vector["private_key"].as_str().unwrap())
}

/// Opens it as the file says: for whoever has the key, or as an enclave that enforces use rules.
fn open(vector: &Value, sealed: &[u8]) -> Result<Vec<u8>, Error> {
    let key = private_key(vector).unwrap();
    let opened = match vector["enforces_use_rules"].as_bool() {
        Some(true) => envelope::open_text_with(sealed, &[&key], |context| context.use_rules().map(|_| ())),
        _ => envelope::open(sealed, &[&key], b""),
    };
    opened.map(|opened| opened.plaintext)
}

#[test]
fn each_is_refused_with_its_class() {
    let mut judged = 0;
    let mut without_rsa = 0;
    for entry in fs::read_dir(FOLDER).unwrap() {
        let path = entry.unwrap().path();
        let vector: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        if private_key(&vector).err() == Some(Error::RsaUnavailable) {
            without_rsa += 1;
            continue;
        }
        let text = vector["text"].as_str().unwrap();
        let mut forms = vec![text.as_bytes().to_vec()];
        if vector["text_only"].is_null() && vector["enforces_use_rules"].is_null() {
            forms.push(base64url::decode(&text.as_bytes()[TEXT_PREFIX.len()..]).unwrap());
        }
        for (form, sealed) in forms.into_iter().enumerate() {
            let mut verdicts = vec![open(&vector, &sealed)];
            if form == 1 {
                let key = private_key(&vector).unwrap();
                verdicts.extend(in_parts::open(&sealed, &[&key]));
            }
            let expected = match vector["error"].as_str() {
                Some(error) => Err(error),
                None => Ok(vector["plaintext"].as_str().unwrap().to_owned()),
            };
            for verdict in verdicts {
                let found =
                    verdict.map(|plaintext| hex::encode(&plaintext)).map_err(|error| error.code().name());
                assert_eq!(found, expected, "{}", path.display());
            }
        }
        judged += 1;
    }
    assert_eq!(without_rsa, if cfg!(feature = "aws-lc") { 0 } else { COUNT_FOR_RSA });
    assert_eq!(judged + without_rsa, COUNT);
}

/// Files in the folder, and those with a key of RSA, which a build without AWS-LC has not.
const COUNT: usize = 114;
const COUNT_FOR_RSA: usize = 17;
