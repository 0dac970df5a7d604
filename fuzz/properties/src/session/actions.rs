//! What either side may do next, and what may happen to a message.

use arbitrary::{Arbitrary, Unstructured};

#[derive(Arbitrary, Clone, Copy, Debug, PartialEq)]
pub(super) enum Action {
    Client(ClientAction),
    Enclave(EnclaveAction),
    /// The next message arrives.
    Deliver(Side),
    /// The next message arrives altered, if there is one.
    Harm(Side, Harm),
}

/// Who sends, or who receives.
#[derive(Arbitrary, Clone, Copy, Debug, PartialEq)]
pub(super) enum Side {
    Client,
    Enclave,
}

#[derive(Arbitrary, Clone, Copy, Debug, PartialEq)]
pub(super) enum ClientAction {
    Open { inline: Option<u16>, log: bool },
    Data { call: u8, size: u32 },
    End { call: u8 },
    Cancel { call: u8 },
    Credit { call: u8, bytes: u32 },
    Consumed { call: u8, bytes: u32 },
    Close,
}

#[derive(Arbitrary, Clone, Copy, Debug, PartialEq)]
pub(super) enum EnclaveAction {
    Data { call: u8, size: u32 },
    End { call: u8, inline: u16 },
    Error { call: u8 },
    Log { call: u8, size: u32 },
    Credit { call: u8, bytes: u32 },
    Consumed { call: u8, bytes: u32 },
    Close,
    Fail,
}

#[derive(Arbitrary, Clone, Copy, Debug, PartialEq)]
pub(super) enum Harm {
    Flip { position: u32, bit: u8 },
    Cut { length: u32 },
    Extend { byte: u8 },
    Lose,
    Repeat,
    Swap,
}

/// A call whose input and output come in pieces, with more of each than a window, as bytes that are read
/// as these actions.
pub(super) fn of_a_long_call() -> Vec<u8> {
    let (call, size) = (1, 200 << 10);
    let to_enclave = Action::Deliver(Side::Enclave);
    let to_client = Action::Deliver(Side::Client);
    let mut actions = vec![Action::Client(ClientAction::Open { inline: None, log: true }), to_enclave];
    for _ in 0..8 {
        actions.extend([
            Action::Client(ClientAction::Data { call, size }),
            to_enclave,
            Action::Enclave(EnclaveAction::Consumed { call, bytes: size }),
            to_client,
        ]);
    }
    actions.extend([Action::Client(ClientAction::End { call }), to_enclave]);
    actions.extend([Action::Enclave(EnclaveAction::Log { call, size: 9 }), to_client]);
    for _ in 0..8 {
        actions.extend([
            Action::Enclave(EnclaveAction::Data { call, size }),
            to_client,
            Action::Client(ClientAction::Consumed { call, bytes: size }),
            to_enclave,
        ]);
    }
    // A grant that crosses the end, and nothing means any more.
    actions.extend([
        Action::Enclave(EnclaveAction::End { call, inline: 5 }),
        Action::Client(ClientAction::Credit { call, bytes: 7 }),
        to_enclave,
        to_client,
    ]);
    let bytes: Vec<u8> = actions.iter().flat_map(|action| action.bytes()).collect();
    let mut read = Unstructured::new(&bytes);
    for action in actions {
        assert_eq!(Action::arbitrary(&mut read), Ok(action));
    }
    bytes
}

impl Action {
    /// What [`Arbitrary`] reads as this: the variants, each by its place among so many, and the fields.
    fn bytes(self) -> Vec<u8> {
        let (variants, fields) = match self {
            Self::Client(ClientAction::Open { inline: None, log }) => ([(0, 4), (0, 7)], vec![0, log.into()]),
            Self::Client(ClientAction::Data { call, size }) => ([(0, 4), (1, 7)], sized(call, size)),
            Self::Client(ClientAction::End { call }) => ([(0, 4), (2, 7)], vec![call]),
            Self::Client(ClientAction::Credit { call, bytes }) => ([(0, 4), (4, 7)], sized(call, bytes)),
            Self::Client(ClientAction::Consumed { call, bytes }) => ([(0, 4), (5, 7)], sized(call, bytes)),
            Self::Enclave(EnclaveAction::Data { call, size }) => ([(1, 4), (0, 8)], sized(call, size)),
            Self::Enclave(EnclaveAction::End { call, inline }) => {
                ([(1, 4), (1, 8)], [&[call][..], &inline.to_le_bytes()].concat())
            }
            Self::Enclave(EnclaveAction::Log { call, size }) => ([(1, 4), (3, 8)], sized(call, size)),
            Self::Enclave(EnclaveAction::Consumed { call, bytes }) => ([(1, 4), (5, 8)], sized(call, bytes)),
            Self::Deliver(Side::Client) => ([(2, 4), (0, 2)], Vec::new()),
            Self::Deliver(Side::Enclave) => ([(2, 4), (1, 2)], Vec::new()),
            other => panic!("{other:?} is in no seed"),
        };
        variants.into_iter().flat_map(variant).chain(fields).collect()
    }
}

/// The smallest number that is read as the variant of that place among `count`.
fn variant((place, count): (u64, u64)) -> [u8; 4] {
    let number = (place << 32).div_ceil(count);
    u32::try_from(number).expect("a place below the count").to_le_bytes()
}

fn sized(call: u8, size: u32) -> Vec<u8> {
    [&[call][..], &size.to_le_bytes()].concat()
}
