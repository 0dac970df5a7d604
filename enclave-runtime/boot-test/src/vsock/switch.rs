//! All connections of a machine: which packet is for which, and whose turn it is.

use std::collections::{HashMap, VecDeque};
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use vmm_sys_util::epoll::{ControlOperation, Epoll, EpollEvent, EventSet};

use super::Statistics;
use super::caller::{Caller, Wish};
use super::connection::{Change, Connection};
use super::link::Link;
use super::packet::{Address, Credit, Header, Operation};

/// Connections, and callers that have not said what they want, at a time.
const MAX_CONNECTIONS: usize = 1024;

/// Resets that wait for room in the guest's queue, beyond which the guest is not listened to.
const MAX_RESETS: usize = 256;

/// Ports of the host's side of connections that the host asks for: from here to the last.
const FIRST_OWN_PORT: u32 = 1 << 30;

const GUEST_SOCKET: u64 = 0;
const STATISTICS_SOCKET: u64 = 1;
const FIRST_TOKEN: u64 = 2;

/// Who the two sides of a switch are.
#[derive(Clone, Debug)]
pub struct Sides {
    /// The folder of the host's sockets: `guest`, `statistics`, and `host_PORT` of those who listen.
    pub folder: PathBuf,
    /// The guest's own number.
    pub guest_cid: u64,
    /// The numbers under which the guest reaches the host; the first is what it sees of a caller.
    pub host_cids: Vec<u64>,
}

/// Connections between a guest and the Unix sockets of a folder.
pub struct Switch {
    sides: Sides,
    epoll: Epoll,
    guest_socket: UnixListener,
    statistics_socket: UnixListener,
    links: HashMap<Name, Link>,
    callers: HashMap<u64, Caller>,
    names: HashMap<u64, Name>,
    /// Whose turn it is to send something to the guest.
    turns: VecDeque<Name>,
    resets: VecDeque<Header>,
    next_token: u64,
    next_port: u32,
    statistics: Statistics,
}

/// A connection's two ends; the guest's number is always the same.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Name {
    host: Address,
    guest_port: u32,
}

impl Switch {
    /// A switch whose sockets are there from now on.
    pub fn new(sides: Sides) -> io::Result<Self> {
        let epoll = Epoll::new()?;
        let listener = |name: &str, token| {
            let listener = UnixListener::bind(sides.folder.join(name))?;
            listener.set_nonblocking(true)?;
            epoll.ctl(ControlOperation::Add, listener.as_raw_fd(), EpollEvent::new(EventSet::IN, token))?;
            io::Result::Ok(listener)
        };
        let guest_socket = listener("guest", GUEST_SOCKET)?;
        let statistics_socket = listener("statistics", STATISTICS_SOCKET)?;
        Ok(Self {
            sides,
            epoll,
            guest_socket,
            statistics_socket,
            links: HashMap::new(),
            callers: HashMap::new(),
            names: HashMap::new(),
            turns: VecDeque::new(),
            resets: VecDeque::new(),
            next_token: FIRST_TOKEN,
            next_port: FIRST_OWN_PORT,
            statistics: Statistics::default(),
        })
    }

    /// The guest's own number.
    pub fn guest_cid(&self) -> u64 {
        self.sides.guest_cid
    }

    /// What is readable when [`host_events`](Self::host_events) has something to do.
    pub fn events(&self) -> &impl AsRawFd {
        &self.epoll
    }

    /// Whether the guest has to take packets before its own are looked at.
    pub fn is_full(&self) -> bool {
        self.resets.len() >= MAX_RESETS
    }

    /// Takes a packet of the guest's.
    pub fn from_guest(&mut self, header: &Header, data: &[u8]) {
        let length = data.len() as u64;
        self.statistics.from_guest += length;
        self.statistics.largest_from_guest = self.statistics.largest_from_guest.max(length);
        if header.source.cid != self.sides.guest_cid {
            return;
        }
        let name = Name { host: header.destination, guest_port: header.source.port };
        let Some(link) = self.links.get_mut(&name) else { return self.take_from_stranger(name, header) };
        match link.connection.receive(header, data) {
            Ok(Change::Gone) => self.remove(name),
            Ok(Change::Accepted) => {
                let line = format!("OK {}\n", name.host.port);
                match link.stream.write_all(line.as_bytes()) {
                    Ok(()) => self.queue(name),
                    Err(_) => self.reset(name),
                }
            }
            Ok(Change::ForHost) => self.flush(name),
            Ok(Change::None) => self.queue(name),
            Err(_) => self.reset(name),
        }
    }

    /// A packet of no connection that there is: it may ask for one.
    fn take_from_stranger(&mut self, name: Name, header: &Header) {
        match header.operation {
            Operation::Reset => {}
            Operation::Request if self.has_room() && self.sides.host_cids.contains(&name.host.cid) => {
                match connected(&self.sides.folder.join(format!("host_{}", name.host.port))) {
                    Ok(stream) => {
                        let token = self.next_token();
                        let connection = Connection::requested_by_guest(header.credit);
                        self.add(name, Link::new(connection, stream, token), ControlOperation::Add);
                    }
                    Err(_) => self.push_reset(name),
                }
            }
            _ => self.push_reset(name),
        }
    }

    /// The next packet for the guest, whose data is at the beginning of `buffer`.
    pub fn to_guest(&mut self, buffer: &mut [u8]) -> Option<Header> {
        if let Some(reset) = self.resets.pop_front() {
            return Some(reset);
        }
        while let Some(name) = self.turns.pop_front() {
            let Some(link) = self.links.get_mut(&name) else { continue };
            link.queued = false;
            let (operation, length, credit) = match link.next_packet(buffer) {
                Ok(Some(packet)) => packet,
                Ok(None) => continue,
                Err(_) => {
                    self.reset(name);
                    return self.resets.pop_front();
                }
            };
            let header = self.header(name, operation, length, credit);
            self.statistics.to_guest += length as u64;
            self.queue(name);
            return Some(header);
        }
        None
    }

    /// Looks at what has happened on the host's sockets.
    pub fn host_events(&mut self) -> io::Result<()> {
        let mut events = [EpollEvent::default(); 64];
        loop {
            let count = self.epoll.wait(0, &mut events)?;
            for event in &events[..count] {
                self.host_event(event.data(), event.event_set());
            }
            if count < events.len() {
                return Ok(());
            }
        }
    }

    fn host_event(&mut self, token: u64, events: EventSet) {
        match token {
            GUEST_SOCKET => self.accept_caller(),
            STATISTICS_SOCKET => self.tell_statistics(),
            _ if self.callers.contains_key(&token) => self.hear_caller(token),
            _ => {
                let Some(&name) = self.names.get(&token) else { return };
                let Some(link) = self.links.get_mut(&name) else { return };
                link.readable |= events != EventSet::OUT;
                link.hung_up |= events.intersects(EventSet::HANG_UP | EventSet::ERROR);
                self.flush(name);
            }
        }
    }

    fn accept_caller(&mut self) {
        while let Ok((stream, _)) = self.guest_socket.accept() {
            if !self.has_room() || stream.set_nonblocking(true).is_err() {
                continue;
            }
            let token = self.next_token();
            if self.watch(ControlOperation::Add, &stream, token).is_ok() {
                self.callers.insert(token, Caller::new(stream));
                self.hear_caller(token);
            }
        }
    }

    fn hear_caller(&mut self, token: u64) {
        let Some(mut caller) = self.callers.remove(&token) else { return };
        match caller.read() {
            Wish::Unfinished => drop(self.callers.insert(token, caller)),
            Wish::Nonsense => {}
            Wish::Port(guest_port) => {
                let host = Address { cid: self.sides.host_cids[0], port: self.free_port(guest_port) };
                let link = Link::new(Connection::requested_by_host(), caller.stream, token);
                self.add(Name { host, guest_port }, link, ControlOperation::Modify);
            }
        }
    }

    fn tell_statistics(&mut self) {
        while let Ok((mut stream, _)) = self.statistics_socket.accept() {
            let statistics = Statistics { open: self.links.len() as u64, ..self.statistics };
            let _ = stream.write_all(statistics.to_line().as_bytes());
        }
    }

    fn add(&mut self, name: Name, link: Link, watch: ControlOperation) {
        if self.watch(watch, &link.stream, link.token).is_err() {
            return self.push_reset(name);
        }
        self.statistics.connections += 1;
        self.names.insert(link.token, name);
        self.links.insert(name, link);
        self.queue(name);
    }

    /// Has a socket's changes told, each once.
    fn watch(&self, operation: ControlOperation, stream: &UnixStream, token: u64) -> io::Result<()> {
        let events = EventSet::IN | EventSet::OUT | EventSet::READ_HANG_UP | EventSet::EDGE_TRIGGERED;
        self.epoll.ctl(operation, stream.as_raw_fd(), EpollEvent::new(events, token))
    }

    /// Gives a connection's host what it takes, and sees what is left of the connection.
    fn flush(&mut self, name: Name) {
        let Some(link) = self.links.get_mut(&name) else { return };
        if link.flush().is_err() || link.connection.is_over() {
            return self.reset(name);
        }
        link.settle();
        self.queue(name);
    }

    fn queue(&mut self, name: Name) {
        if let Some(link) = self.links.get_mut(&name).filter(|link| !link.queued) {
            link.queued = true;
            self.turns.push_back(name);
        }
    }

    fn reset(&mut self, name: Name) {
        self.remove(name);
        self.push_reset(name);
    }

    fn push_reset(&mut self, name: Name) {
        self.statistics.resets += 1;
        let reset = self.header(name, Operation::Reset, 0, Credit::default());
        self.resets.push_back(reset);
    }

    fn remove(&mut self, name: Name) {
        if let Some(link) = self.links.remove(&name) {
            self.names.remove(&link.token);
        }
    }

    fn header(&self, name: Name, operation: Operation, length: usize, credit: Credit) -> Header {
        Header {
            source: name.host,
            destination: Address { cid: self.sides.guest_cid, port: name.guest_port },
            length: length as u32,
            operation,
            credit,
        }
    }

    fn has_room(&self) -> bool {
        self.links.len() + self.callers.len() < MAX_CONNECTIONS
    }

    fn next_token(&mut self) -> u64 {
        self.next_token += 1;
        self.next_token
    }

    /// A port that no connection to that port of the guest has; there are fewer connections than ports.
    fn free_port(&mut self, guest_port: u32) -> u32 {
        loop {
            let port = self.next_port;
            self.next_port = port.checked_add(1).filter(|port| *port != u32::MAX).unwrap_or(FIRST_OWN_PORT);
            let host = Address { cid: self.sides.host_cids[0], port };
            if !self.links.contains_key(&Name { host, guest_port }) {
                return port;
            }
        }
    }
}

/// Connects without waiting: a host whose queue is full is one that does not listen.
fn connected(path: &Path) -> io::Result<UnixStream> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    connect(socket.as_fd(), &SocketAddrUnix::new(path)?)?;
    Ok(socket.into())
}
