//! What the program as a whole cannot be made to do, or not in a short time.

use std::sync::OnceLock;

use cape_core::encoding::hex;
use cape_kms_double::{Kms, Manner};
use cape_nsm::{Measurements, Pki, SimulatedNsm};

use super::access::tests::access;
use super::*;
use crate::attestation::unsigned::UnsignedNsm;
use crate::clock::Clock;
use crate::freed_blocks::Looking;

/// What a test knows of a secret and looks for, in pieces.
static PIECES: OnceLock<Vec<[u8; 16]>> = OnceLock::new();

#[global_allocator]
static ALLOCATOR: Looking = Looking::at_blocks(holds_secret);

fn holds_secret(block: &[u8]) -> bool {
    let pieces = PIECES.get().map_or(&[][..], Vec::as_slice);
    block.windows(16).any(|part| pieces.iter().any(|piece| part == piece))
}

/// KMS, and an enclave that has these measurements.
async fn enclave(pcr0: [u8; 48]) -> (Kms, Settings, Service, Arc<dyn Nsm>) {
    let now = || Clock::default().now().as_millis();
    let kms = Kms::start().await.unwrap();
    let pki = Pki::in_memory(now()).unwrap();
    kms.trust(vec![pki.root().to_vec()]);
    kms.set_policy(json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"},
    ]}));
    let measurements = Measurements { pcr0, pcr1: pcr0, pcr2: pcr0 };
    let nsm = Arc::new(SimulatedNsm::start(pki, &measurements, now).unwrap());
    let settings = format!(
        "mode = \"development\"\nvault_backends = [\"aws-kms\"]\n[isolation]\nrequired = []\n[tls]\nroots = [\"\"\"{}\"\"\"]\n",
        kms.root()
    );
    let credentials = json!({
        "access_key_id": cape_kms_double::ACCESS_KEY_ID,
        "secret_access_key": cape_kms_double::SECRET_ACCESS_KEY,
    });
    let access = access(json!({"credentials": credentials, "wrapped": null})).unwrap();
    let pipe = Pipe::Tcp(format!("127.0.0.1:{}", kms.port()));
    (kms, Settings::parse(&settings).unwrap(), Service { access, pipe }, nsm)
}

/// An error goes into a log.
#[test]
fn what_is_wrong_with_a_file_is_said_without_what_is_in_it() {
    let file = tempfile::NamedTempFile::new().unwrap();
    for text in [
        r#""s3cret""#,
        r#"{"s3cret": 1}"#,
        r#"{"credentials": "s3cret"}"#,
        r#"{"credentials": {"access_key_id": "AKID", "s3cret": 1}}"#,
    ] {
        std::fs::write(&file, text).unwrap();
        let error = Service::read(file.path(), Pipe::Unix("kms".into())).err().unwrap().to_string();
        assert!(error.contains(" at line 1 column ") && !error.contains("s3cret"), "{error}");
    }
}

/// KMS takes documents of such enclaves: the policy is what keeps them out, be the image pinned or its signer alone.
#[tokio::test]
async fn an_enclave_in_debug_mode_gets_nothing_by_either_form_of_policy() {
    for condition in [
        json!({"StringEqualsIgnoreCase": {"kms:RecipientAttestation:ImageSha384": hex::encode(&[7; 48])}}),
        json!({"StringNotEqualsIgnoreCase": {"kms:RecipientAttestation:ImageSha384": hex::encode(&[0; 48])}}),
    ] {
        for (pcr0, is_allowed) in [([7; 48], true), ([0; 48], false)] {
            let (kms, settings, service, nsm) = enclave(pcr0).await;
            kms.set_policy(json!({"Version": "2012-10-17", "Statement": [{
                "Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*", "Condition": condition,
            }]}));
            let created = create(&settings, &service, &nsm).await;
            assert_eq!(created.is_ok(), is_allowed, "{condition}");
            if let Err(error) = created {
                let error = error.to_string();
                assert!(error.starts_with("KMS refused: AccessDeniedException: "), "{error}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_kms_that_never_answers_or_comes_to_no_end_is_given_up() {
    for manner in [Manner::Silent, Manner::Slow] {
        let (kms, settings, service, nsm) = enclave([7; 48]).await;
        kms.behave(manner);
        let started = Instant::now();
        let error = create(&settings, &service, &nsm).await.err().unwrap().to_string();
        assert!(error.starts_with("KMS did not answer in time"), "{manner:?}: {error}");
        assert!(started.elapsed() <= PATIENCE + ATTEMPT, "{manner:?}: {:?}", started.elapsed());
        assert!(kms.requests() > 1, "{manner:?}: it was asked, and asked again");
    }
}

/// The runtime does not ask by a document that nobody has signed, unless it is for tests; KMS takes none ever.
#[tokio::test]
async fn a_document_that_nobody_signed_has_nothing_unwrapped() {
    let (kms, mut settings, service, _) = enclave([7; 48]).await;
    let nsm: Arc<dyn Nsm> = Arc::new(UnsignedNsm);
    for (insecure_unsigned, error, requests) in [
        (false, "the attestation document for KMS is of no use: ", 0),
        (true, "KMS refused: ValidationException: ", 1),
    ] {
        kms.behave(Manner::Good);
        settings.insecure_unsigned_documents = insecure_unsigned;
        let refused = create(&settings, &service, &nsm).await.err().unwrap().to_string();
        assert!(refused.starts_with(error), "{refused}");
        assert_eq!(kms.requests(), requests);
    }
}

#[tokio::test]
async fn settings_that_do_not_name_kms_ask_it_nothing() {
    let (kms, mut settings, service, nsm) = enclave([7; 48]).await;
    settings.vault_backends.clear();
    kms.behave(Manner::Good);
    let error = create(&settings, &service, &nsm).await.err().unwrap().to_string();
    assert!(error.contains("do not permit a vault of the kind \"aws-kms\""), "{error}");
    assert_eq!(kms.requests(), 0);
}

#[test]
fn pauses_grow_up_to_the_longest_and_are_not_the_same() {
    for attempt in 1..ATTEMPTS {
        let longest = LONGEST_PAUSE.min(FIRST_PAUSE * (1 << (attempt - 1)));
        let pauses: Vec<Duration> = (0..20).map(|_| pause(attempt)).collect();
        assert!(pauses.iter().all(|pause| *pause <= longest));
        assert!(pauses.windows(2).any(|two| two[0] != two[1]));
    }
}

#[test]
fn secrets_are_wiped() {
    const CREDENTIAL: &str = "a-credential-that-nobody-else-uses";
    let vectors: Value = serde_json::from_str(include_str!("../../../../tests/vectors/cms.json")).unwrap();
    let of = |name: &str| vectors["openssl"][name].as_str().unwrap();
    let recipient = Recipient::of_pkcs8(&decode(of("private_key")).unwrap());
    let secret = hex::decode(of("plaintext")).unwrap();
    let message = decode(of("indefinite")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kms.json");
    let all = json!({
        "region": "eu-west-1",
        "endpoint": "kms.eu-west-1.amazonaws.com",
        "key_id": "arn:aws:kms:eu-west-1:111122223333:key/1",
        "credentials": {"access_key_id": "AKID", "secret_access_key": CREDENTIAL, "session_token": CREDENTIAL},
    });
    std::fs::write(&path, all.to_string()).unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    drop(all);
    let pieces = [&secret, CREDENTIAL.as_bytes()].map(|secret| *secret[1..].first_chunk().unwrap());
    PIECES.set(pieces.to_vec()).unwrap();

    assert_ne!(ALLOCATOR.left_behind(|| drop(secret.clone())), 0, "the test sees what is not wiped");
    assert_eq!(ALLOCATOR.left_behind(|| recipient.open(&message).ok().unwrap()), 0);
    let pipe = || Pipe::parse("localhost:1").unwrap();
    let signed = || {
        let service = Service::read(&path, pipe()).unwrap();
        let scope = signature::Scope { region: "eu-west-1", service: "kms", time: UnixTime::from_seconds(1) };
        signature::authorization(&service.access.credentials, &scope, &[], b"")
    };
    assert_eq!(ALLOCATOR.left_behind(signed), 0);
}
