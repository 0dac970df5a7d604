//! The switch without a machine: packets of a guest are made here, the host's sockets are real.

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

use cape_boot_test::vsock::connection::CAPACITY;
use cape_boot_test::vsock::packet::{Address, Credit, Directions, Header, MAX_DATA, Operation};
use cape_boot_test::vsock::switch::{Sides, Switch};

const GUEST: u64 = 4;
const HOST: u64 = 3;
const ROOM: u32 = 1 << 20;

/// A guest that is made of packets, and the folder of its host.
struct Guest {
    switch: Switch,
    folder: tempfile::TempDir,
    credit: Credit,
}

impl Guest {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sides = Sides { folder: folder.path().into(), guest_cid: GUEST, host_cids: vec![HOST, 2] };
        let credit = Credit { capacity: ROOM, forwarded: 0 };
        Self { switch: Switch::new(sides).unwrap(), folder, credit }
    }

    fn listen(&self, port: u32) -> UnixListener {
        UnixListener::bind(self.folder.path().join(format!("host_{port}"))).unwrap()
    }

    fn send_to(&mut self, host: Address, port: u32, operation: Operation, data: &[u8]) {
        let header = Header {
            source: Address { cid: GUEST, port },
            destination: host,
            length: data.len() as u32,
            operation,
            credit: self.credit,
        };
        self.switch.from_guest(&header, data);
    }

    fn send(&mut self, operation: Operation, data: &[u8]) {
        self.send_to(Address { cid: HOST, port: 9000 }, 55, operation, data);
    }

    /// What the guest is sent now, each packet with its data.
    fn receive(&mut self) -> Vec<(Header, Vec<u8>)> {
        self.switch.host_events().unwrap();
        let mut buffer = vec![0; 4096];
        let next = || {
            let header = self.switch.to_guest(&mut buffer)?;
            Some((header, buffer[..header.length as usize].to_vec()))
        };
        std::iter::from_fn(next).collect()
    }

    fn operations(&mut self) -> Vec<Operation> {
        self.receive().into_iter().map(|(header, _)| header.operation).collect()
    }

    /// A connection of the guest's to port 9000: the host's end of it.
    fn connect(&mut self, listener: &UnixListener) -> UnixStream {
        self.send(Operation::Request, b"");
        assert_eq!(self.operations(), [Operation::Response]);
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    fn call(&self, line: &str) -> UnixStream {
        let mut stream = UnixStream::connect(self.folder.path().join("guest")).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(line.as_bytes()).unwrap();
        stream
    }

    fn statistics(&mut self) -> String {
        let mut stream = UnixStream::connect(self.folder.path().join("statistics")).unwrap();
        self.switch.host_events().unwrap();
        let mut line = String::new();
        stream.read_to_string(&mut line).unwrap();
        line
    }
}

#[test]
fn the_guest_connects_and_bytes_go_both_ways() {
    let mut guest = Guest::new();
    let listener = guest.listen(9000);
    let mut host = guest.connect(&listener);
    guest.send(Operation::Data, b"question");
    let mut question = [0; 8];
    host.read_exact(&mut question).unwrap();
    assert_eq!(&question, b"question");
    host.write_all(b"answer").unwrap();
    let [(header, data)] = guest.receive().try_into().unwrap();
    assert_eq!((header.operation, data), (Operation::Data, b"answer".to_vec()));
    assert_eq!(header.source, Address { cid: HOST, port: 9000 });
    assert_eq!(header.destination, Address { cid: GUEST, port: 55 });
    assert_eq!(header.credit, Credit { capacity: CAPACITY, forwarded: 8 });
}

#[test]
fn nobody_listens_or_the_number_is_not_the_hosts() {
    let mut guest = Guest::new();
    let _listener = guest.listen(9000);
    for (cid, port) in [(HOST, 9001), (5, 9000), (0, 9000)] {
        guest.send_to(Address { cid, port }, 55, Operation::Request, b"");
        let [(header, _)] = guest.receive().try_into().unwrap();
        assert_eq!((header.operation, header.source), (Operation::Reset, Address { cid, port }));
    }
    guest.send_to(Address { cid: 2, port: 9000 }, 55, Operation::Request, b"");
    assert_eq!(guest.operations(), [Operation::Response]);
}

#[test]
fn packets_of_no_connection_are_reset_and_resets_are_not_answered() {
    let mut guest = Guest::new();
    for operation in [Operation::Data, Operation::Response, Operation::Shutdown(Directions::BOTH)] {
        guest.send(operation, b"");
        assert_eq!(guest.operations(), [Operation::Reset]);
    }
    guest.send(Operation::Reset, b"");
    assert_eq!(guest.operations(), []);
}

#[test]
fn packets_under_anothers_number_are_dropped() {
    let mut guest = Guest::new();
    let listener = guest.listen(9000);
    let mut host = guest.connect(&listener);
    let header = Header {
        source: Address { cid: GUEST + 1, port: 55 },
        destination: Address { cid: HOST, port: 9000 },
        length: 1,
        operation: Operation::Data,
        credit: guest.credit,
    };
    guest.switch.from_guest(&header, b"x");
    guest.send(Operation::Data, b"y");
    let mut byte = [0];
    host.read_exact(&mut byte).unwrap();
    assert_eq!(&byte, b"y");
}

#[test]
fn the_host_calls_a_port_of_the_guest() {
    let mut guest = Guest::new();
    let mut stream = guest.call("CONNECT 7000\nhello");
    let [(request, _)] = guest.receive().try_into().unwrap();
    assert_eq!(request.operation, Operation::Request);
    assert_eq!((request.source.cid, request.destination), (HOST, Address { cid: GUEST, port: 7000 }));
    guest.send_to(request.source, 7000, Operation::Response, b"");
    let [(header, data)] = guest.receive().try_into().unwrap();
    assert_eq!((header.operation, data), (Operation::Data, b"hello".to_vec()));
    guest.send_to(request.source, 7000, Operation::Data, b"welcome");
    let expected = format!("OK {}\nwelcome", request.source.port);
    let mut answer = vec![0; expected.len()];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(answer, expected.as_bytes());
}

#[test]
fn a_guest_that_does_not_listen_closes_the_callers_socket() {
    let mut guest = Guest::new();
    let mut stream = guest.call("CONNECT 7000\n");
    let [(request, _)] = guest.receive().try_into().unwrap();
    guest.send_to(request.source, 7000, Operation::Reset, b"");
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
}

#[test]
fn callers_have_ports_of_their_own() {
    let mut guest = Guest::new();
    let _streams = [guest.call("CONNECT 7000\n"), guest.call("CONNECT 7000\n")];
    let [(first, _), (second, _)] = guest.receive().try_into().unwrap();
    assert_ne!(first.source, second.source);
}

#[test]
fn nonsense_of_a_caller_closes_its_socket() {
    let mut guest = Guest::new();
    let mut stream = guest.call("HELLO\n");
    assert_eq!(guest.operations(), []);
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
}

#[test]
fn a_host_that_does_not_read_holds_up_the_guest_and_nobody_else() {
    let mut guest = Guest::new();
    let listener = guest.listen(9000);
    let mut slow = guest.connect(&listener);
    guest.send_to(Address { cid: HOST, port: 9000 }, 56, Operation::Request, b"");
    guest.receive();
    let (mut other, _) = listener.accept().unwrap();
    let part = vec![7; MAX_DATA];
    let mut sent = 0;
    let mut told = 0;
    while sent + part.len() <= told + CAPACITY as usize {
        guest.send(Operation::Data, &part);
        sent += part.len();
        told = guest.receive().last().map_or(told, |(header, _)| header.credit.forwarded as usize);
        assert!(sent < 100 << 20, "it is held up");
    }
    guest.send_to(Address { cid: HOST, port: 9000 }, 56, Operation::Data, b"x");
    let mut byte = [0];
    other.read_exact(&mut byte).unwrap();
    // Once the host reads, everything comes, and the guest hears of the room.
    let reader = std::thread::spawn(move || {
        let mut received = 0;
        let mut buffer = vec![0; 1 << 16];
        while received < sent {
            received += slow.read(&mut buffer).unwrap();
        }
        (received, slow)
    });
    while !reader.is_finished() {
        told = guest.receive().last().map_or(told, |(header, _)| header.credit.forwarded as usize);
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(reader.join().unwrap().0, sent);
    assert!(told >= sent - CAPACITY as usize / 4);
}

#[test]
fn more_than_the_guest_was_given_room_for_resets_the_connection() {
    let mut guest = Guest::new();
    let listener = guest.listen(9000);
    let _host = guest.connect(&listener);
    let part = vec![7; MAX_DATA];
    let sent = std::iter::repeat_with(|| guest.send(Operation::Data, &part)).take(100).count();
    assert_eq!(sent, 100);
    assert!(guest.operations().contains(&Operation::Reset));
}

#[test]
fn a_guest_without_room_is_asked_once_and_sent_nothing() {
    let mut guest = Guest::new();
    guest.credit.capacity = 10;
    let listener = guest.listen(9000);
    let mut host = guest.connect(&listener);
    host.write_all(&[7; 25]).unwrap();
    let received = guest.receive();
    let operations: Vec<_> = received.iter().map(|(header, data)| (header.operation, data.len())).collect();
    assert_eq!(operations, [(Operation::Data, 10), (Operation::CreditRequest, 0)]);
    assert_eq!(guest.operations(), []);
    guest.credit.forwarded = 10;
    guest.send(Operation::CreditUpdate, b"");
    let lengths: Vec<_> = guest.receive().iter().map(|(header, _)| header.length).collect();
    assert_eq!(lengths, [10, 0]);
    guest.credit.forwarded = 20;
    guest.send(Operation::CreditUpdate, b"");
    assert_eq!(guest.receive()[0].1, [7; 5]);
}

#[test]
fn each_connection_has_its_turn() {
    let mut guest = Guest::new();
    let listener = guest.listen(9000);
    let mut hosts: Vec<_> = (0..3)
        .map(|port| {
            guest.send_to(Address { cid: HOST, port: 9000 }, port, Operation::Request, b"");
            guest.receive();
            listener.accept().unwrap().0
        })
        .collect();
    for host in &mut hosts {
        host.write_all(&[7; 10_000]).unwrap();
    }
    let ports: Vec<_> = guest.receive().iter().map(|(header, _)| header.destination.port).collect();
    assert_eq!(ports.len(), 9, "three packets of at most 4096 bytes for each");
    for turn in ports.chunks(3) {
        assert_eq!(turn.iter().collect::<std::collections::BTreeSet<_>>().len(), 3);
    }
}

#[test]
fn the_host_ends_sending_and_still_receives() {
    let mut guest = Guest::new();
    let listener = guest.listen(9000);
    let mut host = guest.connect(&listener);
    host.write_all(b"last").unwrap();
    host.shutdown(Shutdown::Write).unwrap();
    let received = guest.receive();
    assert_eq!(received[0].1, b"last");
    assert_eq!(received[1].0.operation, Operation::Shutdown(Directions::SEND));
    guest.send(Operation::Data, b"answer");
    guest.send(Operation::Shutdown(Directions::SEND), b"");
    let mut answer = String::new();
    host.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "answer");
    assert_eq!(guest.operations(), [Operation::Shutdown(Directions::BOTH)], "nothing is left to do");
    guest.send(Operation::Reset, b"");
    assert!(guest.statistics().contains("\"open\":0"));
}

#[test]
fn the_guest_ends_sending_and_still_receives() {
    let mut guest = Guest::new();
    let listener = guest.listen(9000);
    let mut host = guest.connect(&listener);
    guest.send(Operation::Data, b"question");
    guest.send(Operation::Shutdown(Directions::SEND), b"");
    let mut question = String::new();
    host.read_to_string(&mut question).unwrap();
    assert_eq!(question, "question");
    host.write_all(b"answer").unwrap();
    assert_eq!(guest.receive()[0].1, b"answer");
    drop(host);
    assert_eq!(guest.operations(), [Operation::Shutdown(Directions::BOTH)]);
}

#[test]
fn a_guest_that_has_closed_is_let_go() {
    let mut guest = Guest::new();
    let listener = guest.listen(9000);
    let mut host = guest.connect(&listener);
    guest.send(Operation::Data, b"last");
    guest.send(Operation::Shutdown(Directions::BOTH), b"");
    assert_eq!(guest.operations(), [Operation::Reset]);
    let mut last = String::new();
    host.read_to_string(&mut last).unwrap();
    assert_eq!(last, "last");
}

#[test]
fn a_host_that_has_gone_is_told_with_what_it_said_last() {
    let mut guest = Guest::new();
    let listener = guest.listen(9000);
    let mut host = guest.connect(&listener);
    host.write_all(b"last").unwrap();
    drop(host);
    let received = guest.receive();
    assert_eq!(received[0].1, b"last");
    assert_eq!(received[1].0.operation, Operation::Shutdown(Directions::BOTH));
    guest.send(Operation::Data, b"for nobody");
    assert_eq!(guest.operations(), [Operation::Reset]);
}

#[test]
fn a_reset_of_the_guest_closes_the_hosts_socket() {
    let mut guest = Guest::new();
    let listener = guest.listen(9000);
    let mut host = guest.connect(&listener);
    guest.send(Operation::Reset, b"");
    assert_eq!(host.read(&mut [0]).unwrap(), 0);
    assert_eq!(guest.operations(), []);
}

#[test]
fn a_second_request_of_a_connection_resets_it() {
    let mut guest = Guest::new();
    let listener = guest.listen(9000);
    let _host = guest.connect(&listener);
    guest.send(Operation::Request, b"");
    assert_eq!(guest.operations(), [Operation::Reset]);
}

#[test]
fn there_are_so_many_connections_and_no_more() {
    let mut guest = Guest::new();
    let listener = guest.listen(9000);
    listener.set_nonblocking(true).unwrap();
    let mut accepted = Vec::new();
    let mut resets = 0;
    for port in 0..1030 {
        guest.send_to(Address { cid: HOST, port: 9000 }, port, Operation::Request, b"");
        resets += guest.operations().iter().filter(|operation| **operation == Operation::Reset).count();
        match listener.accept() {
            Ok((stream, _)) => accepted.push(stream),
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
    }
    assert_eq!((accepted.len(), resets), (1024, 6));
    assert!(guest.statistics().contains("\"connections\":1024,\"open\":1024,\"resets\":6"));
}

#[test]
fn a_guest_that_takes_no_resets_is_not_listened_to() {
    let mut guest = Guest::new();
    for port in 0..256 {
        assert!(!guest.switch.is_full());
        guest.send_to(Address { cid: HOST, port: 9001 }, port, Operation::Request, b"");
    }
    assert!(guest.switch.is_full());
    assert_eq!(guest.operations().len(), 256);
    assert!(!guest.switch.is_full());
}

#[test]
fn what_has_passed_is_counted() {
    let mut guest = Guest::new();
    let listener = guest.listen(9000);
    let mut host = guest.connect(&listener);
    for length in [10, 3000, 200] {
        guest.send(Operation::Data, &vec![7; length]);
    }
    host.write_all(b"four").unwrap();
    guest.receive();
    assert_eq!(
        guest.statistics(),
        "{\"connections\":1,\"open\":1,\"resets\":0,\"from_guest\":3210,\"to_guest\":4,\"largest_from_guest\":3000}\n"
    );
}
