//! What sessions cost while nobody calls.

mod support;

use support::Platform;

const SESSIONS: u64 = 1000;

/// Bytes of the runtime's memory for each.
const LIMIT: u64 = 64 << 10;

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_idle_sessions_need_little_memory() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let mut clients = Vec::new();
    // What is needed once, the first sessions have brought about.
    for _ in 0..20 {
        let mut client = runtime.connect().await;
        client.describe().await;
        clients.push(client);
    }
    let before = runtime.memory();
    for _ in 0..SESSIONS {
        let mut client = runtime.connect().await;
        client.describe().await;
        clients.push(client);
    }
    let each = (runtime.memory() - before) / SESSIONS;
    println!("{each} bytes a session");
    assert!(each <= LIMIT, "{each} bytes a session");
    let (first, last) =
        (clients.first_mut().unwrap().describe().await, clients.last_mut().unwrap().describe().await);
    assert_eq!(first.description, last.description);
}
