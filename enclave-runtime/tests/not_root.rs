//! A runtime of an ordinary user: a namespace of its own gives it what the layers need.

mod support;

use cape_core::session::RuntimeDescription;
use support::{Function, Platform, account};

/// Tells what it finds of the machine.
const LOOK: &str = "import os\ndef cape_handler(data):\n    open('/tmp/file', 'w').close()\n    \
    return f'{os.getuid()} {os.listdir(\"/tmp\")} {os.path.exists(\"/etc/hosts\")}'\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_user_has_every_layer_but_those_of_root_and_of_the_machine() {
    let platform = Platform::new().await;
    let Some(runtime) = platform.start_as_a_user() else {
        return eprintln!("skipped: users may have no namespaces here");
    };
    let account = account();
    let mut client = runtime.connect().await;
    let description = RuntimeDescription::decode(&client.describe().await.description).unwrap();
    let off =
        description.isolation.iter().filter_map(|layer| Some((&*layer.name, layer.off_because.as_deref()?)));
    let off: Vec<_> = off.filter(|(name, _)| *name != "control_group").collect();
    assert_eq!(off, [("own_user", "the runtime is not root")]);
    let function = Function::new(&platform, &account, LOOK);
    client.deploy(&account, &function).await.unwrap();
    let answer = client.run_own(&account, function.checksum(), b"").await.unwrap();
    assert_eq!(String::from_utf8_lossy(&answer.output), "1000 ['file'] False");
}
