//! Inputs that come while the function runs, outputs that go while it does, and what holds back whom.

mod support;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cape_core::session::{CallId, ClientEvent, INITIAL_CREDIT};
use support::{Client, Function, Platform, Settings, account};

const PIECE: usize = 64 << 10;

/// What may be on its way besides what the other side has room for: buffers of sockets, frames.
const ON_THE_WAY: usize = 8 << 20;

/// A client with a call of its own function that takes a stream, of which nothing is sent yet.
async fn begin(runtime: &support::Runtime<'_>, source: &str) -> (Client, CallId) {
    let account = account();
    let function = Function::new(runtime.platform, &account, source);
    let mut client = runtime.connect().await;
    client.deploy(&account, &function).await.unwrap();
    let mut open = client.own_run_request(&account, function.checksum());
    open.options.log = true;
    let call = client.open_only(&open).await;
    (client, call)
}

async fn send(client: &mut Client, call: CallId, bytes: &[u8]) {
    let message = client.session.data(call, bytes).unwrap();
    client.send(message).await;
}

/// What comes of a call; `None` when nothing does for a while, where nothing should.
async fn next_in_a_while(client: &mut Client) -> Option<Next> {
    tokio::time::timeout(Duration::from_secs(3), next(client)).await.ok()
}

/// What comes of a call next.
async fn next(client: &mut Client) -> Next {
    let mut message = client.receive().await.unwrap();
    match client.session.receive(&mut message).unwrap().unwrap() {
        ClientEvent::Data { bytes, .. } => Next::Data(bytes.to_vec()),
        ClientEvent::Credit { .. } => Next::Credit,
        ClientEvent::Log { bytes, .. } => Next::Log(String::from_utf8(bytes.to_vec()).unwrap()),
        ClientEvent::End { end, .. } => Next::End(Box::new(end.input_taken)),
        ClientEvent::Error { error, .. } => Next::Error(error.name),
        other => panic!("{other:?}"),
    }
}

#[derive(Debug, PartialEq)]
enum Next {
    Data(Vec<u8>),
    Credit,
    Log(String),
    End(Box<Option<u64>>),
    Error(String),
}

#[tokio::test(flavor = "multi_thread")]
async fn the_function_has_each_byte_when_it_is_there_and_so_has_the_client() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let source = "from typing import BinaryIO\ndef cape_handler(stream: BinaryIO):\n    \
        print('called')\n    while chunk := stream.read1(): yield chunk.upper()\n    yield b'!'\n";
    let (mut client, call) = begin(&runtime, source).await;
    let mut printed = String::new();
    for text in ["a", "b", "cape:", "d"] {
        send(&mut client, call, text.as_bytes()).await;
        let mut given = Vec::new();
        // What is printed and what is given go side by side, and a line may come in pieces.
        while given.is_empty() || !printed.ends_with('\n') {
            match next(&mut client).await {
                Next::Log(piece) => printed += &piece,
                Next::Data(bytes) => given.extend(bytes),
                other => panic!("{other:?} after {printed:?} and {given:?}"),
            }
        }
        assert_eq!((given.as_slice(), printed.as_str()), (text.to_uppercase().as_bytes(), "called\n"));
    }
    let message = client.session.end(call).unwrap();
    client.send(message).await;
    assert_eq!(next(&mut client).await, Next::Data(b"!".to_vec()));
    assert_eq!(next(&mut client).await, Next::End(Box::new(None)), "all of the input counts");
}

#[tokio::test(flavor = "multi_thread")]
async fn handlers_say_in_several_ways_that_they_take_a_stream() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let account = account();
    let mut client = runtime.connect().await;
    for head in [
        "from typing import BinaryIO\ndef cape_handler(stream: BinaryIO):",
        "from typing import IO\ndef cape_handler(stream: IO[bytes], context):",
        "import io\ndef cape_handler(stream: io.RawIOBase):",
        "import io\ndef cape_handler(stream: io.BufferedIOBase, *, context):",
        "def cape_handler(stream: 'typing.BinaryIO'):",
        "from __future__ import annotations\ndef cape_handler(stream: BinaryIO, context=None):",
        "def cape_handler(context):\n    stream = context.input",
        "from typing import BinaryIO\nclass C:\n  def handle(self, stream: BinaryIO):\n    return f(stream)\n\
         def f(stream):",
        "from typing import BinaryIO\nasync def cape_handler(stream: BinaryIO, context):\n    \
            assert context.input is stream",
    ] {
        let end = if head.contains("class C") { "cape_handler = C().handle\n" } else { "" };
        let source = format!(
            "{head}\n    first = stream.read(2)\n    lines = list(stream)\n    \
             return repr((first, lines, stream.read(), stream.readline()))\n{end}"
        );
        let function = Function::new(&platform, &account, &source);
        client.deploy(&account, &function).await.unwrap();
        for input in [&b"ab\nc\nd"[..], b""] {
            let answer = client.run_own(&account, function.checksum(), input).await.unwrap();
            let expected = match input {
                b"" => "(b'', [], b'', b'')",
                _ => "(b'ab', [b'\\n', b'c\\n', b'd'], b'', b'')",
            };
            assert_eq!(String::from_utf8(answer.output).unwrap(), expected, "{source}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_call_leaves_of_its_input_is_not_the_next_ones() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let account = account();
    let source = "def cape_handler(context):\n    first = context.input.read(3)\n    \
        if first == b'bad': raise ValueError(first)\n    if first == b'shu': context.input.close()\n    return first\n";
    let function = Function::new(&platform, &account, source);
    let mut client = runtime.connect().await;
    client.deploy(&account, &function).await.unwrap();
    let rest = vec![b'x'; 5 << 20];
    for first in [&b"one"[..], b"bad", b"shu", b"two"] {
        let input = [first, &rest].concat();
        let mut open = client.own_run_request(&account, function.checksum());
        // Its receipt says how much was taken.
        open.call_nonce = Some([1; 32]);
        let result = client.call(open, &input).await;
        match first {
            b"bad" => {
                let failed = result.unwrap_err();
                assert_eq!(failed.name(), "FunctionError");
                assert!(failed.error().input_taken.unwrap() < input.len() as u64);
            }
            _ => {
                let answer = result.unwrap();
                assert_eq!(answer.output, first);
                let taken = answer.end.input_taken.unwrap();
                assert!((3..input.len() as u64).contains(&taken), "{taken}");
            }
        }
    }
    let warm = client.run_own(&account, function.checksum(), b"end").await.unwrap();
    assert_eq!((warm.output.as_slice(), warm.end.usage.cold), (&b"end"[..], Some(false)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_does_not_read_holds_its_client_back() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let source = "import threading\ndef cape_handler(context):\n    threading.Event().wait()\n";
    let (mut client, call) = begin(&runtime, source).await;
    let mut sent = 0;
    loop {
        while client.session.sendable(call) >= PIECE as u64 {
            send(&mut client, call, &[7; PIECE]).await;
            sent += PIECE as u64;
        }
        match next_in_a_while(&mut client).await {
            Some(event) => assert_eq!(event, Next::Credit),
            None => break,
        }
        assert!(sent < u64::from(INITIAL_CREDIT) + ON_THE_WAY as u64);
    }
    client.cancel(call).await;
    assert_eq!(client.next_end().await.unwrap().1.unwrap_err().name, "Cancelled");
}

#[tokio::test(flavor = "multi_thread")]
async fn input_that_waits_costs_what_it_holds_however_small_its_frames_are() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let source = "import threading\ndef cape_handler(context):\n    threading.Event().wait()\n";
    let (mut client, call) = begin(&runtime, source).await;
    // More than the function's pipe takes.
    for _ in 0..8 {
        send(&mut client, call, &[7; PIECE]).await;
    }
    let before = runtime.memory();
    for _ in 0..150_000 {
        send(&mut client, call, b"x").await;
    }
    client.cancel(call).await;
    // All of them are read before it.
    assert_eq!(client.next_end().await.unwrap().1.unwrap_err().name, "Cancelled");
    let grown = runtime.peak_memory().saturating_sub(before);
    assert!(grown < 3 << 20, "{grown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_grants_nothing_holds_its_function_back() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    // Each piece says when it was made.
    let source = "import struct, time\ndef cape_handler(context):\n    \
        while True: yield struct.pack('>d', time.time()) + bytes((64 << 10) - 8)\n";
    let (mut client, call) = begin(&runtime, source).await;
    let message = client.session.end(call).unwrap();
    client.send(message).await;
    let mut received = Vec::new();
    receive(&mut client, &mut received, INITIAL_CREDIT as usize).await;
    assert_eq!(next_in_a_while(&mut client).await, None);
    let held_back = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    let granted = 2 * ON_THE_WAY;
    let message = client.session.credit(call, granted as u32).unwrap();
    client.send(message).await;
    let size = received.len() + granted;
    receive(&mut client, &mut received, size).await;
    let made = received.chunks_exact(PIECE).map(|piece| f64::from_be_bytes(*piece.first_chunk().unwrap()));
    let (before, after): (Vec<f64>, Vec<f64>) = made.partition(|made| *made < held_back);
    assert!(before.len() * PIECE < INITIAL_CREDIT as usize + ON_THE_WAY, "{}", before.len());
    assert!(!after.is_empty(), "it goes on with what it is granted");
}

/// Receives output until there are so many bytes of it.
async fn receive(client: &mut Client, received: &mut Vec<u8>, size: usize) {
    while received.len() < size {
        match next(client).await {
            Next::Data(bytes) => received.extend(bytes),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(received.len(), size);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_not_held_to_the_limit_of_inputs() {
    let platform = Platform::with_limits("input_bytes = 100000").await;
    let runtime = platform.start();
    let account = account();
    let source = "def cape_handler(context):\n    size = 0\n    \
        while chunk := context.input.read(1 << 20): size += len(chunk)\n    return str(size)\n";
    let function = Function::new(&platform, &account, source);
    let mut client = runtime.connect().await;
    client.deploy(&account, &function).await.unwrap();
    let answer = client.run_own(&account, function.checksum(), &vec![1; 40 << 20]).await.unwrap();
    assert_eq!(answer.output, (40 << 20).to_string().as_bytes());
    assert!(answer.end.usage.peak_memory.unwrap() < 40 << 20, "{:?}", answer.end.usage);
    assert_eq!(answer.end.input_taken, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exception_in_the_middle_of_both_streams_is_told_and_the_worker_goes_on() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let account = account();
    for kind in ["def", "async def"] {
        let source = format!(
            "{kind} cape_handler(context):\n    while line := context.input.readline():\n        \
             if line == b'bad\\n': raise ValueError('in the middle')\n        yield line\n"
        );
        let function = Function::new(&platform, &account, &source);
        let mut client = runtime.connect().await;
        client.deploy(&account, &function).await.unwrap();
        let failed = client.run_own(&account, function.checksum(), b"good\nbad\nnever\n").await.unwrap_err();
        assert_eq!((failed.name(), failed.error().message.as_str()), ("FunctionError", "in the middle"));
        assert!(failed.error().details["traceback"].contains("app.py\", line 3, in cape_handler"));
        let answer = client.run_own(&account, function.checksum(), b"good\nbetter\n").await.unwrap();
        assert_eq!((answer.output.as_slice(), answer.end.usage.cold), (&b"good\nbetter\n"[..], Some(false)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_answers_before_it_is_called_deceives_its_own_call_only() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let account = account();
    // In a thread, once its process has answered and waits for the next call: RESULT, and no bytes.
    let source = "import os, struct, sys, threading, time\ndef answer():\n    \
        while sys._current_frames()[threading.main_thread().ident].f_code.co_name != 'receive_header':\n        \
            time.sleep(0.01)\n    \
        for descriptor in range(3, 100):\n        \
            try: os.write(descriptor, struct.pack('>IB', 0, 20))\n        \
            except OSError: pass\n\
        def cape_handler(context):\n    threading.Thread(target=answer).start()\n    return b'first'\n";
    let settings = Settings { timeout_s: 5, ..Settings::default() };
    let function = Function::with(&platform, &account, &[("app.py", source.as_bytes())], settings);
    let mut client = runtime.connect().await;
    client.deploy(&account, &function).await.unwrap();
    assert_eq!(client.run_own(&account, function.checksum(), b"").await.unwrap().output, b"first");
    tokio::time::sleep(Duration::from_millis(500)).await;
    let _ = client.run_own(&account, function.checksum(), b"").await;
    let mut other = runtime.connect().await;
    assert_eq!(other.run_own(&account, function.checksum(), b"").await.unwrap().output, b"first");
}
