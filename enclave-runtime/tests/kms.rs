//! The vault whose secret KMS wraps, through the whole way: the real program, HTTPS, and a KMS that is as strict as
//! KMS, and as wrong as it is told to be.

mod support;

use std::os::unix::fs::PermissionsExt;
use std::process::Output;

use base64_simd::STANDARD;
use cape_core::ErrorCode;
use cape_core::attest::{Document, Expectation};
use cape_core::crypto::Kem;
use cape_core::encoding::hex;
use cape_core::session::KeyRequest;
use cape_kms_double::{EXPIRED_TOKEN, KEY_ARN, Manner, OTHER_KEY_ARN, SECRET_ACCESS_KEY};
use serde_json::{Value, json};
use support::{Client, Function, KmsPlatform, account, eventually, now};
use tokio::net::{TcpStream, UnixListener};

/// The error that the program ended with, and what to do about it.
fn error_of(output: &Output) -> (String, String) {
    assert_eq!(output.status.code(), Some(78), "{output:?}");
    let log = String::from_utf8(output.stderr.clone()).unwrap();
    assert!(!log.contains(SECRET_ACCESS_KEY), "{log}");
    let error: Value = serde_json::from_str(log.lines().last().unwrap()).expect(&log);
    assert_eq!(error["error"]["code"], "CAPE-CFG-001");
    let text = |name: &str| error["error"][name].as_str().unwrap_or_default().to_owned();
    (text("message"), text("hint"))
}

#[track_caller]
fn assert_refused(output: &Output, message: &str, hint: &str) {
    let (said, advice) = error_of(output);
    assert!(said.contains(message), "{said}");
    assert!(advice.contains(hint) && !advice.is_empty(), "{said}: {advice}");
}

#[tokio::test(flavor = "multi_thread")]
async fn siblings_share_the_vault_that_one_of_them_was_born_with() {
    let keeper = KmsPlatform::new().await;
    let version = keeper.version("");
    keeper.allow(&[&version]);
    let vault = keeper.create(&version);

    let policy = keeper.policy(&[&version], &vault);
    let birth = Document::parse(&vault.birth).unwrap();
    let expected = Expectation::vault_birth();
    let verified = birth.verify(&keeper.platform.roots, &policy, &expected, now(), None).unwrap();
    let user_data = verified.user_data().unwrap();
    assert!(user_data.windows(KEY_ARN.len()).any(|part| part == KEY_ARN.as_bytes()));

    // Three starts, three forms of KMS's answer.
    let [first, second, third] = [(); 3].map(|()| keeper.start(&version, &vault));
    for runtime in [&first, &second, &third] {
        assert_eq!(runtime.ready["vault"], vault.id);
    }
    let account = account();
    let function =
        Function::new(&keeper.platform, &account, "def cape_handler(data):\n    return data[::-1]\n");
    let mut client = Client::connect(first.port, &keeper.platform.roots, &policy).await;
    client.deploy(&account, &function).await.unwrap();
    let mut client = Client::connect(second.port, &keeper.platform.roots, &policy).await;
    assert_eq!(client.run_own(&account, function.checksum(), b"abc").await.unwrap().output, b"cba");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_misbehaviour_is_refused_with_its_own_error() {
    let keeper = KmsPlatform::new().await;
    let version = keeper.version("");
    keeper.allow(&[&version]);
    let vault = keeper.create(&version);
    for (manner, message, hint) in [
        (
            Manner::WrongKeyId,
            "KMS used another key than asked for: arn:aws:kms:eu-west-1:111122223333:key/5678",
            "place",
        ),
        (Manner::Replayed, "does not open with this enclave's key", "place"),
        (Manner::TruncatedEnvelope, "is out of form: ", "place"),
        (Manner::BadPadding, "does not open with this enclave's key", "place"),
        (Manner::OtherLength, "does not open with this enclave's key", "place"),
        (
            Manner::Plain,
            "KMS's answer is of no use: it names no key, or has nothing for this enclave",
            "place",
        ),
        (Manner::BadGateway, "KMS answered with 502 Bad Gateway", "later"),
        (Manner::Redirect, "KMS answered with 307 Temporary Redirect", "place"),
        (Manner::Oversized, "KMS answered with more than 65536 bytes", "place"),
        (Manner::Disabled, "KMS refused: DisabledException: ", "enable the key"),
        (Manner::PendingDeletion, "KMS refused: KMSInvalidStateException: ", "deleted"),
        (
            Manner::OtherName,
            "it is not KMS at the pipe's other end: invalid peer certificate: certificate not valid for name",
            "pipe",
        ),
        (
            Manner::UnknownAuthority,
            "it is not KMS at the pipe's other end: invalid peer certificate: UnknownIssuer",
            "pipe",
        ),
        (
            Manner::ExpiredCertificate,
            "it is not KMS at the pipe's other end: invalid peer certificate: certificate expired",
            "pipe",
        ),
        (Manner::Throttled, "KMS refused: ThrottlingException: Rate exceeded", "later"),
        (Manner::InternalError, "KMS refused: KMSInternalException", "later"),
        (Manner::Cut, "the connection to KMS failed: ", "pipe"),
    ] {
        keeper.kms.behave(manner);
        assert_refused(&keeper.try_start(&version, &vault, json!({})), message, hint);
    }
    keeper.kms.behave(Manner::SwappedSecret);
    let (message, _) = error_of(&keeper.try_start(&version, &vault, json!({})));
    assert!(message.contains(&format!("what {KEY_ARN} wrapped holds the vault ")), "{message}");
    assert!(message.contains(&format!(", not {}", vault.id)), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_passes_is_waited_for_and_not_for_ever() {
    let keeper = KmsPlatform::new().await;
    let version = keeper.version("");
    keeper.allow(&[&version]);
    let vault = keeper.create(&version);
    keeper.kms.behave(Manner::ThrottledTwice);
    let runtime = keeper.start(&version, &vault);
    let log = runtime.end();
    assert_eq!(log.matches("KMS is asked again").count(), 2, "{log}");
    assert!(log.contains("ThrottlingException"), "{log}");
    keeper.kms.behave(Manner::Throttled);
    error_of(&keeper.try_start(&version, &vault, json!({})));
    assert_eq!(keeper.kms.requests(), 6);
    keeper.kms.behave(Manner::Disabled);
    error_of(&keeper.try_start(&version, &vault, json!({})));
    assert_eq!(keeper.kms.requests(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_credentials_keys_and_secrets_are_told_apart() {
    let keeper = KmsPlatform::new().await;
    let version = keeper.version("");
    keeper.allow(&[&version]);
    let vault = keeper.create(&version);
    let refused = |changes: Value, message: &str, hint: &str| {
        assert_refused(&keeper.try_start(&version, &vault, changes), message, hint);
    };
    let with = |name: &str, value: &str| {
        let mut credentials =
            json!({"access_key_id": cape_kms_double::ACCESS_KEY_ID, "secret_access_key": SECRET_ACCESS_KEY});
        credentials[name] = value.into();
        json!({"credentials": credentials})
    };
    refused(with("secret_access_key", "another"), "InvalidSignatureException", "credentials");
    refused(with("access_key_id", "another"), "UnrecognizedClientException", "credentials");
    refused(with("session_token", EXPIRED_TOKEN), "ExpiredTokenException", "expired");
    let nowhere = KEY_ARN.replace("1234", "9999");
    refused(json!({"key_id": nowhere}), "NotFoundException", "key_id");

    let context = [("cape", "vault")];
    let wrapped = |key, context: &[_]| json!({"wrapped": STANDARD.encode_to_string(keeper.kms.encrypt(key, &[7; 32], context))});
    refused(wrapped(OTHER_KEY_ARN, &context), "IncorrectKeyException", "another key");
    refused(wrapped(KEY_ARN, &[("cape", "other")]), "InvalidCiphertextException", "damaged");
    let mut damaged = STANDARD.decode_to_vec(&vault.wrapped).unwrap();
    damaged[20] ^= 1;
    refused(json!({"wrapped": STANDARD.encode_to_string(damaged)}), "InvalidCiphertextException", "damaged");

    let token = with("session_token", "a-good-token");
    let temporary = keeper.access(json!({"wrapped": vault.wrapped, "credentials": token["credentials"]}));
    let arguments = keeper.arguments(&version, &vault.id, temporary, &keeper.pipe());
    assert_eq!(keeper.platform.start_as(&arguments).ready["vault"], vault.id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_somebody_else_wrapped_or_of_another_vault_is_refused() {
    let keeper = KmsPlatform::new().await;
    let version = keeper.version("");
    keeper.allow(&[&version]);
    let (older, vault) = (keeper.create(&version), keeper.create(&version));
    assert_ne!(older.id, vault.id);
    let theirs = keeper.kms.encrypt(KEY_ARN, &[7; 32], &[("cape", "vault")]);
    for wrapped in [STANDARD.encode_to_string(theirs), older.wrapped] {
        let (message, _) = error_of(&keeper.try_start(&version, &vault, json!({"wrapped": wrapped})));
        assert!(message.contains(&format!("not {}", vault.id)), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_wrapped_secret_nothing_is_asked_and_none_is_made() {
    let keeper = KmsPlatform::new().await;
    let version = keeper.version("");
    keeper.allow(&[&version]);
    let vault = keeper.create(&version);
    keeper.kms.behave(Manner::Good);
    let output = keeper.try_start(&version, &vault, json!({"wrapped": null}));
    assert_refused(
        &output,
        "there is no wrapped secret, and none is made on the way",
        "cape host create-vault",
    );
    let output = keeper.try_create(&version, json!({"wrapped": vault.wrapped}));
    assert_refused(&output, "a vault is never replaced", "leave wrapped out");
    assert_eq!(keeper.kms.requests(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_is_not_made_by_halves() {
    let keeper = KmsPlatform::new().await;
    let version = keeper.version("");
    keeper.allow(&[&version]);
    for (manner, message) in [
        (Manner::SwappedWrapped, "the secret that KMS wrapped opens as another one"),
        (Manner::SwappedSecret, "the secret that KMS wrapped opens as another one"),
        (Manner::Plain, "has nothing for this enclave"),
        (Manner::WrongKeyId, "KMS used another key"),
        (Manner::UnknownAuthority, "it is not KMS"),
    ] {
        keeper.kms.behave(manner);
        let output = keeper.try_create(&version, json!({}));
        assert_refused(&output, message, "");
        assert!(output.stdout.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_enclave_that_the_policy_does_not_name_gets_nothing() {
    let keeper = KmsPlatform::new().await;
    let (version, other) = (keeper.version(""), keeper.version("workers = 7"));
    assert_refused(&keeper.try_create(&version, json!({})), "AccessDeniedException", "cape vault policy");
    keeper.allow(&[&version]);
    let vault = keeper.create(&version);
    let output = keeper.try_start(&other, &vault, json!({}));
    assert_refused(&output, "AccessDeniedException", "this enclave's measurements");
    assert_refused(&keeper.try_create(&other, json!({})), "AccessDeniedException", "cape vault policy");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_takes_over_and_the_old_version_is_shut_out() {
    let keeper = KmsPlatform::new().await;
    let (one, two) = (keeper.version("workers = 7"), keeper.version("workers = 8"));
    keeper.allow(&[&one]);
    let vault = keeper.create(&one);
    let account = account();
    let function = Function::new(&keeper.platform, &account, "def cape_handler(data):\n    return data\n");
    let (policy, roots) = (keeper.policy(&[&one, &two], &vault), &keeper.platform.roots);
    let request = KeyRequest { account: *account.id().as_bytes(), kem: Kem::XWing };
    let old = keeper.start(&one, &vault);
    let mut client = Client::connect(old.port, roots, &policy).await;
    client.deploy(&account, &function).await.unwrap();
    let key = client.key(request, &[]).await.unwrap();
    error_of(&keeper.try_start(&two, &vault, json!({})));

    // Both for a while: the new version finds what the old one has kept.
    keeper.allow(&[&one, &two]);
    let new = keeper.start(&two, &vault);
    let mut client = Client::connect(new.port, roots, &policy).await;
    assert_eq!(client.run_own(&account, function.checksum(), b"x").await.unwrap().output, b"x");
    assert_eq!(client.key(request, &[]).await.unwrap(), key);
    assert_eq!(keeper.start(&one, &vault).ready["vault"], vault.id);

    // Then the new one alone. Who rolls back gets no secret; what still runs, no client that pins the new one.
    keeper.allow(&[&two]);
    let output = keeper.try_start(&one, &vault, json!({}));
    assert_refused(&output, "AccessDeniedException", "this enclave's measurements");
    assert_eq!(keeper.start(&two, &vault).ready["vault"], vault.id);
    let pinned = keeper.policy(&[&two], &vault);
    let refused = Client::try_connect(old.port, roots, &pinned).await.err().unwrap();
    assert_eq!(refused.code(), ErrorCode::PcrMismatch);
    Client::connect(new.port, roots, &pinned).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pipe_may_be_a_socket_or_lead_nowhere() {
    let keeper = KmsPlatform::new().await;
    let version = keeper.version("");
    keeper.allow(&[&version]);
    let vault = keeper.create(&version);
    let socket = keeper.platform.path().join("kms.socket");
    let listener = UnixListener::bind(&socket).unwrap();
    let port = keeper.kms.port();
    let pipe = tokio::spawn(async move {
        while let Ok((mut inside, _)) = listener.accept().await {
            let mut outside = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            let _ = tokio::io::copy_bidirectional(&mut inside, &mut outside).await;
        }
    });
    let access = keeper.access(json!({"wrapped": vault.wrapped}));
    let arguments = keeper.arguments(&version, &vault.id, access.clone(), socket.to_str().unwrap());
    assert_eq!(keeper.platform.start_as(&arguments).ready["vault"], vault.id);
    pipe.abort();
    assert!(pipe.await.unwrap_err().is_cancelled());

    let arguments = keeper.arguments(&version, &vault.id, access, "./no.socket");
    let output = keeper.platform.run(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    assert_refused(&output, "the pipe to KMS: ", "port 443");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_started_it_need_not_wait_for_kms() {
    let keeper = KmsPlatform::new().await;
    let version = keeper.version("");
    keeper.allow(&[&version]);
    let vault = keeper.create(&version);
    keeper.kms.behave(Manner::Silent);
    let access = keeper.access(json!({"wrapped": vault.wrapped}));
    let arguments = keeper.arguments(&version, &vault.id, access, &keeper.pipe());
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_cape-enclave"))
        .current_dir(keeper.platform.path())
        .env("TMPDIR", keeper.platform.path())
        .args(arguments)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    eventually(async || (keeper.kms.requests() > 0).then_some(())).await;
    drop(child.stdin.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stdout.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_says_how_kms_is_asked_is_private_and_of_one_form() {
    let keeper = KmsPlatform::new().await;
    let version = keeper.version("");
    let access = keeper.access(json!({"wrapped": "AQID"}));
    let id = hex::encode(&[7; 32]);
    let arguments = keeper.arguments(&version, &id, access.clone(), &keeper.pipe());
    let run = || {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        keeper.platform.run(&arguments)
    };
    std::fs::set_permissions(&access, std::fs::Permissions::from_mode(0o640)).unwrap();
    assert!(error_of(&run()).0.contains("readable by others (mode 640)"));
    keeper.access(json!({"endpoint": "kms.example.com"}));
    assert!(error_of(&run()).0.contains("endpoint is not one of the names that KMS has"));
    keeper.access(json!({"credentials": {"access_key_id": "AKID", "secret_access_key": "not a secret"}}));
    assert!(!error_of(&run()).0.contains("not a secret"));
    std::fs::write(&access, vec![b' '; 70_000]).unwrap();
    assert!(error_of(&run()).0.contains("is larger than"));
    std::fs::remove_file(&access).unwrap();
    assert!(error_of(&run()).0.contains("the access to KMS"));

    let without_a_pipe = &arguments[..arguments.len() - 2];
    let output = keeper.platform.run(&without_a_pipe.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(output.status.code(), Some(2));
}
