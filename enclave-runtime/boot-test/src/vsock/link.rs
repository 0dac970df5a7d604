use std::io::{ErrorKind, Read, Result, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;

use super::connection::Connection;
use super::packet::{Credit, Directions, Operation};

/// A connection with the Unix socket that it belongs to. The socket does not block, and is looked at
/// only when it is known to have changed.
pub(super) struct Link {
    pub(super) connection: Connection,
    pub(super) stream: UnixStream,
    pub(super) token: u64,
    /// The socket may have something to read.
    pub(super) readable: bool,
    /// The socket's other end is closed, for both directions.
    pub(super) hung_up: bool,
    /// It waits for its turn.
    pub(super) queued: bool,
    told_the_end: bool,
}

impl Link {
    pub(super) fn new(connection: Connection, stream: UnixStream, token: u64) -> Self {
        let readable = true;
        Self { connection, stream, token, readable, hung_up: false, queued: false, told_the_end: false }
    }

    /// Gives the host what it takes now, and the end of it.
    pub(super) fn flush(&mut self) -> Result<()> {
        while !self.connection.for_host().is_empty() {
            match self.stream.write(self.connection.for_host()) {
                Ok(written) => self.connection.host_took(written),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if self.connection.host_has_all() && !self.told_the_end {
            self.told_the_end = true;
            // A host that has gone needs no end.
            let _ = self.stream.shutdown(Shutdown::Write);
        }
        Ok(())
    }

    /// The next packet for the guest, if there is one now: what it is for, how many bytes of `buffer`
    /// are its data, and what it says of the host's buffer.
    pub(super) fn next_packet(&mut self, buffer: &mut [u8]) -> Result<Option<(Operation, usize, Credit)>> {
        let mut next = self.connection.next_due().map(|operation| (operation, 0));
        if next.is_none() {
            next = match self.read(buffer)? {
                0 => self.connection.next_due().map(|operation| (operation, 0)),
                length => Some((Operation::Data, length)),
            };
        }
        Ok(next.map(|(operation, length)| (operation, length, self.connection.credit())))
    }

    /// Reads what the guest has room for: how many bytes, none when there is nothing now or nothing
    /// will come any more.
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        while self.readable && self.connection.sends() {
            let room = buffer.len().min(self.connection.window());
            if room == 0 {
                self.connection.wants_room();
                break;
            }
            match self.stream.read(&mut buffer[..room]) {
                Ok(0) => self.connection.host_ends(self.ended()),
                Ok(read) => {
                    self.connection.sends_data(read);
                    return Ok(read);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.readable = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(0)
    }

    /// What the host does not do any more, once it has ended sending. A host that has all and has
    /// said all is told to be gone, so that the guest lets go too.
    fn ended(&self) -> Directions {
        match self.hung_up || self.connection.host_has_all() {
            true => Directions::BOTH,
            false => Directions::SEND,
        }
    }

    /// The host has ended sending before, and now takes nothing more either.
    pub(super) fn settle(&mut self) {
        if self.connection.host_sends_no_more() {
            self.connection.host_ends(self.ended());
        }
    }
}
