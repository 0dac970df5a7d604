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

/// The suite's own handler, and what it declares of each attempt: numbers of errno, names of ours.
const APP: &str = r#"
import errno, json
import suite
cape_fork_safe = True
def cape_handler(data):
    if data != b"list": return suite.cape_handler(data)
    layered = {name: attempt.refused for name, attempt in suite.ATTEMPTS.items() if attempt.layers}
    return json.dumps({name: [getattr(errno, e, e) for e in errors] for name, errors in layered.items()})
"#;

/// ENOSYS, ENOPROTOOPT, EPROTONOSUPPORT, EAFNOSUPPORT: a kernel has no such thing, and the enclave's leaves
/// out much.
const NO_SUCH_THING: [i32; 4] = [38, 92, 93, 97];

/// The suite's parts, each of which has a machine of its own: an emulated one gets through a part of them
/// while its clock is still right.
const PARTS: [&str; 7] = ["files", "kernel", "network", "observation", "processes", "resources", "supplies"];

pub(crate) fn trials() -> Vec<Trial> {
    let name = |part| format!("escapes::attempts_of_{part}_are_refused_as_they_are_elsewhere");
    PARTS
        .into_iter()
        .map(|part| trial(&name(part), move || are_refused_as_they_are_elsewhere(part)))
        .collect()
}

async fn are_refused_as_they_are_elsewhere(part: &str) {
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
    let declared: BTreeMap<String, Vec<Value>> = serde_json::from_slice(&listed).unwrap();
    assert!(declared.len() >= 150, "{}", declared.len());
    let part_of = |name: &str| PARTS.into_iter().find(|part| name.starts_with(&format!("{part}.")));
    assert!(declared.keys().all(|name| part_of(name).is_some()), "{declared:?}");

    let mut wrong = Vec::new();
    for (name, refused) in declared.iter().filter(|(name, _)| part_of(name) == Some(part)) {
        let input = json!([name, facts()]).to_string();
        let outcome = match client.run(&account, function.checksum(), input.as_bytes()).await {
            Ok(answer) => format!("succeeded: {}", String::from_utf8_lossy(&answer.output)).into(),
            Err(failed) => reason(&failed),
        };
        if !refused.contains(&outcome) && !NO_SUCH_THING.iter().any(|number| outcome == *number) {
            wrong.push(format!("{name}: {outcome}, not one of {refused:?}"));
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
        // The kernel's own processes, which are beside the runtime. The number of that one, 1, is inside of
        // a worker's namespace a number of its own.
        "decoy": 9,
        "descriptor": 9,
        "enclave_port": 7000,
        "host_name": "enclave",
        "memory_bytes": MEMORY_MIB << 20,
        "platform_port": 7001,
        "processes": 64,
        "runtime": 10,
        "scratch_bytes": 16 << 20,
        "secret_file": "/etc/hosts",
        "shared_memory_key": 0x4300_0000,
        "vault_key": "/cape/vault.key",
    })
}

/// What an attempt ended with: the number of errno, or the class of the error.
fn reason(failed: &Failed) -> Value {
    let number = failed.message().strip_prefix("[Errno ").and_then(|rest| rest.split(']').next());
    match number.and_then(|number| number.parse::<i32>().ok()) {
        Some(number) => number.into(),
        None if failed.class() == "FunctionOutOfMemory" => failed.class().into(),
        None => format!("{}: {}", failed.class(), failed.message()).into(),
    }
}
