//! Deploying and running functions.

mod support;

use cape_core::identity::Account;
use cape_core::session::Open;
use support::{Client, Function, Platform, Settings, account, eventually};

const ECHO: &str = "def cape_handler(data):\n    return data\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_deployed_function_runs_for_its_owner_and_for_whoever_has_a_token() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let account = account();
    let echo = Function::new(&platform, &account, ECHO);
    let mut client = runtime.connect().await;
    client.deploy(&account, &echo).await.unwrap();
    assert_eq!(client.run_own(&account, echo.checksum(), b"mine").await.unwrap().output, b"mine");

    let token = echo.token(&account);
    let mut other = runtime.connect().await;
    for input in [&b""[..], b"hello", &[7; 64 << 10], &[8; (64 << 10) + 1], &[9; 5 << 20]] {
        let answer = other.run(echo.checksum(), &token, input).await.unwrap();
        assert_eq!(answer.output, input);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn usage_tells_cold_from_warm() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let account = account();
    let source =
        "x = bytearray(50_000_000)\ndef cape_handler(data):\n    sum(range(2_000_000))\n    return data\n";
    let function = Function::new(&platform, &account, source);
    let mut client = runtime.connect().await;
    client.deploy(&account, &function).await.unwrap();
    let cold = client.run_own(&account, function.checksum(), b"").await.unwrap().end.usage;
    let warm = client.run_own(&account, function.checksum(), b"").await.unwrap().end.usage;
    assert_eq!((cold.cold, warm.cold), (Some(true), Some(false)));
    for usage in [cold, warm] {
        assert!(usage.cpu_us.unwrap() > 1_000, "{usage:?}");
        assert!(usage.duration_us.unwrap() >= usage.cpu_us.unwrap() / 2, "{usage:?}");
        assert!((50_000_000..500_000_000).contains(&usage.peak_memory.unwrap()), "{usage:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn handlers_may_be_async_give_text_or_stream_and_ask_for_their_context() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let account = account();
    let mut client = runtime.connect().await;
    let sources = [
        ("def cape_handler(data):\n    return 'grüße'\n", "grüße".as_bytes().to_vec()),
        (
            "async def cape_handler(data):\n    import asyncio\n    await asyncio.sleep(0)\n    return data\n",
            b"in".to_vec(),
        ),
        (
            "def cape_handler(data):\n    yield data\n    yield 'x' * 100_000\n",
            [b"in".to_vec(), vec![b'x'; 100_000]].concat(),
        ),
        ("async def cape_handler(data):\n    yield data\n    yield None or b'!'\n", b"in!".to_vec()),
        ("def cape_handler(data):\n    return bytearray(3_000_000)\n", vec![0; 3_000_000]),
        ("def cape_handler(data):\n    return iter([b'a', b'b'])\n", b"ab".to_vec()),
    ];
    for (source, expected) in sources {
        let function = Function::new(&platform, &account, source);
        client.deploy(&account, &function).await.unwrap();
        let answer = client.run_own(&account, function.checksum(), b"in").await.unwrap();
        assert!(answer.output == expected, "{source}");
    }
    let source = "def cape_handler(data, context):\n    \
        return '|'.join([context.function_id, context.checksum, str(context.account), str(type(context.deadline))])\n";
    let function = Function::new(&platform, &account, source);
    client.deploy(&account, &function).await.unwrap();
    let (id, checksum) = (function.manifest.function_id(), function.checksum());
    let own = client.run_own(&account, checksum, b"").await.unwrap().output;
    let expected = format!("{id}|{checksum}|{}|<class 'float'>", account.id());
    assert_eq!(String::from_utf8(own).unwrap(), expected);
    let borrowed = client.run(checksum, &function.token(&account), b"").await.unwrap().output;
    assert_eq!(String::from_utf8(borrowed).unwrap(), format!("{id}|{checksum}|None|<class 'float'>"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_is_the_working_directory_and_comes_first_on_the_path() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let account = account();
    let source = b"import os, json, helper\nclasses = open('data/classes.txt').read()\n\
        def cape_handler(data):\n    return json.dumps([classes, helper.NAME, dict(os.environ)])\n";
    let files: [(&str, &[u8]); 3] =
        [("app.py", source), ("data/classes.txt", b"cat"), ("helper.py", b"NAME = 'mine'\n")];
    let settings = Settings { env: vec![("COLOUR", "blue")], ..Settings::default() };
    let function = Function::with(&platform, &account, &files, settings);
    let mut client = runtime.connect().await;
    client.deploy(&account, &function).await.unwrap();
    let answer = client.run_own(&account, function.checksum(), b"").await.unwrap().output;
    assert_eq!(String::from_utf8(answer).unwrap(), r#"["cat", "mine", {"COLOUR": "blue"}]"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_finds_nothing_that_is_not_its_own() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let account = account();
    let source = "import ctypes, os, resource, stat, sys\ndef kind(descriptor):\n    \
        status = os.fstat(descriptor)\n    \
        if stat.S_ISSOCK(status.st_mode): return 'socket'\n    \
        return 'null' if status.st_rdev == os.makedev(1, 3) else 'other'\n\
        def cape_handler(data):\n    kinds = []\n    for descriptor in range(1024):\n        \
            try: kinds.append(kind(descriptor))\n        except OSError: pass\n    \
        memory = resource.getrlimit(resource.RLIMIT_DATA)\n    \
        return '\\n'.join([\n        ' '.join(sorted(kinds)),\n        \
            str(ctypes.CDLL(None).prctl(39, 0, 0, 0, 0)),\n        \
            str([value >> 20 for value in memory]),\n        \
            str([path for path in sys.path if 'packages' in path]),\n        \
            str(sys.argv)])\n";
    let settings = Settings { memory_mib: 256, ..Settings::default() };
    let function = Function::with(&platform, &account, &[("app.py", source.as_bytes())], settings);
    let mut client = runtime.connect().await;
    client.deploy(&account, &function).await.unwrap();
    let answer = client.run_own(&account, function.checksum(), b"").await.unwrap().output;
    let expected = ["null null null socket", "1", "[256, 256]", "[]", "['-c']"];
    assert_eq!(String::from_utf8(answer).unwrap().lines().collect::<Vec<_>>(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn state_lives_for_one_connection_function_and_credential() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let account = account();
    let source =
        "calls = 0\ndef cape_handler(data):\n    global calls\n    calls += 1\n    return str(calls)\n";
    let function = Function::new(&platform, &account, source);
    let mut client = runtime.connect().await;
    client.deploy(&account, &function).await.unwrap();
    let checksum = function.checksum();
    let (first, second) = (function.token(&account), function.token(&account));
    for expected in [b"1", b"2", b"3"] {
        assert_eq!(client.run(checksum, &first, b"").await.unwrap().output, expected);
    }
    assert_eq!(client.run(checksum, &second, b"").await.unwrap().output, b"1");
    assert_eq!(client.run_own(&account, checksum, b"").await.unwrap().output, b"1");
    let mut other = runtime.connect().await;
    assert_eq!(other.run(checksum, &first, b"").await.unwrap().output, b"1");
    assert_eq!(client.run(checksum, &first, b"").await.unwrap().output, b"4");
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_calls_at_once_each_get_their_own_answer() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let account = account();
    let echo = Function::new(&platform, &account, ECHO);
    let mut client = runtime.connect().await;
    client.deploy(&account, &echo).await.unwrap();
    let (checksum, token) = (echo.checksum(), echo.token(&account));
    let mut clients = Vec::new();
    for _ in 0..20 {
        clients.push(runtime.connect().await);
    }
    let calls = clients.into_iter().enumerate().map(|(index, mut client)| {
        let token = token.clone();
        tokio::spawn(async move {
            let input = vec![u8::try_from(index).unwrap(); 100_000 + index];
            assert!(client.run(checksum, &token, &input).await.unwrap().output == input);
        })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_calls_are_open_on_one_connection() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let account = account();
    let function = Function::new(&platform, &account, ECHO);
    let mut client = runtime.connect().await;
    client.deploy(&account, &function).await.unwrap();
    // Two tokens, so two workers: the second need not wait for the first, whose input comes later.
    let [first, second] = [(); 2].map(|()| {
        let open = support::run_request(function.checksum());
        Open { token: Some(function.token(&account)), ..open }
    });
    let first = client.open_only(&first).await;
    let second = client.start(second, b"second").await;
    let (ended, answer) = client.next_end().await.unwrap();
    assert_eq!((ended, answer.unwrap().output), (second, b"second".to_vec()));
    let input = client.session.data(first, b"first").unwrap();
    client.send(input).await;
    let end = client.session.end(first).unwrap();
    client.send(end).await;
    let (ended, answer) = client.next_end().await.unwrap();
    assert_eq!((ended, answer.unwrap().output), (first, b"first".to_vec()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_functions_import_is_byte_compiled_and_nothing_they_can_change() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let account = account();
    let source = "\
import os, struct, sys, app
def cape_handler(data):
    shim = sys.modules['_cape_worker']
    there = [os.path.exists(module.__cached__) for module in (struct, app, shim)]
    changed = [os.access(module.__cached__, os.W_OK) for module in (struct, app, shim)]
    return f'{there} {changed} {os.path.dirname(shim.__file__) in sys.path}'
";
    let function = Function::new(&platform, &account, source);
    let mut client = runtime.connect().await;
    client.deploy(&account, &function).await.unwrap();
    eventually(async || {
        let answer = client.run_own(&account, function.checksum(), b"").await.unwrap();
        (answer.output == b"[True, True, True] [False, False, False] False").then_some(())
    })
    .await;
}

/// Waits until what was deployed before is compiled: that is done for one function after the other.
async fn wait_for_the_compiler(platform: &Platform, account: &Account, client: &mut Client) {
    let source = "import os, app\ndef cape_handler(data):\n    return str(os.path.exists(app.__cached__))\n";
    let next = Function::new(platform, account, source);
    client.deploy(account, &next).await.unwrap();
    eventually(async || {
        let answer = client.run_own(account, next.checksum(), b"").await.unwrap();
        (answer.output == b"True").then_some(())
    })
    .await;
}

/// A line of this is ten times as long when it is compiled, and more.
fn grows_when_compiled(lines: usize) -> String {
    (0..lines).map(|number| format!("x='{number:016x}'*256\n")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_compiled_of_a_small_bundle_is_small_too() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let account = account();
    let before = runtime.metric("cape_enclave_storage_used_bytes").await;
    let large = grows_when_compiled(8000);
    let files = [("app.py", ECHO.as_bytes()), ("large.py", large.as_bytes())];
    let grows = Function::with(&platform, &account, &files, Settings::default());
    let mut client = runtime.connect().await;
    client.deploy(&account, &grows).await.unwrap();
    wait_for_the_compiler(&platform, &account, &mut client).await;
    let grown = runtime.metric("cape_enclave_storage_used_bytes").await - before;
    assert!(grown < f64::from(8 << 20), "{grown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_are_counted_with_all_that_they_occupy() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let account = account();
    let mut client = runtime.connect().await;
    let names: Vec<String> = (0..500).map(|number| format!("{number}.txt")).collect();
    let app = [("app.py", ECHO.as_bytes())];
    let files: Vec<_> = app.into_iter().chain(names.iter().map(|name| (&**name, &b"x"[..]))).collect();
    let function = Function::with(&platform, &account, &files, Settings::default());
    client.deploy(&account, &function).await.unwrap();
    let counted = async || runtime.metric("cape_enclave_functions_bytes").await;
    let of_sources = counted().await;
    assert!(of_sources >= f64::from(501 * 4096), "{of_sources}");
    // So is what is compiled of them, once it is.
    eventually(async || (counted().await >= f64::from(502 * 4096)).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sources_that_break_the_compiler_cost_nobody_else() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let account = account();
    let broken = [
        ("parentheses.py", "(".repeat(1 << 20)),
        ("attributes.py", format!("x{}", ".a".repeat(300_000))),
        ("signs.py", format!("{}1", "-".repeat(1 << 20))),
        ("sum.py", format!("x = 1{}", " + 1".repeat(200_000))),
        ("functions.py", format!("{}1", "lambda: ".repeat(100_000))),
        ("lists.py", format!("{}{}", "[".repeat(100_000), "]".repeat(100_000))),
        ("branches.py", format!("if 1: pass\n{}", "elif 1: pass\n".repeat(100_000))),
        ("numbers.py", "x = 1 << 10 ** 9\ny = 2 ** 10 ** 9\nz = ((1,) * 250,) * 250\n".to_owned()),
        ("encoding.py", format!("# coding: idna\nx = '{}'\n", "a".repeat(1 << 20))),
        ("zero.py", "x = '\0'\n".to_owned()),
    ];
    let mut client = runtime.connect().await;
    for (name, source) in &broken {
        let files = [("app.py", ECHO.as_bytes()), (name, source.as_bytes())];
        let function = Function::with(&platform, &account, &files, Settings::default());
        client.deploy(&account, &function).await.unwrap();
        let answer = client.run_own(&account, function.checksum(), name.as_bytes()).await.unwrap();
        assert_eq!(answer.output, name.as_bytes());
    }
    wait_for_the_compiler(&platform, &account, &mut client).await;
}
