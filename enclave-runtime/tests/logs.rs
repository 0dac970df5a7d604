//! What a function prints is its caller's, if the caller asks, and nobody else's.

mod support;

use cape_core::identity::Account;
use cape_core::session::MAX_LOG;
use support::{Answer, Client, Failed, Function, Platform, Runtime, account};

/// Runs a function and asks for its log.
async fn run(
    client: &mut Client,
    account: &Account,
    function: &Function,
    input: &[u8],
) -> (Result<Answer, Failed>, String) {
    let mut open = client.own_run_request(account, function.checksum());
    open.options.log = true;
    let result = client.call(open, input).await;
    (result, String::from_utf8(std::mem::take(&mut client.log)).unwrap())
}

async fn deployed(runtime: &Runtime<'_>, source: &str) -> (Client, Account, Function) {
    let account = account();
    let function = Function::new(runtime.platform, &account, source);
    let mut client = runtime.connect().await;
    client.deploy(&account, &function).await.unwrap();
    (client, account, function)
}

const PRINTS: &str = "import ctypes, logging, os, subprocess, sys, threading
print('imported')
CHILD = 'import os; os.write(1, b\"from a child \"); os.write(2, b\"from its stderr\" + bytes([10]))'
logging.basicConfig(level=logging.INFO)
def cape_handler(data, context):
    print('printed')
    print('to stderr', file=sys.stderr, flush=True)
    logging.info('logged')
    os.write(1, b'from a descriptor\\n')
    subprocess.run([sys.executable, '-I', '-c', CHILD], check=True)
    ctypes.CDLL(None).puts(b'from C')
    ctypes.CDLL(None).fflush(None)
    thread = threading.Thread(target=print, args=('from a thread',))
    thread.start()
    thread.join()
    context.log('from the context \\udcff')
    sys.stdout.buffer.write(b'bytes\\n')
    if data: raise ValueError(data)
    return b'output'
";

#[tokio::test(flavor = "multi_thread")]
async fn whatever_way_a_function_prints_its_caller_has_it_who_asks() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let (mut client, account, function) = deployed(&runtime, PRINTS).await;
    let expected = "printed\nto stderr\nINFO:root:logged\nfrom a descriptor\nfrom a child from its stderr\n\
        from C\nfrom a thread\nfrom the context \\udcff\nbytes\n";
    for _ in 0..2 {
        let (result, log) = run(&mut client, &account, &function, b"").await;
        assert_eq!((result.unwrap().output.as_slice(), log.as_str()), (&b"output"[..], expected));
        // Without being asked for, LOG would be a violation.
        client.run_own(&account, function.checksum(), b"").await.unwrap();
        assert!(client.log.is_empty());
    }
    let (result, log) = run(&mut client, &account, &function, b"fail").await;
    assert_eq!((result.unwrap_err().name(), log.as_str()), ("FunctionError", expected));
    for word in ["printed", "imported", "child"] {
        assert!(!runtime.log().contains(word), "the operator's log is free of the function's words");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_printed_is_there_while_the_function_runs() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let source = "import time\ndef cape_handler(data):\n    print('begun')\n    time.sleep(1000)\n";
    let (mut client, account, function) = deployed(&runtime, source).await;
    let mut open = client.own_run_request(&account, function.checksum());
    open.options.log = true;
    let call = client.start(open, b"").await;
    assert_eq!(client.printed_line().await, "begun\n");
    client.cancel(call).await;
    assert_eq!(client.next_end().await.unwrap().1.unwrap_err().name, "Cancelled");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_cut_at_its_limit_and_the_call_goes_on() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let source = "import os, sys\ndef cape_handler(data):\n    \
        for _ in range(100): print('x' * 99_999)\n    \
        for _ in range(100): os.write(2, b'y' * 99_999)\n    return b'done'\n";
    let (mut client, account, function) = deployed(&runtime, source).await;
    let (result, log) = run(&mut client, &account, &function, b"").await;
    assert_eq!(result.unwrap().output, b"done");
    assert_eq!(log.len(), MAX_LOG);
    assert!(log.ends_with("the rest is dropped]\n"), "{}", &log[log.len() - 100..]);
    assert!(log.starts_with(&"x".repeat(99_999)));
}

/// What belongs to an earlier call goes on to print in each later one: a thread that is there
/// already, one that it starts, a task of the event loop, a process. That call waits until each has begun.
const LEFT_BEHIND: &str = "import asyncio, os, subprocess, sys, threading, time
left = threading.Event()
printed = [threading.Event() for _ in range(3)]
def late_from_its_thread():
    print('LATE from its thread')
    printed[1].set()
def late():
    while not left.wait(0.005):
        print('LATE from a thread')
        printed[0].set()
        threading.Thread(target=late_from_its_thread).start()
CHILD = '''
import os, sys, time
late = b'LATE from a child '
os.write(1, late)
os.write(int(sys.argv[1]), b'x')
while os.write(1, late): time.sleep(0.005)
'''
async def task():
    while True:
        await asyncio.sleep(0.005)
        print('LATE from a task', file=sys.stderr)
        printed[2].set()
async def cape_handler(data):
    if data == b'leave':
        threading.Thread(target=late, daemon=True).start()
        cape_handler.task = asyncio.create_task(task())
        there, tell = os.pipe()
        subprocess.Popen([sys.executable, '-I', '-c', CHILD, str(tell)], pass_fds=[tell])
        await asyncio.to_thread(os.read, there, 1)
        for event in printed:
            await asyncio.to_thread(event.wait)
    for number in range(40):
        await asyncio.sleep(0.01)
        await asyncio.to_thread(print, data.decode(), number)
";

#[tokio::test(flavor = "multi_thread")]
async fn what_an_earlier_call_left_behind_prints_to_nobody() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let source = format!("{LEFT_BEHIND}    return b''\n");
    for asked in [true, false] {
        let (mut client, account, function) = deployed(&runtime, &source).await;
        if asked {
            let (result, log) = run(&mut client, &account, &function, b"leave").await;
            result.unwrap();
            assert!(log.contains("LATE from a thread"), "{log}");
            assert!(log.contains("LATE from its thread"), "{log}");
            assert!(log.contains("LATE from a task"), "{log}");
            assert!(log.contains("LATE from a child"), "{log}");
        } else {
            client.run_own(&account, function.checksum(), b"leave").await.unwrap();
        }
        for input in ["second", "third"] {
            let (result, log) = run(&mut client, &account, &function, input.as_bytes()).await;
            result.unwrap();
            let expected: String = (0..40).map(|number| format!("{input} {number}\n")).collect();
            assert_eq!(log, expected);
        }
    }
}
