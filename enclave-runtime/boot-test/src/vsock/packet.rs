//! A packet's header, as virtio has it (version 1.3, 5.10.6).

/// Bytes of a header.
pub const HEADER: usize = 44;

/// The most bytes of data behind a header: what the guest's driver sends at once.
pub const MAX_DATA: usize = 64 << 10;

/// The only type of socket that is served.
const STREAM: u16 = 1;

const SHUTDOWN_RECEIVE: u32 = 1;
const SHUTDOWN_SEND: u32 = 2;

/// One end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    /// The machine.
    pub cid: u64,
    /// The port on it.
    pub port: u32,
}

/// What a sender of packets says of its own buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Credit {
    /// Bytes that it holds.
    pub capacity: u32,
    /// Bytes that have left it again since the connection began, modulo 2^32.
    pub forwarded: u32,
}

/// What a packet is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Asks for a connection.
    Request,
    /// Accepts one.
    Response,
    /// There is no such connection, or no more.
    Reset,
    /// The sender will not do this any more.
    Shutdown(Directions),
    /// Bytes.
    Data,
    /// Brings the sender's [`Credit`], as every packet does.
    CreditUpdate,
    /// Asks for the other side's.
    CreditRequest,
}

/// What one side does on a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Directions {
    /// It receives.
    pub receive: bool,
    /// It sends.
    pub send: bool,
}

impl Directions {
    /// Both.
    pub const BOTH: Self = Self { receive: true, send: true };
    /// Sending alone.
    pub const SEND: Self = Self { receive: false, send: true };

    /// These, and those of `other`.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self { receive: self.receive || other.receive, send: self.send || other.send }
    }
}

/// A packet but for its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Who sends it.
    pub source: Address,
    /// Whom it is for.
    pub destination: Address,
    /// Bytes of data behind it.
    pub length: u32,
    /// What it is for.
    pub operation: Operation,
    /// What the sender says of its buffer.
    pub credit: Credit,
}

impl Header {
    /// Reads a header; `None` for a type of socket or an operation that does not exist here.
    pub fn from_bytes(bytes: &[u8; HEADER]) -> Option<Self> {
        let mut fields = Fields(bytes);
        let (source_cid, destination_cid) = (fields.u64(), fields.u64());
        let (source_port, destination_port) = (fields.u32(), fields.u32());
        let length = fields.u32();
        let (socket_type, operation) = (fields.u16(), fields.u16());
        let flags = fields.u32();
        let credit = Credit { capacity: fields.u32(), forwarded: fields.u32() };
        if socket_type != STREAM {
            return None;
        }
        Some(Self {
            source: Address { cid: source_cid, port: source_port },
            destination: Address { cid: destination_cid, port: destination_port },
            length,
            operation: operation_of(operation, flags)?,
            credit,
        })
    }

    /// The header as it stands in front of the data.
    pub fn to_bytes(&self) -> [u8; HEADER] {
        let (operation, flags) = number_of(self.operation);
        let parts: [&[u8]; 10] = [
            &self.source.cid.to_le_bytes(),
            &self.destination.cid.to_le_bytes(),
            &self.source.port.to_le_bytes(),
            &self.destination.port.to_le_bytes(),
            &self.length.to_le_bytes(),
            &STREAM.to_le_bytes(),
            &operation.to_le_bytes(),
            &flags.to_le_bytes(),
            &self.credit.capacity.to_le_bytes(),
            &self.credit.forwarded.to_le_bytes(),
        ];
        let mut bytes = [0; HEADER];
        bytes.iter_mut().zip(parts.into_iter().flatten()).for_each(|(byte, value)| *byte = *value);
        bytes
    }
}

fn operation_of(number: u16, flags: u32) -> Option<Operation> {
    Some(match number {
        1 => Operation::Request,
        2 => Operation::Response,
        3 => Operation::Reset,
        4 => Operation::Shutdown(Directions {
            receive: flags & SHUTDOWN_RECEIVE != 0,
            send: flags & SHUTDOWN_SEND != 0,
        }),
        5 => Operation::Data,
        6 => Operation::CreditUpdate,
        7 => Operation::CreditRequest,
        _ => return None,
    })
}

fn number_of(operation: Operation) -> (u16, u32) {
    match operation {
        Operation::Request => (1, 0),
        Operation::Response => (2, 0),
        Operation::Reset => (3, 0),
        Operation::Shutdown(Directions { receive, send }) => {
            (4, u32::from(receive) * SHUTDOWN_RECEIVE + u32::from(send) * SHUTDOWN_SEND)
        }
        Operation::Data => (5, 0),
        Operation::CreditUpdate => (6, 0),
        Operation::CreditRequest => (7, 0),
    }
}

/// The fields of a header that are still to be read.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.next())
    }

    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.next())
    }

    fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.next())
    }

    fn next<const N: usize>(&mut self) -> [u8; N] {
        let (field, rest) = self.0.split_first_chunk().expect("a header has all its fields");
        self.0 = rest;
        *field
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER_OF: fn(Operation) -> Header = |operation| Header {
        source: Address { cid: 0x0102_0304_0506_0708, port: 0x1112_1314 },
        destination: Address { cid: 3, port: 9000 },
        length: 5,
        operation,
        credit: Credit { capacity: 0x2122_2324, forwarded: 0x3132_3334 },
    };

    #[test]
    fn stands_as_virtio_has_it() {
        let bytes = HEADER_OF(Operation::Shutdown(Directions::BOTH)).to_bytes();
        let expected = [
            8, 7, 6, 5, 4, 3, 2, 1, 3, 0, 0, 0, 0, 0, 0, 0, 0x14, 0x13, 0x12, 0x11, 0x28, 0x23, 0, 0, 5, 0,
            0, 0, 1, 0, 4, 0, 3, 0, 0, 0, 0x24, 0x23, 0x22, 0x21, 0x34, 0x33, 0x32, 0x31,
        ];
        assert_eq!(bytes, expected);
    }

    #[test]
    fn every_operation_is_read_as_it_was_written() {
        for number in 1..=7 {
            let operation = operation_of(number, 2).unwrap();
            let header = HEADER_OF(operation);
            assert_eq!(number_of(operation).0, number);
            assert_eq!(Header::from_bytes(&header.to_bytes()), Some(header));
        }
    }

    #[test]
    fn other_operations_and_types_of_socket_are_none() {
        let bytes = HEADER_OF(Operation::Data).to_bytes();
        for (position, value) in [(28, 0), (28, 2), (29, 1), (30, 0), (30, 8), (31, 1)] {
            let mut other = bytes;
            other[position] = value;
            assert_eq!(Header::from_bytes(&other), None, "{value} at {position}");
        }
    }
}
