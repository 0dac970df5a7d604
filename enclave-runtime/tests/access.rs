//! Who may run what, on which data: decided inside, at every call.

mod support;

use std::time::Duration;

use cape_core::crypto::Kem;
use cape_core::envelope::{Context, KeyType, PublicKey, SealOptions, seal_text};
use cape_core::identity::{Account, EpochRecord, RevocationList, Signed, Token, Version};
use cape_core::session::KeyRequest;
use getrandom::SysRng;
use rand_core::UnwrapErr;
use support::{Client, Failed, Function, Platform, Runtime, Settings, account, now};

const ECHO: &str = "def cape_handler(data):\n    return data\n";

async fn deployed(runtime: &Runtime<'_>, account: &Account, settings: Settings) -> (Client, Function) {
    let function = Function::with(runtime.platform, account, &[("app.py", ECHO.as_bytes())], settings);
    let mut client = runtime.connect().await;
    client.deploy(account, &function).await.unwrap();
    (client, function)
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_right_credentials_run_a_function() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let (owner, stranger) = (account(), account());
    let (mut client, function) = deployed(&runtime, &owner, Settings::default()).await;
    let other = Settings { version: 2, ..Settings::default() };
    let other = Function::with(&platform, &owner, &[("app.py", b"x")], other);
    let checksum = function.checksum();

    let expired = token(&owner, &function, |token| {
        token.issued_at = now().minus(Duration::from_secs(7200));
        token.expires = now().minus(Duration::from_secs(3600));
    });
    let early = token(&owner, &function, |token| token.issued_at = now().plus(Duration::from_secs(600)));
    let foreign = token(&stranger, &function, |_| {});
    let mut altered = function.token(&owner);
    altered.replace_range(60..61, if &altered[60..61] == "A" { "B" } else { "A" });
    for (token, class) in [
        (other.token(&owner), "TokenWrongFunction"),
        (expired, "TokenExpired"),
        (early, "TokenInvalid"),
        (foreign, "TokenInvalid"),
        (altered, "TokenInvalid"),
        ("".to_owned(), "TokenInvalid"),
        (client.owner_proof(&owner), "TokenInvalid"),
    ] {
        let failed = client.run(checksum, &token, b"x").await.unwrap_err();
        assert_eq!(failed.name(), class, "{failed:?}");
    }
    let failed = client.call(support::run_request(checksum), b"x").await.unwrap_err();
    assert_eq!(failed.name(), "PermissionDenied");
    assert_eq!(client.run_own(&stranger, checksum, b"x").await.unwrap_err().name(), "PermissionDenied");
    // The proof of another session of the very same account.
    let replayed = runtime.connect().await.owner_proof(&owner);
    let mut open = support::run_request(checksum);
    open.owner_proof = Some(replayed);
    assert_eq!(client.call(open, b"x").await.unwrap_err().name(), "PermissionDenied");
    assert_eq!(client.run(checksum, &function.token(&owner), b"x").await.unwrap().output, b"x");
    assert_eq!(client.run_own(&owner, other.checksum(), b"x").await.unwrap_err().name(), "NotFound");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_account_itself_deploys() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let (owner, stranger) = (account(), account());
    let function = Function::new(&platform, &owner, ECHO);
    let mut client = runtime.connect().await;
    assert_eq!(client.deploy(&stranger, &function).await.unwrap_err().name(), "PermissionDenied");
    let request = cape_core::session::Request::Deploy { manifest: function.manifest.text().to_owned() };
    let open = cape_core::session::Open::new(request);
    assert_eq!(client.call(open, &function.bundle).await.unwrap_err().name(), "PermissionDenied");
    assert_eq!(platform.blobs.names(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn revoked_tokens_and_stale_lists_are_refused() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let owner = account();
    let settings = Settings { revocation_max_age_s: Some(60), ..Settings::default() };
    let (mut client, function) = deployed(&runtime, &owner, settings).await;
    let (kept, revoked) = (function.token(&owner), function.token(&owner));
    let jti = Signed::<Token>::read(&revoked).unwrap().jti.clone();
    let list = |number, age, jtis: &[String]| {
        let issued = now().minus(Duration::from_secs(age));
        let mut list = RevocationList::new(owner.id(), number, issued);
        list.jtis = jtis.to_vec();
        Signed::sign(list, &owner).unwrap().text().to_owned()
    };
    let mut run = async |token: &str, lists: Vec<String>| {
        let mut open = support::run_request(function.checksum());
        (open.token, open.statements) = (Some(token.to_owned()), lists);
        client.call(open, b"x").await.map(|answer| answer.output)
    };
    let name = |result: Result<Vec<u8>, Failed>| result.unwrap_err().name().to_owned();
    assert_eq!(name(run(&kept, vec![]).await), "PermissionDenied", "no list");
    assert_eq!(name(run(&kept, vec![list(1, 120, &[])]).await), "PermissionDenied", "an old list");
    assert_eq!(run(&kept, vec![list(5, 0, std::slice::from_ref(&jti))]).await.unwrap(), b"x");
    assert_eq!(name(run(&revoked, vec![list(5, 0, &[jti])]).await), "TokenRevoked");
    assert_eq!(
        name(run(&revoked, vec![list(4, 0, &[])]).await),
        "PermissionDenied",
        "a list before the last"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_defects_the_first_in_the_specifications_order_is_told() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let (mut client, function) = deployed(&runtime, &account(), Settings::default()).await;
    for token in [None, Some("no token".to_owned())] {
        let mut open = support::run_request(function.checksum());
        (open.token, open.statements) = (token, vec!["no record".to_owned()]);
        assert_eq!(client.call(open, b"x").await.unwrap_err().name(), "ProtocolError");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ciphertext_opens_for_the_accounts_functions_within_its_rules() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let (alice, bob) = (account(), account());
    let (mut client, function) = deployed(&runtime, &alice, Settings::default()).await;
    let (_, of_bob) = deployed(&runtime, &bob, Settings::default()).await;
    let other_checksum = of_bob.checksum();
    for kem in [Kem::XWing, Kem::X25519] {
        let key = key(&mut client, &alice, kem, &[]).await;
        let sealed = |rules: &[(&str, &str)]| seal(b"secret", &key, rules);
        let (mine, others) = (function.checksum().to_string(), other_checksum.to_string());
        let hour = Duration::from_secs(3600);
        let (later, before) = (now().plus(hour).to_string(), now().minus(hour).to_string());
        for allowed in [
            &[][..],
            &[("cape.functions", mine.as_str()), ("cape.not_after", &later)],
            &[("cape.functions", &format!("{others} {mine}"))],
            &[("note", "anything")],
        ] {
            let answer = client.run_own(&alice, function.checksum(), &sealed(allowed)).await.unwrap();
            assert_eq!(answer.output, b"secret");
        }
        for forbidden in [("cape.functions", others.as_str()), ("cape.not_after", &before)] {
            let failed =
                client.run_own(&alice, function.checksum(), &sealed(&[forbidden])).await.unwrap_err();
            assert_eq!(failed.name(), "UseForbidden", "{failed:?}");
        }

        // To Bob's function it is only bytes that it cannot open.
        let failed = client.run_own(&bob, other_checksum, &sealed(&[])).await.unwrap_err();
        assert_eq!(failed.name(), "DecryptFailed", "{failed:?}");
        let mut altered = sealed(&[]);
        let last = altered.len() - 1;
        altered[last] = if altered[last] == b'A' { b'E' } else { b'A' };
        assert!(client.run_own(&alice, function.checksum(), &altered).await.is_err());
    }
    for (other, class) in [(&b"cape:AAAA"[..], "UnsupportedFormat"), (b"cape:3:AAAA", "UnsupportedFormat")] {
        let failed = client.run_own(&alice, function.checksum(), other).await.unwrap_err();
        assert_eq!(failed.name(), class, "{failed:?}");
    }
    assert_eq!(client.run_own(&alice, function.checksum(), b"cape").await.unwrap().output, b"cape");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_later_epochs_need_the_accounts_record_and_open_too() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let alice = account();
    let (mut client, function) = deployed(&runtime, &alice, Settings::default()).await;
    let first = key(&mut client, &alice, Kem::XWing, &[]).await;
    for (epoch, opens) in [(1, true), (15, true), (16, false)] {
        let record = EpochRecord { v: Version, account: alice.id(), epoch };
        let record = Signed::sign(record, &alice).unwrap().text().to_owned();
        let key = key(&mut client, &alice, Kem::XWing, &[record]).await;
        assert!(key.as_raw() != first.as_raw());
        let result = client.run_own(&alice, function.checksum(), &seal(b"x", &key, &[])).await;
        match result {
            Ok(answer) => assert!(opens && answer.output == b"x"),
            Err(failed) => assert!(!opens && failed.name() == "DecryptFailed", "{failed:?}"),
        }
    }
    let stranger = account();
    let record = EpochRecord { v: Version, account: stranger.id(), epoch: 1 };
    let record = Signed::sign(record, &stranger).unwrap().text().to_owned();
    let request = KeyRequest { account: *alice.id().as_bytes(), kem: Kem::XWing };
    assert_eq!(client.key(request, &[record]).await.unwrap_err().name(), "PermissionDenied");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_description_is_what_the_document_vouches_for() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let mut client = runtime.connect().await;
    // The session refuses an answer whose bytes are not those of the document's hashes.
    let answer = client.describe().await;
    let description = cape_core::session::RuntimeDescription::decode(&answer.description).unwrap();
    assert_eq!(description.python, platform.python_version);
    assert_eq!(description.platform, platform.platform);
    let layers: Vec<_> = description.isolation.iter().filter(|layer| layer.required).collect();
    assert_eq!(layers.len(), 4);
    assert!(layers.iter().all(|layer| layer.off_because.is_none()), "{layers:?}");
    let clock = answer.state.clock_ms.unwrap();
    assert!(clock.abs_diff(now().as_millis()) < 60_000);
    assert_eq!(client.session.attestation().vault(), Some(platform.vault));
}

async fn key(client: &mut Client, account: &Account, kem: Kem, statements: &[String]) -> PublicKey {
    let request = KeyRequest { account: *account.id().as_bytes(), kem };
    let answer = client.key(request, statements).await.unwrap();
    let key_type = match kem {
        Kem::XWing => KeyType::XWing,
        Kem::X25519 => KeyType::X25519,
    };
    PublicKey::from_raw(key_type, answer.public_key.as_bytes()).unwrap()
}

fn seal(plaintext: &[u8], key: &PublicKey, context: &[(&str, &str)]) -> Vec<u8> {
    let context = Context::new(context.iter().map(|(key, value)| (*key, value.as_bytes()))).unwrap();
    let rng = &mut UnwrapErr(SysRng);
    seal_text(plaintext, &[key], &context, b"", SealOptions::default(), rng).unwrap().into_bytes()
}

fn token(account: &Account, function: &Function, change: impl FnOnce(&mut Token)) -> String {
    let hour = Duration::from_secs(3600);
    let mut token = Token::new(account.id(), function.checksum(), now(), hour, &mut UnwrapErr(SysRng));
    change(&mut token);
    Signed::sign(token, account).unwrap().text().to_owned()
}
