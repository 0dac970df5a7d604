//! The attempts to escape of `tests/escapes`, made inside the booted image.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cape_core::identity::Isolation;
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::support::enclave::Enclave;
use crate::support::function::{Function, Settings, account};
use crate::support::session::Failed;
use crate::trial;

const MEMORY_MIB: u32 = 128;

/// The suite's own handler, and what it declares of each attempt.
const APP: &str = r#"
import json
import suite
cape_fork_safe = True
def cape_handler(data):
    if data != b"list": return suite.cape_handler(data)
    return json.dumps({name: attempt.refused for name, attempt in suite.ATTEMPTS.items() if attempt.layers})
"#;

/// Errors by which a kernel says that it has no such thing: the enclave's leaves out much.
const NO_SUCH_THING: [&str; 4] = ["ENOSYS", "ENOPROTOOPT", "EPROTONOSUPPORT", "EAFNOSUPPORT"];

pub(crate) fn trials() -> Vec<Trial> {
    vec![trial("escapes::are_refused_as_they_are_elsewhere", are_refused_as_they_are_elsewhere)]
}

async fn are_refused_as_they_are_elsewhere() {
    let enclave = Enclave::boot("served").await;
    let account = account();
    let files = bundle();
    let files: Vec<(&str, &[u8])> =
        files.iter().map(|(name, text)| (name.as_str(), text.as_slice())).collect();
    let settings =
        Settings { memory_mib: MEMORY_MIB, timeout_s: 60, isolation: Isolation::Call, ..Settings::default() };
    let function = Function::with(&enclave.platform().await, &account, &files, settings);
    let mut client = enclave.client().await;
    client.deploy(&account, &function).await.unwrap();
    let listed = client.run(&account, function.checksum(), b"list").await.unwrap().output;
    let declared: BTreeMap<String, Vec<String>> = serde_json::from_slice(&listed).unwrap();
    assert!(declared.len() >= 150, "{}", declared.len());

    let mut wrong = Vec::new();
    for (name, refused) in &declared {
        let input = json!([name, facts()]).to_string();
        let outcome = match client.run(&account, function.checksum(), input.as_bytes()).await {
            Ok(answer) => format!("succeeded: {}", String::from_utf8_lossy(&answer.output)),
            Err(failed) => reason(&failed),
        };
        if !refused.contains(&outcome) && !NO_SUCH_THING.contains(&outcome.as_str()) {
            wrong.push(format!("{name}: {outcome}, not {}", refused.join(" or ")));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), declared.len(), wrong.join("\n"));
}

/// The suite's folder with its handler under another name.
fn bundle() -> Vec<(String, Vec<u8>)> {
    let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/escapes/function");
    let mut files = vec![("app.py".to_owned(), APP.as_bytes().to_vec())];
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "py") {
            let name = path.file_name().unwrap().to_str().unwrap().replace("app.py", "suite.py");
            files.push((name, std::fs::read(&path).unwrap()));
        }
    }
    files.sort();
    files
}

/// What the attempts are told: of this machine, where it has it.
fn facts() -> Value {
    json!({
        "abstract_socket": "cape-escape",
        "blobs_socket": "/run/cape/blobs",
        "caller": "one",
        "control_plane": "http://127.0.0.1:7000",
        "datagram_port": 7000,
        // The kernel's own processes are beside the runtime, which is the first.
        "decoy": 9,
        "descriptor": 9,
        "enclave_port": 7000,
        "host_name": "(none)",
        "memory_bytes": MEMORY_MIB << 20,
        "platform_port": 7001,
        "processes": 64,
        "runtime": 10,
        "scratch_bytes": 16 << 20,
        "secret_file": "/cape/settings.toml",
        "shared_memory_key": 0x4300_0000,
        "vault_key": "/cape/vault.key",
    })
}

/// The name of the error that an attempt ended with.
fn reason(failed: &Failed) -> String {
    let number = failed.message().strip_prefix("[Errno ").and_then(|rest| rest.split(']').next());
    match number.and_then(|number| number.parse().ok()).and_then(name_of) {
        Some(name) => name.to_owned(),
        None if failed.class() == "FunctionOutOfMemory" => failed.class().to_owned(),
        None => format!("{}: {}", failed.class(), failed.message()),
    }
}

fn name_of(number: i32) -> Option<&'static str> {
    Some(match number {
        1 => "EPERM",
        2 => "ENOENT",
        3 => "ESRCH",
        9 => "EBADF",
        10 => "ECHILD",
        11 => "EAGAIN",
        12 => "ENOMEM",
        13 => "EACCES",
        18 => "EXDEV",
        22 => "EINVAL",
        24 => "EMFILE",
        27 => "EFBIG",
        28 => "ENOSPC",
        30 => "EROFS",
        38 => "ENOSYS",
        92 => "ENOPROTOOPT",
        93 => "EPROTONOSUPPORT",
        97 => "EAFNOSUPPORT",
        99 => "EADDRNOTAVAIL",
        101 => "ENETUNREACH",
        111 => "ECONNREFUSED",
        _ => return None,
    })
}
