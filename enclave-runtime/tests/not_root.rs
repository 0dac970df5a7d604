//! A runtime of an ordinary user: a namespace of its own gives it what the layers need.

mod support;

use cape_core::session::RuntimeDescription;
use support::{Function, Platform, Settings, account};

/// Tells what it finds of the machine.
const LOOK: &str = "import os\ndef cape_handler(data):\n    open('/tmp/file', 'w').close()\n    \
    large = open('large', 'rb').read()\n    \
    return f'{os.getuid()} {os.listdir(\"/tmp\")} {os.path.exists(\"/etc/hosts\")} {large == bytes(2 << 20)}'\n";

/// What the kernel counts for a user, whom the runtime is too: a handler that waits does without.
const WATCH: &str = "import asyncio, errno, select
async def cape_handler(data):
    \
    await asyncio.sleep(0.01)\n    \
    try:\n        select.epoll()\n    \
    except OSError as error:\n        return errno.errorcode[error.errno]\n    return 'watched'\n";

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
    let files: [(&str, &[u8]); 2] = [("app.py", LOOK.as_bytes()), ("large", &[0; 2 << 20])];
    let function = Function::with(&platform, &account, &files, Settings::default());
    client.deploy(&account, &function).await.unwrap();
    let answer = client.run_own(&account, function.checksum(), b"").await.unwrap();
    assert_eq!(String::from_utf8_lossy(&answer.output), "1000 ['file'] False True");

    let function = Function::new(&platform, &account, WATCH);
    client.deploy(&account, &function).await.unwrap();
    let answer = client.run_own(&account, function.checksum(), b"").await.unwrap();
    assert_eq!(answer.output, b"ENOSYS");
}
