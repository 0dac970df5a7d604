//! Receipts: one of every run that asks for it and whose handler began, and of nothing else.

mod support;

use std::collections::BTreeSet;

use cape_core::ErrorCode;
use cape_core::crypto::{Kem, sha256};
use cape_core::envelope::{self, PublicKey};
use cape_core::identity::{Account, Checksum};
use cape_core::receipt::{Expectation, ExpectedInput, ExpectedOutcome, Receipt, VerifiedReceipt};
use cape_core::session::{End, ErrorMessage, KeyRequest, Open};
use getrandom::SysRng;
use rand_core::UnwrapErr;
use support::{Answer, Client, Function, Platform, Settings, account};

const NONCE: [u8; 32] = [0x4e; 32];
const ECHO: &str = "def cape_handler(data):\n    return data\n";

fn run_own(client: &Client, account: &Account, checksum: Checksum) -> Open {
    let mut open = client.own_run_request(account, checksum);
    open.call_nonce = Some(NONCE);
    open
}

fn expectation(client: &Client, checksum: Checksum) -> Expectation<'static> {
    Expectation {
        function: Some(checksum),
        session: Some(*client.session.leaf()),
        call_nonce: Some(NONCE),
        ..Expectation::default()
    }
}

/// The receipt of a call that succeeded, which must hold for this input and this output.
fn of_answer(client: &Client, checksum: Checksum, input: &[u8], answer: &Answer) -> VerifiedReceipt {
    let end = &answer.end;
    let expectation = Expectation {
        input: Some(ExpectedInput::Sent(input)),
        outcome: Some(ExpectedOutcome::Output(&answer.output)),
        salts: end.salts,
        ..expectation(client, checksum)
    };
    let receipt = Receipt::parse(end.receipt.as_ref().unwrap()).unwrap();
    receipt.verify(end.receipt_key.as_ref().unwrap(), client.session.attestation(), &expectation).unwrap()
}

/// The receipt of a call that failed, which must hold for this input and this error.
fn of_error(client: &Client, checksum: Checksum, input: &[u8], error: &ErrorMessage) -> VerifiedReceipt {
    assert_eq!(error.salts.unwrap().output, None);
    let expectation = Expectation {
        input: Some(ExpectedInput::Sent(input)),
        outcome: Some(ExpectedOutcome::Error(&error.name)),
        salts: error.salts,
        ..expectation(client, checksum)
    };
    let receipt = Receipt::parse(error.receipt.as_ref().unwrap()).unwrap();
    receipt.verify(error.receipt_key.as_ref().unwrap(), client.session.attestation(), &expectation).unwrap()
}

fn number(receipt: &VerifiedReceipt) -> u64 {
    receipt.statement().sequence.get()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_run_that_succeeds_has_one_whatever_the_size_of_its_data() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let account = account();
    let echo = Function::new(&platform, &account, ECHO);
    let mut client = runtime.connect().await;
    client.deploy(&account, &echo).await.unwrap();
    let mut salts = BTreeSet::new();
    for (input, expected) in
        [&b""[..], b"cape", b"hello", &[7; 64 << 10], &[8; (64 << 10) + 1], &[9; 3 << 20]]
            .into_iter()
            .zip(1..)
    {
        let open = run_own(&client, &account, echo.checksum());
        let answer = client.call(open, input).await.unwrap();
        assert_eq!(answer.output, input);
        let receipt = of_answer(&client, echo.checksum(), input, &answer);
        assert_eq!(number(&receipt), expected);
        assert_eq!(receipt.statement().ciphertext_digest, None);
        let used = answer.end.salts.unwrap();
        salts.extend([used.input, used.output.unwrap()]);
    }
    assert_eq!(salts.len(), 12, "no salt is used twice");
    assert_eq!(client.describe().await.receipt_key.len(), 120);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_output_that_is_streamed_is_digested_whole() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let account = account();
    let source = "def cape_handler(data):\n    for _ in range(40):\n        yield data\n";
    let function = Function::new(&platform, &account, source);
    let mut client = runtime.connect().await;
    client.deploy(&account, &function).await.unwrap();
    let open = run_own(&client, &account, function.checksum());
    let answer = client.call(open, &[1; 70_000]).await.unwrap();
    assert_eq!(answer.output.len(), 40 * 70_000);
    of_answer(&client, function.checksum(), &[1; 70_000], &answer);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ciphertext_is_named_and_so_is_what_was_in_it() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let account = account();
    let echo = Function::new(&platform, &account, ECHO);
    let mut client = runtime.connect().await;
    client.deploy(&account, &echo).await.unwrap();
    let request = KeyRequest { account: *account.id().as_bytes(), kem: Kem::X25519 };
    let key = PublicKey::from(client.key(request, &[]).await.unwrap().public_key);
    for plaintext in [&b"secret"[..], &[3; 300_000]] {
        let (context, options) = (envelope::Context::default(), envelope::SealOptions::default());
        let rng = &mut UnwrapErr(SysRng);
        let sealed = envelope::seal_text(plaintext, &[&key], &context, b"", options, rng).unwrap();
        let sealed = sealed.into_bytes();
        let open = run_own(&client, &account, echo.checksum());
        let answer = client.call(open, &sealed).await.unwrap();
        assert_eq!(answer.output, plaintext);
        let receipt = of_answer(&client, echo.checksum(), &sealed, &answer);
        assert_eq!(receipt.statement().ciphertext_digest, Some(sha256(&[&sealed])));
        let salt = answer.end.salts.unwrap().input;
        assert_eq!(receipt.statement().input_digest, sha256(&[&salt, plaintext]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_to_fail_after_the_handler_began_has_one() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let account = account();
    let mut client = runtime.connect().await;
    let source = "import os, time\ndef cape_handler(data):\n    \
        if data == b'raise':\n        raise ValueError('no')\n    \
        if data == b'exit':\n        os._exit(3)\n    \
        if data == b'much':\n        return bytearray(300_000_000)\n    \
        time.sleep(100)\n";
    let settings = Settings { memory_mib: 128, ..Settings::default() };
    let function = Function::with(&platform, &account, &[("app.py", source.as_bytes())], settings);
    let settings = Settings { timeout_s: 1, version: 2, ..Settings::default() };
    let impatient = Function::with(&platform, &account, &[("app.py", source.as_bytes())], settings);
    for function in [&function, &impatient] {
        client.deploy(&account, function).await.unwrap();
    }
    for (function, input, class, expected) in [
        (&function, &b"raise"[..], ErrorCode::FunctionError, 1),
        (&function, b"exit", ErrorCode::FunctionCrashed, 2),
        (&function, b"much", ErrorCode::FunctionOutOfMemory, 3),
        (&impatient, b"sleep", ErrorCode::FunctionTimeout, 4),
    ] {
        let open = run_own(&client, &account, function.checksum());
        let failed = client.call(open, input).await.unwrap_err();
        assert_eq!(failed.name(), class.name());
        let receipt = of_error(&client, function.checksum(), input, failed.error());
        assert_eq!(number(&receipt), expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_its_caller_ends_has_one() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let account = account();
    let mut client = runtime.connect().await;
    let source = "import time\ndef cape_handler(data):\n    yield bytes(100_000)\n    time.sleep(100)\n";
    let function = Function::new(&platform, &account, source);
    client.deploy(&account, &function).await.unwrap();

    let open = run_own(&client, &account, function.checksum());
    let call = client.start(open, b"").await;
    client.begun(call).await;
    client.cancel(call).await;
    let (_, result) = client.next_end().await.unwrap();
    let error = result.unwrap_err();
    assert_eq!(error.name, "Cancelled");
    assert_eq!(number(&of_error(&client, function.checksum(), b"", &error)), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_callers_time_is_over_has_one() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let account = account();
    let mut client = runtime.connect().await;
    let source = "import time\ndef cape_handler(data):\n    time.sleep(float(data))\n    return data\n";
    let function = Function::new(&platform, &account, source);
    client.deploy(&account, &function).await.unwrap();
    client.run_own(&account, function.checksum(), b"0").await.unwrap();
    let mut open = run_own(&client, &account, function.checksum());
    open.options.deadline_ms = Some(4000);
    let failed = client.call(open, b"100").await.unwrap_err();
    assert_eq!(failed.name(), "FunctionTimeout");
    assert_eq!(number(&of_error(&client, function.checksum(), b"100", failed.error())), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ends_before_the_handler_begins_has_none_and_uses_up_no_number() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let account = account();
    let mut client = runtime.connect().await;
    let broken = Function::new(&platform, &account, "raise ValueError('not even imported')\n");
    let settings = Settings { version: 2, ..Settings::default() };
    let echo = Function::with(&platform, &account, &[("app.py", ECHO.as_bytes())], settings);
    for function in [&broken, &echo] {
        let deployed = client.deploy(&account, function).await.unwrap();
        assert_eq!((deployed.end.receipt, deployed.end.receipt_key), (None, None));
    }
    let unknown = Checksum::from_bytes([1; 32]);
    for (checksum, input, class) in [
        (broken.checksum(), &b""[..], "FunctionError"),
        (echo.checksum(), b"cape:2:garbage", "Truncated"),
        (unknown, b"", "NotFound"),
    ] {
        let open = run_own(&client, &account, checksum);
        let failed = client.call(open, input).await.unwrap_err();
        let error = failed.error();
        assert_eq!((error.name.as_str(), &error.receipt, &error.receipt_key), (class, &None, &None));
        assert_eq!(error.salts, None);
    }
    let error = client.run(echo.checksum(), "eyJ.a.b", b"").await.unwrap_err();
    assert_eq!((error.name(), &error.error().receipt), ("TokenInvalid", &None));

    let open = run_own(&client, &account, echo.checksum());
    let answer = client.call(open, b"x").await.unwrap();
    assert_eq!(number(&of_answer(&client, echo.checksum(), b"x", &answer)), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_asks_for_none_has_none_however_it_ends_and_uses_up_no_number() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let account = account();
    let mut client = runtime.connect().await;
    let source = "def cape_handler(data):\n    assert data != b'raise', 'no'\n    return data\n";
    let function = Function::new(&platform, &account, source);
    client.deploy(&account, &function).await.unwrap();
    for input in [&b"x"[..], &[7; 300_000]] {
        let mut open = run_own(&client, &account, function.checksum());
        open.call_nonce = None;
        let End { receipt, salts, receipt_key, input_taken, .. } =
            client.call(open, input).await.unwrap().end;
        assert_eq!((receipt, salts, receipt_key, input_taken), (None, None, None, None));
    }
    let mut open = run_own(&client, &account, function.checksum());
    open.call_nonce = None;
    let failed = client.call(open, b"raise").await.unwrap_err();
    let error = failed.error();
    assert_eq!((error.name.as_str(), &error.receipt, &error.receipt_key), ("FunctionError", &None, &None));
    assert_eq!((error.salts, error.input_taken), (None, None));

    let open = run_own(&client, &account, function.checksum());
    let answer = client.call(open, b"x").await.unwrap();
    assert_eq!(number(&of_answer(&client, function.checksum(), b"x", &answer)), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_at_the_same_time_have_numbers_without_gaps() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let account = account();
    let echo = Function::new(&platform, &account, ECHO);
    let mut clients = Vec::new();
    for _ in 0..4 {
        clients.push(runtime.connect().await);
    }
    clients[0].deploy(&account, &echo).await.unwrap();
    let calls = clients.iter_mut().map(async |client| {
        let mut numbers = Vec::new();
        for _ in 0..5 {
            let open = run_own(client, &account, echo.checksum());
            let answer = client.call(open, b"x").await.unwrap();
            numbers.push(number(&of_answer(client, echo.checksum(), b"x", &answer)));
        }
        assert!(numbers.is_sorted());
        numbers
    });
    let numbers: BTreeSet<_> = futures_util::future::join_all(calls).await.into_iter().flatten().collect();
    assert_eq!(numbers, (1..=20).collect());
}
