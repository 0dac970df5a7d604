//! An image has sources of Python alone: what the runtime makes of them when it begins.

use cape_core::identity::{Account, Checksum};
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::support::enclave::Enclave;
use crate::support::function::{Function, Settings, account};
use crate::trial;

/// Tells of modules where they are compiled, whether the interpreter takes that as it is, and who may
/// change it.
const PRYING: &str = r#"
import errno, json, os
from importlib.machinery import SourceFileLoader
from importlib.util import find_spec

class Compiled(SourceFileLoader):
    def source_to_code(self, *arguments, **options):
        raise ImportError("it would be compiled anew")

def cape_handler(data):
    return json.dumps([look_at(find_spec(name)) for name in json.loads(data)])

def look_at(spec):
    try:
        Compiled(spec.name, spec.origin).get_code(spec.name)
    except ImportError as error:
        return str(error)
    place = spec.cached.split("/")[1]
    return [place, opened(spec.cached, os.O_WRONLY), opened(spec.cached + ".new", os.O_CREAT)]

def opened(path, flags):
    try:
        os.close(os.open(path, flags))
    except OSError as error:
        return errno.errorcode[error.errno]
"#;

/// What every interpreter begins with.
const FIRST: [&str; 4] = ["_cape_worker", "encodings", "encodings.utf_8", "struct"];

/// What functions may import.
const LIBRARY: [&str; 4] = ["asyncio.events", "decimal", "json.decoder", "xml.etree.ElementTree"];

pub(crate) fn trials() -> Vec<Trial> {
    vec![trial("bytecode::is_made_at_the_start_and_taken_by_all", is_made_at_the_start_and_taken_by_all)]
}

async fn is_made_at_the_start_and_taken_by_all() {
    let enclave = Enclave::boot("served").await;
    let account = account();
    let settings = Settings { memory_mib: 128, timeout_s: 120, ..Settings::default() };
    let files = [("app.py", PRYING.as_bytes())];
    let function = Function::with(&enclave.platform().await, &account, &files, settings);
    enclave.client().await.deploy(&account, &function).await.unwrap();
    for _ in 0..3 {
        assert_are_taken(&enclave, &account, function.checksum(), &FIRST).await;
    }
    enclave.host.logged("the standard library is byte-compiled").await;
    assert_are_taken(&enclave, &account, function.checksum(), &LIBRARY).await;
}

/// Asks a worker of its own.
async fn assert_are_taken(enclave: &Enclave, account: &Account, function: Checksum, modules: &[&str]) {
    let input = json!(modules).to_string();
    let mut client = enclave.client().await;
    let output = client.run(account, function, input.as_bytes()).await.unwrap().output;
    for (module, looked_at) in modules.iter().zip(serde_json::from_slice::<Vec<Value>>(&output).unwrap()) {
        let changed = looked_at[1].as_str().unwrap_or("it may be changed");
        assert!(["EACCES", "EROFS"].contains(&changed), "{module}: {looked_at}");
        assert_eq!(looked_at, json!(["pycache", changed, "EROFS"]), "{module}");
    }
}
