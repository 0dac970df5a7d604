//! A host that swaps, alters, loses, withholds and pads what it stores: the right error, for that
//! function alone, and as soon as the blob is back the function runs.

mod support;

use cape_core::identity::{Account, Checksum};
use support::{Client, Function, Ill, Platform, Settings, account};

const KINDS: [(&str, &str); 2] = [("01", "bundle"), ("02", "manifest")];

/// What the host does to a blob; the function is there for it alone.
enum Harm {
    /// It has this in its place.
    Bytes(Vec<u8>),
    /// It has nothing.
    Missing,
    /// It does something else than to send it.
    Ill(Ill),
}

/// A function whose bundle or manifest is harmed.
struct Victim {
    what: String,
    blob: String,
    kept: Vec<u8>,
    harm: Harm,
    function: Checksum,
    expected: &'static str,
}

/// Other blobs that the host has, of the same kind.
#[derive(Clone)]
struct Others {
    account: Vec<u8>,
    function: Vec<u8>,
    vault: Vec<u8>,
    version: Vec<u8>,
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_the_host_does_to_a_blob_it_is_the_right_error_and_no_other_function() {
    let platform = Platform::new().await;
    let (alice, bob) = (account(), account());
    let (witness, victims) = {
        let runtime = platform.start();
        let mut client = runtime.connect().await;
        let witness = deploy(&platform, &mut client, &alice, "witness", 1).await;
        let of_bob = deploy(&platform, &mut client, &bob, "of bob", 1).await;
        let mut victims = Vec::new();
        for (kind, kind_name) in KINDS {
            let others = Others {
                account: blob(&platform, kind, of_bob),
                function: blob(&platform, kind, witness),
                vault: of_another_vault(&alice, kind).await,
                version: Vec::new(),
            };
            for index in 0..harms(kind, &[0; 100], &others).len() {
                let name = format!("{kind_name} {index}");
                let before = deploy(&platform, &mut client, &alice, &name, 1).await;
                let function = deploy(&platform, &mut client, &alice, &name, 2).await;
                let kept = blob(&platform, kind, function);
                let version = blob(&platform, kind, before);
                let others = Others { version, ..others.clone() };
                let (what, harm, expected) = harms(kind, &kept, &others).swap_remove(index);
                let what = format!("{kind_name}: {what}");
                victims.push(Victim {
                    what,
                    blob: format!("{kind}{function}"),
                    kept,
                    harm,
                    function,
                    expected,
                });
            }
        }
        (witness, victims)
    };
    for victim in &victims {
        match &victim.harm {
            Harm::Bytes(bytes) => platform.blobs.put(&victim.blob, bytes.clone()),
            Harm::Missing => platform.blobs.delete(&victim.blob),
            Harm::Ill(ill) => platform.blobs.fall_ill(&victim.blob, Some(*ill)),
        }
    }
    let runtime = platform.start();
    // All at once: a host that sends nothing is waited for for a while.
    let failed = victims.iter().map(|victim| async {
        let mut client = runtime.connect().await;
        let failed = client.run_own(&alice, victim.function, b"x").await;
        assert_eq!(failed.unwrap_err().name(), victim.expected, "{}", victim.what);
    });
    let unharmed = async {
        let mut client = runtime.connect().await;
        for _ in 0..20 {
            assert_eq!(client.run_own(&alice, witness, b"x").await.unwrap().output, b"witness 1: x");
        }
    };
    tokio::join!(futures_util::future::join_all(failed), unharmed);
    let mut client = runtime.connect().await;
    for victim in victims {
        platform.blobs.fall_ill(&victim.blob, None);
        platform.blobs.put(&victim.blob, victim.kept);
        let output = client.run_own(&alice, victim.function, b"x").await.expect(&victim.what).output;
        assert!(output.ends_with(b" 2: x"), "{}", victim.what);
    }
}

/// What is done to the blob `own`, and the error that its function's callers get.
fn harms(kind: &str, own: &[u8], others: &Others) -> Vec<(&'static str, Harm, &'static str)> {
    let flipped = |at: usize| {
        let mut bytes = own.to_vec();
        bytes[at] ^= 1;
        Harm::Bytes(bytes)
    };
    let cut = |length: usize| Harm::Bytes(own[..length].to_vec());
    let missing = if kind == "01" { "FunctionCorrupted" } else { "NotFound" };
    vec![
        ("of another account", Harm::Bytes(others.account.clone()), "FunctionCorrupted"),
        ("of another function", Harm::Bytes(others.function.clone()), "FunctionCorrupted"),
        ("of the version before", Harm::Bytes(others.version.clone()), "FunctionCorrupted"),
        ("of another vault", Harm::Bytes(others.vault.clone()), "FunctionCorrupted"),
        ("first bit", flipped(0), "FunctionCorrupted"),
        ("a bit in the middle", flipped(own.len() / 2), "FunctionCorrupted"),
        ("last bit", flipped(own.len() - 1), "FunctionCorrupted"),
        ("empty", cut(0), "FunctionCorrupted"),
        ("cut in its prefix", cut(10), "FunctionCorrupted"),
        ("cut by a byte", cut(own.len() - 1), "FunctionCorrupted"),
        ("longer", Harm::Bytes([own, b"x"].concat()), "FunctionCorrupted"),
        ("twice", Harm::Bytes([own, own].concat()), "FunctionCorrupted"),
        ("missing", Harm::Missing, missing),
        ("endless", Harm::Ill(Ill::Endless), "FunctionCorrupted"),
        ("an error", Harm::Ill(Ill::Error), "ServiceError"),
        ("broken off", Harm::Ill(Ill::Short), "ServiceError"),
        ("never sent", Harm::Ill(Ill::Silent), "ServiceError"),
    ]
}

/// A function that says which one it is.
async fn deploy(
    platform: &Platform,
    client: &mut Client,
    account: &Account,
    name: &str,
    version: u64,
) -> Checksum {
    let source = format!("def cape_handler(data):\n    return b'{name} {version}: ' + data\n");
    let settings = Settings { version, ..Settings::default() };
    let function = Function::with(platform, account, &[("app.py", source.as_bytes())], settings);
    client.deploy(account, &function).await.unwrap();
    function.checksum()
}

fn blob(platform: &Platform, kind: &str, function: Checksum) -> Vec<u8> {
    platform.blobs.get(&format!("{kind}{function}")).unwrap()
}

/// The same account's blob on another platform, of the same code.
async fn of_another_vault(account: &Account, kind: &str) -> Vec<u8> {
    let elsewhere = Platform::new().await;
    let runtime = elsewhere.start();
    let mut client = runtime.connect().await;
    let function = deploy(&elsewhere, &mut client, account, "witness", 1).await;
    blob(&elsewhere, kind, function)
}
