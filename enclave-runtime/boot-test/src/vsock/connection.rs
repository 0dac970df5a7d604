//! One connection's rules, as virtio has them (version 1.3, 5.10.6.3 to 5.10.6.5), without I/O.

use std::collections::VecDeque;

use super::packet::{Credit, Directions, Header, Operation};

/// Bytes of the guest's that wait for the host at most.
pub const CAPACITY: u32 = 256 << 10;

/// The guest hears of room when this much has come free since it last did.
const WORTH_TELLING: u32 = CAPACITY / 4;

/// A connection, from the host's side.
#[derive(Debug)]
pub struct Connection {
    accepted: bool,
    /// What the guest has sent and the host has not taken.
    to_host: VecDeque<u8>,
    /// Bytes that the host has taken.
    forwarded: u32,
    /// The part of them that the guest has heard of.
    told: u32,
    /// What the guest said last of its buffer.
    guest: Credit,
    /// Bytes that were sent to the guest.
    sent: u32,
    /// What the guest does not do any more.
    guest_ended: Directions,
    /// What the host does not do any more.
    host_ended: Directions,
    due: Due,
    asked_for_credit: bool,
}

/// Packets without data that the guest has to get.
#[derive(Debug, Default)]
struct Due {
    request: bool,
    response: bool,
    shutdown: bool,
    credit_update: bool,
    credit_request: bool,
}

/// What a packet of the guest has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Something that [`Connection`] answers itself.
    None,
    /// The guest has accepted the host's request.
    Accepted,
    /// There is data for the host, or the guest has ended a direction.
    ForHost,
    /// The connection is no more.
    Gone,
}

/// The guest sent what it may not send now: the connection has to be reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Violation;

impl Connection {
    /// A connection that the host asks for.
    pub fn requested_by_host() -> Self {
        Self::new(false, Credit::default(), Due { request: true, ..Due::default() })
    }

    /// A connection that the guest has asked for.
    pub fn requested_by_guest(credit: Credit) -> Self {
        Self::new(true, credit, Due { response: true, ..Due::default() })
    }

    fn new(accepted: bool, guest: Credit, due: Due) -> Self {
        Self {
            accepted,
            to_host: VecDeque::new(),
            forwarded: 0,
            told: 0,
            guest,
            sent: 0,
            guest_ended: Directions::default(),
            host_ended: Directions::default(),
            due,
            asked_for_credit: false,
        }
    }

    /// Takes a packet of the guest's.
    pub fn receive(&mut self, header: &Header, data: &[u8]) -> Result<Change, Violation> {
        self.guest = header.credit;
        self.asked_for_credit &= self.window() == 0;
        match (header.operation, self.accepted) {
            (Operation::Reset, _) => Ok(Change::Gone),
            (Operation::Response, false) if !self.due.request => {
                self.accepted = true;
                Ok(Change::Accepted)
            }
            (Operation::Data, true) if !self.guest_ended.send => self.receive_data(data),
            (Operation::Shutdown(directions), true) => {
                self.guest_ended = self.guest_ended.with(directions);
                Ok(Change::ForHost)
            }
            (Operation::CreditUpdate, true) => Ok(Change::None),
            (Operation::CreditRequest, true) => {
                self.due.credit_update = true;
                Ok(Change::None)
            }
            _ => Err(Violation),
        }
    }

    fn receive_data(&mut self, data: &[u8]) -> Result<Change, Violation> {
        if self.to_host.len() + data.len() > CAPACITY as usize {
            return Err(Violation);
        }
        self.to_host.extend(data);
        Ok(Change::ForHost)
    }

    /// What the host has to get next, or a part of it.
    pub fn for_host(&self) -> &[u8] {
        self.to_host.as_slices().0
    }

    /// The host has taken this many bytes.
    pub fn host_took(&mut self, bytes: usize) {
        self.to_host.drain(..bytes);
        self.forwarded = self.forwarded.wrapping_add(bytes as u32);
        self.due.credit_update |= self.forwarded.wrapping_sub(self.told) >= WORTH_TELLING;
    }

    /// The host has got all that it will get.
    pub fn host_has_all(&self) -> bool {
        self.guest_ended.send && self.to_host.is_empty()
    }

    /// The guest takes nothing more.
    pub fn guest_is_deaf(&self) -> bool {
        self.guest_ended.receive
    }

    /// The guest neither sends nor receives, and the host has what it sent: all that is left is a
    /// reset.
    pub fn is_over(&self) -> bool {
        self.host_has_all() && self.guest_is_deaf()
    }

    /// The host does not do this any more.
    pub fn host_ends(&mut self, directions: Directions) {
        let ended = self.host_ended.with(directions);
        self.due.shutdown |= ended != self.host_ended;
        self.host_ended = ended;
    }

    /// The host has said all that it says.
    pub fn host_sends_no_more(&self) -> bool {
        self.host_ended.send
    }

    /// Whether the guest may get data of the host's, now or when it has made room.
    pub fn sends(&self) -> bool {
        self.accepted && !self.host_ended.send && !self.guest_ended.receive
    }

    /// Bytes that the guest has room for.
    pub fn window(&self) -> usize {
        let on_its_way = self.sent.wrapping_sub(self.guest.forwarded);
        self.guest.capacity.saturating_sub(on_its_way) as usize
    }

    /// There is data for the guest, which has no room: it is asked, once, to say when it has.
    pub fn wants_room(&mut self) {
        self.due.credit_request |= !self.asked_for_credit;
        self.asked_for_credit = true;
    }

    /// These bytes go to the guest, in one packet.
    pub fn sends_data(&mut self, bytes: usize) {
        self.sent = self.sent.wrapping_add(bytes as u32);
    }

    /// The next packet without data that is due to the guest.
    pub fn next_due(&mut self) -> Option<Operation> {
        let due = &mut self.due;
        let order = [
            (&mut due.request, Operation::Request),
            (&mut due.response, Operation::Response),
            (&mut due.shutdown, Operation::Shutdown(self.host_ended)),
            (&mut due.credit_update, Operation::CreditUpdate),
            (&mut due.credit_request, Operation::CreditRequest),
        ];
        let (flag, operation) = order.into_iter().find(|(flag, _)| **flag)?;
        *flag = false;
        Some(operation)
    }

    /// What a packet to the guest says of the host's buffer.
    pub fn credit(&mut self) -> Credit {
        self.told = self.forwarded;
        self.due.credit_update = false;
        Credit { capacity: CAPACITY, forwarded: self.forwarded }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vsock::packet::Address;

    const ROOMY: Credit = Credit { capacity: 1000, forwarded: 0 };

    fn header(operation: Operation, credit: Credit) -> Header {
        let nowhere = Address { cid: 0, port: 0 };
        Header { source: nowhere, destination: nowhere, length: 0, operation, credit }
    }

    fn receive(connection: &mut Connection, operation: Operation) -> Result<Change, Violation> {
        connection.receive(&header(operation, ROOMY), b"")
    }

    fn accepted() -> Connection {
        let mut connection = Connection::requested_by_guest(ROOMY);
        assert_eq!(connection.next_due(), Some(Operation::Response));
        connection
    }

    #[test]
    fn the_host_asks_and_the_guest_accepts() {
        let mut connection = Connection::requested_by_host();
        assert_eq!(receive(&mut connection, Operation::Response), Err(Violation), "before it was asked");
        assert_eq!(connection.next_due(), Some(Operation::Request));
        assert!(!connection.sends());
        assert_eq!(receive(&mut connection, Operation::Data), Err(Violation), "before it has accepted");
        assert_eq!(receive(&mut connection, Operation::Response), Ok(Change::Accepted));
        assert!(connection.sends());
        assert_eq!(connection.window(), 1000);
        assert_eq!(receive(&mut connection, Operation::Response), Err(Violation), "twice");
        assert_eq!(receive(&mut connection, Operation::Request), Err(Violation));
    }

    #[test]
    fn no_more_is_sent_than_the_guest_has_room_for() {
        let mut connection = accepted();
        connection.sends_data(600);
        assert_eq!(connection.window(), 400);
        connection.sends_data(400);
        assert_eq!(connection.window(), 0);
        connection.wants_room();
        connection.wants_room();
        assert_eq!(connection.next_due(), Some(Operation::CreditRequest));
        connection.wants_room();
        assert_eq!(connection.next_due(), None, "it was asked");
        let update = header(Operation::CreditUpdate, Credit { capacity: 1000, forwarded: 300 });
        assert_eq!(connection.receive(&update, b""), Ok(Change::None));
        assert_eq!(connection.window(), 300);
        connection.sends_data(300);
        connection.wants_room();
        assert_eq!(connection.next_due(), Some(Operation::CreditRequest), "it is asked again");
    }

    #[test]
    fn a_guest_whose_buffer_has_shrunk_has_no_room() {
        let mut connection = accepted();
        connection.sends_data(600);
        let update = header(Operation::CreditUpdate, Credit { capacity: 100, forwarded: 0 });
        connection.receive(&update, b"").unwrap();
        assert_eq!(connection.window(), 0);
    }

    #[test]
    fn counters_of_bytes_wrap() {
        let mut connection = accepted();
        connection.sent = u32::MAX - 99;
        let update = header(Operation::CreditUpdate, Credit { capacity: 1000, forwarded: u32::MAX - 99 });
        connection.receive(&update, b"").unwrap();
        connection.sends_data(300);
        assert_eq!((connection.sent, connection.window()), (200, 700));
        connection.forwarded = u32::MAX;
        connection.told = u32::MAX;
        connection.receive(&header(Operation::Data, ROOMY), &[7; 10]).unwrap();
        connection.host_took(10);
        assert_eq!(connection.credit().forwarded, 9);
    }

    #[test]
    fn the_guest_hears_of_room_before_it_has_none() {
        let mut connection = accepted();
        let part = vec![7; WORTH_TELLING as usize];
        for _ in 0..4 {
            assert_eq!(connection.receive(&header(Operation::Data, ROOMY), &part), Ok(Change::ForHost));
        }
        assert_eq!(connection.receive(&header(Operation::Data, ROOMY), b"x"), Err(Violation), "too much");
        connection.host_took(part.len() - 1);
        assert_eq!(connection.next_due(), None);
        connection.host_took(1);
        assert_eq!(connection.next_due(), Some(Operation::CreditUpdate));
        assert_eq!(connection.credit(), Credit { capacity: CAPACITY, forwarded: WORTH_TELLING });
        assert_eq!(receive(&mut connection, Operation::CreditRequest), Ok(Change::None));
        assert_eq!(connection.next_due(), Some(Operation::CreditUpdate), "it has asked");
    }

    #[test]
    fn any_packet_tells_the_credit() {
        let mut connection = accepted();
        connection.receive(&header(Operation::Data, ROOMY), &vec![7; CAPACITY as usize]).unwrap();
        connection.host_took(CAPACITY as usize);
        assert_eq!(connection.credit().forwarded, CAPACITY);
        assert_eq!(connection.next_due(), None);
    }

    #[test]
    fn each_direction_ends_for_itself() {
        let mut connection = accepted();
        connection.receive(&header(Operation::Data, ROOMY), b"last").unwrap();
        let shutdown = Operation::Shutdown(Directions::SEND);
        assert_eq!(receive(&mut connection, shutdown), Ok(Change::ForHost));
        assert!(!connection.host_has_all(), "the last bytes come first");
        assert_eq!(connection.for_host(), b"last");
        connection.host_took(4);
        assert!(connection.host_has_all() && !connection.is_over() && connection.sends());
        assert_eq!(receive(&mut connection, Operation::Data), Err(Violation), "it has ended sending");

        connection.host_ends(Directions::SEND);
        assert_eq!(connection.next_due(), Some(shutdown));
        connection.host_ends(Directions::SEND);
        assert_eq!(connection.next_due(), None, "it was told");
        connection.host_ends(Directions::BOTH);
        assert_eq!(connection.next_due(), Some(Operation::Shutdown(Directions::BOTH)));
        assert!(!connection.sends());
    }

    #[test]
    fn a_guest_that_ends_both_directions_is_over_when_the_host_has_all() {
        let mut connection = accepted();
        connection.receive(&header(Operation::Data, ROOMY), b"last").unwrap();
        receive(&mut connection, Operation::Shutdown(Directions::BOTH)).unwrap();
        assert!(!connection.is_over() && !connection.sends());
        connection.host_took(4);
        assert!(connection.is_over());
    }

    #[test]
    fn a_reset_ends_it_at_any_time() {
        assert_eq!(receive(&mut Connection::requested_by_host(), Operation::Reset), Ok(Change::Gone));
        assert_eq!(receive(&mut accepted(), Operation::Reset), Ok(Change::Gone));
    }
}
