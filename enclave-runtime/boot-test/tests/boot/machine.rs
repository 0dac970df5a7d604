//! The machine itself: vsock and the security module, asked by the probe.

use cape_core::crypto::sha384;
use libtest_mimic::Trial;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;

use crate::support::machine::{INSTANCE, ROLE, Settings};
use crate::support::probe::Probe;
use crate::trial;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("machine::vsock_carries_much_both_ways", vsock_carries_much_both_ways),
        trial("machine::many_connections_at_once", many_connections_at_once),
        trial("machine::the_guest_sends_much_to_the_host", the_guest_sends_much_to_the_host),
        trial("machine::a_port_without_a_listener_refuses", a_port_without_a_listener_refuses),
        trial("machine::the_module_keeps_its_registers", the_module_keeps_its_registers),
        trial("machine::the_machine_ends_when_the_guest_does", the_machine_ends_when_the_guest_does),
    ]
}

async fn start() -> Probe {
    Probe::start(tempfile::tempdir().unwrap(), Settings::default()).await
}

/// Bytes that are different everywhere.
fn bytes(count: u32) -> Vec<u8> {
    (0..count).flat_map(|number| number.wrapping_mul(2_654_435_761).to_be_bytes()).collect()
}

async fn vsock_carries_much_both_ways() {
    let probe = start().await;
    let (mut reader, mut writer) = probe.call("echo").await.into_split();
    let sent = bytes(1 << 20);
    let expected = sent.clone();
    let sending = tokio::spawn(async move {
        writer.write_all(&sent).await.unwrap();
        writer.shutdown().await.unwrap();
    });
    let mut received = Vec::new();
    reader.read_to_end(&mut received).await.unwrap();
    sending.await.unwrap();
    assert!(received == expected, "{} bytes of {}", received.len(), expected.len());
}

async fn many_connections_at_once() {
    let probe = start().await;
    let mut calls = Vec::new();
    for _ in 0..40 {
        calls.push(probe.call("echo").await);
    }
    for (number, call) in calls.iter_mut().enumerate() {
        call.write_all(&bytes(5000 + number as u32)).await.unwrap();
        call.shutdown().await.unwrap();
    }
    for (number, call) in calls.iter_mut().enumerate() {
        let mut received = Vec::new();
        call.read_to_end(&mut received).await.unwrap();
        assert!(received == bytes(5000 + number as u32));
    }
    drop(calls);
    probe.machine.counts("open", 0).await;
}

async fn the_guest_sends_much_to_the_host() {
    let folder = tempfile::tempdir().unwrap();
    let listener = UnixListener::bind(folder.path().join("host_9100")).unwrap();
    let probe = Probe::start(folder, Settings::default()).await;
    let host = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut received = Vec::new();
        stream.read_to_end(&mut received).await.unwrap();
        stream.write_all(b"thanks").await.unwrap();
        received.len()
    });
    let answer = probe.ask("send 3 9100 3000000 32000").await;
    assert_eq!(answer["answer"], 6);
    assert_eq!(host.await.unwrap(), 3_000_000);
    assert_eq!(probe.machine.counted("largest_from_guest").await, 32_000);
}

async fn a_port_without_a_listener_refuses() {
    let folder = tempfile::tempdir().unwrap();
    let _listener = UnixListener::bind(folder.path().join("host_9100")).unwrap();
    let probe = Probe::start(folder, Settings { host_cids: "2", ..Settings::default() }).await;
    for (cid, port) in [(3, 9101), (3, 9100), (2, 9101)] {
        let answer = probe.ask(&format!("send {cid} {port} 1 1")).await;
        assert!(answer["error"].as_str().unwrap().contains("reset by peer"), "{answer}");
    }
    assert!(probe.machine.connect(7101).await.is_none());
}

async fn the_module_keeps_its_registers() {
    let probe = start().await;
    let answer = probe.ask("module").await;
    let register = |when: &str, index: usize| -> Vec<u8> {
        serde_json::from_value(answer[when][index].clone()).unwrap()
    };
    let measured = &probe.measurements;
    let of = |text: &str| sha384(&[&[0; 48], text.as_bytes()]);
    let expected = [measured.pcr0, measured.pcr1, measured.pcr2, of(ROLE), of(INSTANCE)];
    for (index, value) in expected.into_iter().enumerate() {
        assert_eq!(register("before", index), value, "PCR{index}");
    }
    for index in 0..32 {
        let (outcome, changes) = if index < 16 { ("ReadOnlyIndex", false) } else { ("done", true) };
        assert_eq!(answer["extended"][index], outcome, "PCR{index}");
        assert_eq!(register("before", index) != register("after", index), changes, "PCR{index}");
    }
    assert_eq!(register("after", 20), sha384(&[&[0; 48], b"x"]));
    for (step, outcome) in [
        ("locked", "done"),
        ("locked_again", "ReadOnlyIndex"),
        ("extended_locked", "ReadOnlyIndex"),
        ("range", "done"),
        ("extended_in_range", "ReadOnlyIndex"),
        ("beyond", "InvalidIndex"),
    ] {
        assert_eq!(answer[step], outcome, "{step}");
    }
    assert_eq!(answer["extended"][32], "InvalidIndex");
    assert_ne!(answer["random"][0], answer["random"][1]);
    assert_eq!(answer["random"][0].as_array().map(Vec::len), Some(256));
}

async fn the_machine_ends_when_the_guest_does() {
    let mut probe = start().await;
    probe.call("end").await;
    assert!(probe.machine.ended().await.success());
}
