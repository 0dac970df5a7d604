//! What goes wrong in a function is its caller's to know, and costs nobody else anything.

mod support;

use support::{Client, Failed, Function, Platform, Runtime, Settings, account, eventually};

/// A call that needs a worker then loads it, which its usage tells.
const NONE_WAIT: &str = "warm_memory_mib = 0";

/// Deploys a function of this source and runs it once.
async fn run(runtime: &Runtime<'_>, client: &mut Client, source: &str, settings: Settings) -> Failed {
    let account = account();
    let files = [("app.py", source.as_bytes())];
    let function = Function::with(runtime.platform, &account, &files, settings);
    client.deploy(&account, &function).await.unwrap();
    client.run_own(&account, function.checksum(), b"").await.unwrap_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exception_comes_with_type_message_and_the_functions_own_frames() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let mut client = runtime.connect().await;
    let source = "def inner():\n    raise ValueError('Too Bad.')\n\ndef cape_handler(data):\n    inner()\n";
    let failed = run(&runtime, &mut client, source, Settings::default()).await;
    let error = failed.error();
    assert_eq!((error.name.as_str(), error.message.as_str()), ("FunctionError", "Too Bad."));
    assert_eq!(error.details["type"], "ValueError");
    let expected = "Traceback (most recent call last):\n  File \"app.py\", line 5, in cape_handler\n    inner()\n  \
        File \"app.py\", line 2, in inner\n    raise ValueError('Too Bad.')\nValueError: Too Bad.\n";
    assert_eq!(error.details["traceback"], expected);
    assert!(!runtime.log().contains("Too Bad"), "the operator's log is free of the function's words");

    for (source, kind) in [
        ("def cape_handler(data):\n    return 1\n", "TypeError"),
        ("def cape_handler(data):\n    raise SystemExit(3)\n", "SystemExit"),
        ("def cape_handler(data):\n    yield b'some'\n    raise KeyError('x')\n", "KeyError"),
        ("async def cape_handler(data):\n    raise KeyError('x')\n", "KeyError"),
        (
            "def cape_handler(data):\n    class Odd(Exception):\n        def __str__(self):\n            raise self\n    raise Odd\n",
            "Odd",
        ),
        ("import no_such_module\n", "ModuleNotFoundError"),
        ("def cape_handler(data)\n", "SyntaxError"),
        ("x = 1\n", "AttributeError"),
        ("def cape_handler(data):\n    raise type('x' * 5_000_000, (Exception,), {})\n", "xxxx"),
    ] {
        let failed = run(&runtime, &mut client, source, Settings::default()).await;
        assert_eq!(failed.name(), "FunctionError", "{source}");
        assert!(failed.error().details["type"].ends_with(kind), "{source}: {failed:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_exception_the_worker_goes_on() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let account = account();
    let source = "calls = 0\ndef cape_handler(data):\n    global calls\n    calls += 1\n    \
        if data == b'fail': raise ValueError\n    return str(calls)\n";
    let function = Function::new(&platform, &account, source);
    let mut client = runtime.connect().await;
    client.deploy(&account, &function).await.unwrap();
    assert_eq!(
        client.run_own(&account, function.checksum(), b"fail").await.unwrap_err().name(),
        "FunctionError"
    );
    assert_eq!(client.run_own(&account, function.checksum(), b"").await.unwrap().output, b"2");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_takes_too_long_is_stopped_with_what_it_started() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let account = account();
    let name = process_name("late", &runtime);
    let source = "import os, time\ndef cape_handler(data):\n    if data: return b''\n    \
        os.fork()\n    while True: time.sleep(1)\n";
    let source = format!("{}{source}", named(&name));
    let settings = Settings { timeout_s: 1, ..Settings::default() };
    let function = Function::with(&platform, &account, &[("app.py", source.as_bytes())], settings);
    let mut client = runtime.connect().await;
    client.deploy(&account, &function).await.unwrap();
    client.run_own(&account, function.checksum(), b"only load").await.unwrap();
    assert_eq!(processes_named(&name).len(), 1);
    let failed = client.run_own(&account, function.checksum(), b"").await.unwrap_err();
    assert_eq!((failed.name(), failed.error().details["timeout_s"].as_str()), ("FunctionTimeout", "1"));
    eventually(async || processes_named(&name).is_empty().then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_may_ask_for_less_time_than_the_manifest_gives() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let account = account();
    let function =
        Function::new(&platform, &account, "import time\ndef cape_handler(data):\n    time.sleep(60)\n");
    let mut client = runtime.connect().await;
    client.deploy(&account, &function).await.unwrap();
    let mut open = client.own_run_request(&account, function.checksum());
    open.options.deadline_ms = Some(300);
    let failed = client.call(open, b"").await.unwrap_err();
    assert_eq!((failed.name(), failed.error().details["timeout_s"].as_str()), ("FunctionTimeout", "0.3"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_callers_time_counts_from_open_through_import_and_input() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let account = account();
    let echo = "def cape_handler(data):\n    return data\n";
    let slow = Function::new(&platform, &account, &format!("import time\ntime.sleep(60)\n{echo}"));
    let quick = Function::new(&platform, &account, echo);
    let mut client = runtime.connect().await;
    for function in [&slow, &quick] {
        client.deploy(&account, function).await.unwrap();
        let mut open = client.own_run_request(&account, function.checksum());
        open.options.deadline_ms = Some(300);
        // Its input never comes.
        client.open_only(&open).await;
        let (_, result) = client.next_end().await.unwrap();
        let error = result.unwrap_err();
        assert_eq!((error.name.as_str(), error.details["timeout_s"].as_str()), ("FunctionTimeout", "0.3"));
    }
    assert_eq!(client.run_own(&account, quick.checksum(), b"x").await.unwrap().output, b"x");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_needs_too_much_memory_is_told_so() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let mut client = runtime.connect().await;
    for source in [
        "def cape_handler(data):\n    return len(bytearray(1 << 30))\n",
        "def cape_handler(data):\n    chunks = []\n    while True: chunks.append(bytearray(1 << 20))\n",
        "x = bytearray(1 << 30)\ndef cape_handler(data):\n    pass\n",
    ] {
        let settings = Settings { memory_mib: 128, ..Settings::default() };
        let failed = run(&runtime, &mut client, source, settings).await;
        assert_eq!(failed.name(), "FunctionOutOfMemory", "{source}: {failed:?}");
        assert_eq!(failed.error().details["memory_mib"], "128");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_dies_costs_its_own_call_only() {
    let platform = Platform::with_limits(NONE_WAIT).await;
    let runtime = platform.start();
    let account = account();
    let source = "import os, signal\ndef cape_handler(data):\n    \
        if data == b'segv': os.kill(os.getpid(), signal.SIGSEGV)\n    \
        if data == b'exit': os._exit(7)\n    \
        if data == b'close': os.closerange(0, 100)\n    \
        return data\n";
    let function = Function::new(&platform, &account, source);
    let mut client = runtime.connect().await;
    client.deploy(&account, &function).await.unwrap();
    let (checksum, other) = (function.checksum(), function.token(&account));
    assert_eq!(client.run(checksum, &other, b"before").await.unwrap().output, b"before");
    for (input, signal) in [(&b"segv"[..], Some("11")), (b"exit", None), (b"close", None)] {
        let failed = client.run_own(&account, checksum, input).await.unwrap_err();
        assert_eq!(failed.name(), "FunctionCrashed");
        assert_eq!(failed.error().details.get("signal").map(String::as_str), signal, "{failed:?}");
        let answer = client.run_own(&account, checksum, b"again").await.unwrap();
        assert_eq!((answer.output.as_slice(), answer.end.usage.cold), (&b"again"[..], Some(true)));
    }
    let answer = client.run(checksum, &other, b"after").await.unwrap();
    assert_eq!((answer.output.as_slice(), answer.end.usage.cold), (&b"after"[..], Some(false)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_killed_from_outside_is_replaced() {
    let platform = Platform::with_limits(NONE_WAIT).await;
    let runtime = platform.start();
    let account = account();
    let name = process_name("kill", &runtime);
    let source = "import time\ndef cape_handler(data):\n    yield data\n    time.sleep(float(data))\n";
    let function = Function::new(&platform, &account, &format!("{}{source}", named(&name)));
    let mut client = runtime.connect().await;
    client.deploy(&account, &function).await.unwrap();
    client.run_own(&account, function.checksum(), b"0").await.unwrap();
    let open = client.own_run_request(&account, function.checksum());
    let call = client.start(open, b"60").await;
    client.begun(call).await;
    kill(processes_named(&name)[0]);
    let (_, result) = client.next_end().await.unwrap();
    let error = result.unwrap_err();
    assert_eq!((error.name.as_str(), error.details["signal"].as_str()), ("FunctionCrashed", "9"));
    let next = client.run_own(&account, function.checksum(), b"0").await.unwrap();
    assert_eq!((next.output.as_slice(), next.end.usage.cold), (&b"0"[..], Some(true)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_call_stops_at_once() {
    let platform = Platform::with_limits(NONE_WAIT).await;
    let runtime = platform.start();
    let account = account();
    let source = "import time\ndef cape_handler(data):\n    yield data\n    time.sleep(float(data))\n";
    let function = Function::new(&platform, &account, source);
    let mut client = runtime.connect().await;
    client.deploy(&account, &function).await.unwrap();
    let open = client.own_run_request(&account, function.checksum());
    let call = client.start(open, b"60").await;
    client.begun(call).await;
    client.cancel(call).await;
    let (ended, result) = client.next_end().await.unwrap();
    assert_eq!((ended, result.unwrap_err().name.as_str()), (call, "Cancelled"));
    let answer = client.run_own(&account, function.checksum(), b"0").await.unwrap();
    assert_eq!(answer.end.usage.cold, Some(true), "the cancelled call's worker was stopped");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_whose_caller_is_gone_is_stopped() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let account = account();
    let source = "import time\ndef cape_handler(data):\n    yield b'begun'\n    time.sleep(1234.5)\n";
    let function = Function::new(&platform, &account, source);
    let mut client = runtime.connect().await;
    client.deploy(&account, &function).await.unwrap();
    let open = client.own_run_request(&account, function.checksum());
    let call = client.start(open, b"").await;
    client.begun(call).await;
    drop(client);
    let mut other = runtime.connect().await;
    let state = eventually(async || {
        let state = other.describe().await.state;
        (state.calls == Some(1)).then_some(state)
    });
    assert_eq!(state.await.warm_functions, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn more_output_than_allowed_is_an_error() {
    let platform = Platform::with_limits("output_bytes = 100000\ninput_bytes = 100000").await;
    let runtime = platform.start();
    let account = account();
    let source = "def cape_handler(data):\n    return bytes(int(data[:20]))\n";
    let function = Function::new(&platform, &account, source);
    let mut client = runtime.connect().await;
    client.deploy(&account, &function).await.unwrap();
    let checksum = function.checksum();
    assert_eq!(client.run_own(&account, checksum, b"100000").await.unwrap().output.len(), 100_000);
    let failed = client.run_own(&account, checksum, b"100001").await.unwrap_err();
    assert_eq!((failed.name(), failed.error().details["limit"].as_str()), ("TooLarge", "100000"));
    let failed = client.run_own(&account, checksum, &[b'1'; 100_001]).await.unwrap_err();
    let error = failed.error();
    assert_eq!((error.name.as_str(), error.details["what"].as_str()), ("TooLarge", "input"));
    assert_eq!(error.message, "input is over the limit of 100000 bytes");
    assert!(!error.details.contains_key("size"), "how much there is of it is not known: {error:?}");
    assert_eq!(client.run_own(&account, checksum, b"1").await.unwrap().output, [0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_free_worker_the_answer_is_overloaded_at_once() {
    let platform = Platform::with_limits("workers = 1\nqueue = 0").await;
    let runtime = platform.start();
    let account = account();
    let function = Function::new(&platform, &account, "def cape_handler(data):\n    return data\n");
    let mut client = runtime.connect().await;
    client.deploy(&account, &function).await.unwrap();
    client.run_own(&account, function.checksum(), b"").await.unwrap();
    let mut other = runtime.connect().await;
    let failed = other.run_own(&account, function.checksum(), b"").await.unwrap_err();
    assert_eq!(failed.name(), "Overloaded");
    assert!(failed.error().details["retry_after"].parse::<f64>().unwrap() > 0.0);
    drop(client);
    let answered = eventually(async || other.run_own(&account, function.checksum(), b"x").await.ok());
    assert_eq!(answered.await.output, b"x");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_ends_between_calls_does_not_cost_the_next_one() {
    let platform = Platform::with_limits(NONE_WAIT).await;
    let runtime = platform.start();
    let account = account();
    let name = process_name("ends", &runtime);
    let source = "def cape_handler(data):\n    return data\n";
    let function = Function::new(&platform, &account, &format!("{}{source}", named(&name)));
    let mut client = runtime.connect().await;
    client.deploy(&account, &function).await.unwrap();
    client.run_own(&account, function.checksum(), b"last").await.unwrap();
    // From outside: it does not know itself when the call is over.
    kill(processes_named(&name)[0]);
    eventually(async || processes_named(&name).is_empty().then_some(())).await;
    let answer = client.run_own(&account, function.checksum(), b"").await.unwrap();
    assert_eq!(answer.end.usage.cold, Some(true));
}

/// Two processes in a session of their own, once both are there.
const LEAVE: &str = "import os, time\ndef leave():\n    there, tell = os.pipe()\n    \
    if os.fork() == 0:\n        os.setsid()\n        os.fork()\n        os.write(tell, b'x')\n        \
    time.sleep(1000)\n        os._exit(0)\n    os.read(there, 1)\n    os.read(there, 1)\n";

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_left_their_workers_session_end_with_it_too() {
    let platform = Platform::new().await;
    let mut runtime = platform.start();
    let account = account();
    let name = process_name("left", &runtime);
    let source = "def cape_handler(data):\n    leave()\n    return data\n";
    let function = Function::new(&platform, &account, &format!("{}{LEAVE}{source}", named(&name)));
    let mut client = runtime.connect().await;
    client.deploy(&account, &function).await.unwrap();
    client.run_own(&account, function.checksum(), b"").await.unwrap();
    assert_eq!(processes_named(&name).len(), 3);
    drop(client);
    eventually(async || processes_named(&name).is_empty().then_some(())).await;
    runtime.connect().await.run_own(&account, function.checksum(), b"").await.unwrap();
    drop(runtime.child.stdin.take());
    assert!(runtime.child.wait().unwrap().success());
    assert_eq!(processes_named(&name).len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_left_end_with_the_runtime_in_the_middle_of_a_call() {
    let platform = Platform::new().await;
    let mut runtime = platform.start();
    let account = account();
    let name = process_name("mid", &runtime);
    let source = "def cape_handler(data):\n    for _ in range(10): leave()\n    time.sleep(1000)\n";
    let function = Function::new(&platform, &account, &format!("{}{LEAVE}{source}", named(&name)));
    let mut client = runtime.connect().await;
    client.deploy(&account, &function).await.unwrap();
    let mut open = client.own_run_request(&account, function.checksum());
    open.input = Some(Vec::new());
    client.open_only(&open).await;
    eventually(async || (processes_named(&name).len() == 21).then_some(())).await;
    drop(runtime.child.stdin.take());
    assert!(runtime.child.wait().unwrap().success());
    assert_eq!(processes_named(&name).len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_writes_to_the_pipe_itself_deceives_its_own_call_only() {
    let platform = Platform::with_limits(NONE_WAIT).await;
    let runtime = platform.start();
    let account = account();
    let source = "import os, struct\ndef cape_handler(data):\n    kind, size = data[0], int(data[1:])\n    \
        for descriptor in range(3, 100):\n        \
            try: os.write(descriptor, struct.pack('>IB', size, kind) + bytes(size))\n        \
            except OSError: pass\n    return b'told'\n";
    let function = Function::new(&platform, &account, source);
    let mut client = runtime.connect().await;
    client.deploy(&account, &function).await.unwrap();
    // A result above its limit, output above its limit, what only starting workers and nobody sends.
    for (kind, size) in
        [(20, "65537"), (19, "262145"), (16, "4"), (17, "0"), (18, "0"), (21, "5"), (23, "0"), (99, "0")]
    {
        let input = [&[kind], size.as_bytes()].concat();
        let failed = client.run_own(&account, function.checksum(), &input).await.unwrap_err();
        assert_eq!(failed.name(), "FunctionCrashed", "{kind}");
    }
    let answer = client.run_own(&account, function.checksum(), b"\x143").await.unwrap();
    assert_eq!((answer.output.as_slice(), answer.end.usage.cold), (&[0; 3][..], Some(true)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callers_deadline_counts_from_open() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let account = account();
    let source = "import time\ntime.sleep(3)\ndef cape_handler(data):\n    return data\n";
    let function = Function::new(&platform, &account, source);
    let mut client = runtime.connect().await;
    client.deploy(&account, &function).await.unwrap();
    for (deadline, timeout) in [(Some(500), Some("0.5")), (Some(u64::MAX), None), (None, None)] {
        let mut open = client.own_run_request(&account, function.checksum());
        open.options.deadline_ms = deadline;
        let result = client.call(open, b"x").await;
        let failed = result
            .err()
            .map(|failed| (failed.name().to_owned(), failed.error().details["timeout_s"].clone()));
        assert_eq!(failed, timeout.map(|timeout| ("FunctionTimeout".to_owned(), timeout.to_owned())));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_connection_keeps_no_more_workers_than_calls() {
    let platform = Platform::with_limits("calls_per_connection = 2\nwarm_memory_mib = 0").await;
    let runtime = platform.start();
    let account = account();
    let source =
        "calls = 0\ndef cape_handler(data):\n    global calls\n    calls += 1\n    return str(calls)\n";
    let function = Function::new(&platform, &account, source);
    let mut client = runtime.connect().await;
    client.deploy(&account, &function).await.unwrap();
    let tokens: Vec<String> = (0..4).map(|_| function.token(&account)).collect();
    for (index, expected) in [(0, b"1"), (1, b"1"), (1, b"2"), (2, b"1"), (3, b"1"), (2, b"2"), (0, b"1")] {
        let answer = client.run(function.checksum(), &tokens[index], b"").await.unwrap();
        assert_eq!(answer.output, expected, "{index}");
        let warm = client.describe().await.state.warm_functions.unwrap();
        assert!(warm <= 2, "{warm}");
    }
}

/// A name that processes of one test have, and no others.
fn process_name(test: &str, runtime: &Runtime<'_>) -> String {
    format!("{test}{}", runtime.child.id())
}

/// The beginning of a function whose process, and all that it starts, has that name (prctl(2),
/// PR_SET_NAME).
fn named(name: &str) -> String {
    format!("import ctypes\nctypes.CDLL(None).prctl(15, b'{name}')\n")
}

fn kill(process: u32) {
    let process = process.to_string();
    assert!(std::process::Command::new("kill").args(["-9", &process]).status().unwrap().success());
}

/// Processes of that name that are alive, by the numbers that they have outside.
fn processes_named(name: &str) -> Vec<u32> {
    let alive = |process: std::fs::DirEntry| {
        let stat = std::fs::read_to_string(process.path().join("stat")).ok()?;
        let (start, rest) = stat.rsplit_once(')')?;
        let named = start.split_once('(')?.1 == name && !rest.trim_start().starts_with('Z');
        named.then(|| process.file_name().to_str()?.parse().ok()).flatten()
    };
    std::fs::read_dir("/proc").unwrap().flatten().filter_map(alive).collect()
}
