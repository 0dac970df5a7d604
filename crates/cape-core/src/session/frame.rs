//! The eight bytes in front of every sealed frame, and the sealing itself
//! (docs/spec/session.md, "Frames").

use core::fmt;

use super::keys::DirectionKeys;
use super::limits::MAX_FRAME;
use super::{SendError, Suite, Violation};
use crate::crypto::Secret;
use crate::crypto::provider::aead::{Aad, LessSafeKey, Nonce, Tag, UnboundKey};

/// Bytes of a frame's header.
const HEADER: usize = 8;

/// Bytes of a frame's authentication tag.
const TAG: usize = 16;

/// Bytes that a frame adds to its plaintext.
pub const FRAME_OVERHEAD: usize = HEADER + TAG;

/// Frames that one direction may carry.
const MAX_FRAMES: u64 = 1 << 32;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FrameType {
    /// 0, client: begins a call.
    Open,
    /// 1, both: input or output.
    Data,
    /// 2, both: the direction's regular end.
    End,
    /// 3, enclave: the call failed; on call 0, the session.
    Error,
    /// 4, enclave: what the function printed.
    Log,
    /// 5, client: the call is not wanted any more.
    Cancel,
    /// 6, both: more DATA may be sent.
    Credit,
    /// 7, both: no new calls.
    Close,
}

impl FrameType {
    pub(super) const ALL: [Self; 8] =
        [Self::Open, Self::Data, Self::End, Self::Error, Self::Log, Self::Cancel, Self::Credit, Self::Close];

    /// Its number on the wire.
    pub const fn id(self) -> u8 {
        match self {
            Self::Open => 0,
            Self::Data => 1,
            Self::End => 2,
            Self::Error => 3,
            Self::Log => 4,
            Self::Cancel => 5,
            Self::Credit => 6,
            Self::Close => 7,
        }
    }

    fn from_id(id: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|frame| frame.id() == id)
    }
}

/// `DATA`, as the specification writes it.
impl fmt::Display for FrameType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "OPEN",
            Self::Data => "DATA",
            Self::End => "END",
            Self::Error => "ERROR",
            Self::Log => "LOG",
            Self::Cancel => "CANCEL",
            Self::Credit => "CREDIT",
            Self::Close => "CLOSE",
        })
    }
}

/// A frame's header: what the frame is, and the call it belongs to (0 for the connection itself).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) frame: FrameType,
    pub(super) call: u32,
}

impl Header {
    fn to_bytes(self) -> [u8; HEADER] {
        let [a, b, c, d] = self.call.to_be_bytes();
        [self.frame.id(), 0, 0, 0, a, b, c, d]
    }

    fn from_bytes([number, flags, r1, r2, a, b, c, d]: [u8; HEADER]) -> Result<Self, Violation> {
        let frame = FrameType::from_id(number).ok_or(Violation::FrameTypeUnknown { number })?;
        if flags != 0 {
            return Err(Violation::FlagsSet { flags });
        }
        match u16::from_be_bytes([r1, r2]) {
            0 => Ok(Self { frame, call: u32::from_be_bytes([a, b, c, d]) }),
            reserved => Err(Violation::ReservedSet { reserved }),
        }
    }
}

/// Seals the frames of one direction.
pub(super) struct Sealer(Direction);

impl Sealer {
    pub(super) fn new(suite: Suite, keys: &DirectionKeys) -> Self {
        Self(Direction::new(suite, keys))
    }

    /// The frame with that header and plaintext, behind what `message` holds already.
    pub(super) fn seal_behind(
        &mut self,
        mut message: Vec<u8>,
        header: Header,
        plaintext: &[u8],
    ) -> Result<Vec<u8>, SendError> {
        message.reserve_exact(plaintext.len() + FRAME_OVERHEAD);
        message.extend_from_slice(&header.to_bytes());
        let start = message.len();
        message.extend_from_slice(plaintext);
        let tag = self.seal_in_place(header, message.get_mut(start..).unwrap_or_default())?;
        message.extend_from_slice(tag.as_ref());
        Ok(message)
    }

    /// Writes the frame into `message`, which has exactly its length: the plaintext's and
    /// [`FRAME_OVERHEAD`].
    pub(super) fn seal_into(
        &mut self,
        header: Header,
        plaintext: &[u8],
        message: &mut [u8],
    ) -> Result<(), SendError> {
        let wrong_length = SendError::BufferLength {
            expected: plaintext.len().saturating_add(FRAME_OVERHEAD),
            actual: message.len(),
        };
        let Some((head, rest)) = message.split_first_chunk_mut::<HEADER>() else {
            return Err(wrong_length);
        };
        let Some((body, tag)) = rest.split_last_chunk_mut::<TAG>() else {
            return Err(wrong_length);
        };
        if body.len() != plaintext.len() {
            return Err(wrong_length);
        }
        body.copy_from_slice(plaintext);
        let sealed = self.seal_in_place(header, body)?;
        *head = header.to_bytes();
        tag.copy_from_slice(sealed.as_ref());
        Ok(())
    }

    fn seal_in_place(&mut self, header: Header, body: &mut [u8]) -> Result<Tag, SendError> {
        let too_large = SendError::FrameTooLarge { size: body.len(), limit: MAX_FRAME };
        if body.len() > MAX_FRAME {
            return Err(too_large);
        }
        let nonce = self.0.next_nonce().ok_or(SendError::FramesExhausted)?;
        self.0
            .key
            .seal_in_place_separate_tag(nonce, Aad::from(header.to_bytes()), body)
            .map_err(|_| too_large)
    }
}

/// Opens the frames of one direction, in the order they were sealed in.
pub(super) struct Opener(Direction);

impl Opener {
    pub(super) fn new(suite: Suite, keys: &DirectionKeys) -> Self {
        Self(Direction::new(suite, keys))
    }

    /// Opens a frame where it lies.
    pub(super) fn open<'m>(&mut self, message: &'m mut [u8]) -> Result<(Header, &'m [u8]), Violation> {
        let size = message.len();
        if size < FRAME_OVERHEAD {
            return Err(Violation::FrameTooShort { size });
        }
        if size > MAX_FRAME + FRAME_OVERHEAD {
            return Err(Violation::FrameTooLarge { size, limit: MAX_FRAME + FRAME_OVERHEAD });
        }
        let Some((head, sealed)) = message.split_first_chunk_mut::<HEADER>() else {
            return Err(Violation::FrameTooShort { size });
        };
        let header = Header::from_bytes(*head)?;
        let counter = self.0.counter;
        let nonce = self.0.next_nonce().ok_or(Violation::FramesExhausted)?;
        match self.0.key.open_in_place(nonce, Aad::from(*head), sealed) {
            Ok(plaintext) => Ok((header, plaintext)),
            Err(_) => Err(Violation::FrameForged { counter }),
        }
    }
}

/// The key of one direction, and the count of its frames.
struct Direction {
    key: LessSafeKey,
    iv: Secret<12>,
    counter: u64,
}

impl Direction {
    fn new(suite: Suite, keys: &DirectionKeys) -> Self {
        let Ok(key) = UnboundKey::new(suite.aead(), keys.key.expose()) else {
            unreachable!("the AEAD of every suite takes a key of 32 bytes");
        };
        Self { key: LessSafeKey::new(key), iv: Secret::fill_with(|iv| *iv = *keys.iv.expose()), counter: 0 }
    }

    /// The next frame's nonce: the counter XORed into the last 8 bytes of the direction's own.
    fn next_nonce(&mut self) -> Option<Nonce> {
        if self.counter == MAX_FRAMES {
            return None;
        }
        let mut nonce = *self.iv.expose();
        for (byte, counter) in nonce.iter_mut().skip(4).zip(self.counter.to_be_bytes()) {
            *byte ^= counter;
        }
        self.counter += 1;
        Some(Nonce::assume_unique_for_key(nonce))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(suite: Suite) -> (Sealer, Opener) {
        let keys = DirectionKeys {
            key: Secret::fill_with(|key| key.fill(7)),
            iv: Secret::fill_with(|iv| iv.fill(9)),
        };
        (Sealer::new(suite, &keys), Opener::new(suite, &keys))
    }

    const DATA: Header = Header { frame: FrameType::Data, call: 0x0102_0304 };

    #[test]
    fn frames_open_in_the_order_they_were_sealed_in() {
        for suite in Suite::ALL {
            let (mut sealer, mut opener) = pair(suite);
            for length in [0, 1, 15, 16, 17, 4096] {
                let mut message = sealer.seal_behind(vec![], DATA, &vec![length as u8; length]).unwrap();
                assert_eq!(message[..8], [1, 0, 0, 0, 1, 2, 3, 4]);
                assert_eq!(message.len(), length + FRAME_OVERHEAD);
                assert_eq!(opener.open(&mut message), Ok((DATA, &vec![length as u8; length][..])));
            }
        }
    }

    #[test]
    fn both_ways_of_sealing_give_the_same_frame() {
        let (mut left, _) = pair(Suite::XWingAes256Gcm);
        let (mut right, _) = pair(Suite::XWingAes256Gcm);
        let mut message = vec![0; 5 + FRAME_OVERHEAD];
        left.seal_into(DATA, b"hello", &mut message).unwrap();
        assert_eq!(right.seal_behind(b"enc".to_vec(), DATA, b"hello").unwrap()[3..], message);
        for length in [0, 8, 23, 28, 30] {
            let error = SendError::BufferLength { expected: 29, actual: length };
            assert_eq!(left.seal_into(DATA, b"hello", &mut vec![0; length]), Err(error));
        }
    }

    #[test]
    fn replayed_skipped_and_altered_frames_are_forged() {
        let sealed = || {
            let (mut sealer, opener) = pair(Suite::X25519ChaCha20Poly1305);
            let frames = [b"a", b"b"].map(|text| sealer.seal_behind(vec![], DATA, text).unwrap());
            (frames, opener)
        };
        let ([mut first, _], mut opener) = sealed();
        opener.open(&mut first.clone()).unwrap();
        assert_eq!(opener.open(&mut first), Err(Violation::FrameForged { counter: 1 }), "replayed");
        let ([_, mut second], mut opener) = sealed();
        assert_eq!(opener.open(&mut second), Err(Violation::FrameForged { counter: 0 }), "skipped");
        let length = 1 + FRAME_OVERHEAD;
        for position in 0..length {
            let ([mut first, _], mut opener) = sealed();
            first[position] ^= 0x10;
            let violation = opener.open(&mut first).unwrap_err();
            match position {
                0 => assert_eq!(violation, Violation::FrameTypeUnknown { number: 0x11 }),
                1 => assert_eq!(violation, Violation::FlagsSet { flags: 0x10 }),
                2 | 3 => assert!(matches!(violation, Violation::ReservedSet { .. })),
                _ => assert_eq!(violation, Violation::FrameForged { counter: 0 }),
            }
        }
    }

    #[test]
    fn sizes() {
        let (mut sealer, mut opener) = pair(Suite::X25519Aes256Gcm);
        assert_eq!(opener.open(&mut [0; 23]), Err(Violation::FrameTooShort { size: 23 }));
        let mut largest = sealer.seal_behind(vec![], DATA, &vec![0; MAX_FRAME]).unwrap();
        assert_eq!(opener.open(&mut largest).unwrap().1.len(), MAX_FRAME);
        let size = MAX_FRAME + 1;
        assert_eq!(
            sealer.seal_behind(vec![], DATA, &vec![0; size]),
            Err(SendError::FrameTooLarge { size, limit: MAX_FRAME })
        );
        let (size, limit) = (size + FRAME_OVERHEAD, MAX_FRAME + FRAME_OVERHEAD);
        assert_eq!(opener.open(&mut vec![0; size]), Err(Violation::FrameTooLarge { size, limit }));
    }

    #[test]
    fn after_the_last_counter_there_is_no_frame() {
        let (mut sealer, mut opener) = pair(Suite::X25519Aes256Gcm);
        sealer.0.counter = MAX_FRAMES - 1;
        opener.0.counter = MAX_FRAMES - 1;
        let mut last = sealer.seal_behind(vec![], DATA, b"x").unwrap();
        assert!(opener.open(&mut last).is_ok());
        assert_eq!(sealer.seal_behind(vec![], DATA, b"x"), Err(SendError::FramesExhausted));
        assert_eq!(opener.open(&mut last), Err(Violation::FramesExhausted));
    }
}
