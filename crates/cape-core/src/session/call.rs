//! What both sides keep of an open call: its number, and the state of its two directions.

use core::fmt;
use core::num::NonZeroU32;

use super::limits::INITIAL_CREDIT;
use super::{FrameType, SendError, Violation};

/// The number of a call, unique on its connection. 0 stands for the connection and is no call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(NonZeroU32);

impl CallId {
    /// The call of that number; `None` for 0.
    pub const fn new(number: u32) -> Option<Self> {
        match NonZeroU32::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// Its number.
    pub const fn get(self) -> u32 {
        self.0.get()
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The direction of a call in which this side sends.
pub(super) struct Outgoing {
    call: CallId,
    /// Bytes of DATA that the other side has granted and that were not sent. Grants add up to more
    /// than fits only where no limit is meant.
    credit: u64,
    ended: bool,
}

impl Outgoing {
    pub(super) fn new(call: CallId) -> Self {
        Self { call, credit: INITIAL_CREDIT.into(), ended: false }
    }

    /// Bytes of DATA that may be sent now.
    pub(super) fn credit(&self) -> u64 {
        if self.ended { 0 } else { self.credit }
    }

    /// Checks that DATA of that size may be sent.
    pub(super) fn check_data(&self, size: usize) -> Result<(), SendError> {
        let (call, credit) = (self.call, self.credit);
        self.check_open()?;
        match length(size) {
            0 => Err(SendError::EmptyData { call }),
            bytes if bytes > credit => Err(SendError::CreditExceeded { call, size, credit }),
            _ => Ok(()),
        }
    }

    pub(super) fn check_open(&self) -> Result<(), SendError> {
        if self.ended { Err(SendError::DirectionEnded { call: self.call }) } else { Ok(()) }
    }

    /// Counts DATA that was sent.
    pub(super) fn sent(&mut self, size: usize) {
        self.credit = self.credit.saturating_sub(length(size));
    }

    /// Takes a grant of the other side; nothing changes when the direction has ended.
    pub(super) fn granted(&mut self, bytes: u32) {
        self.credit = self.credit.saturating_add(bytes.into());
    }

    pub(super) fn end(&mut self) {
        self.ended = true;
    }
}

/// The direction of a call in which the other side sends.
pub(super) struct Incoming {
    call: CallId,
    /// Bytes of DATA that this side has granted and that did not come yet.
    credit: u64,
    /// Bytes that were used up here and not granted again yet.
    consumed: u32,
    ended: bool,
}

impl Incoming {
    pub(super) fn new(call: CallId) -> Self {
        Self { call, credit: INITIAL_CREDIT.into(), consumed: 0, ended: false }
    }

    /// A direction that had no more to carry than what was inside OPEN.
    pub(super) fn ended(call: CallId) -> Self {
        Self { ended: true, ..Self::new(call) }
    }

    /// Counts DATA that came; it must not be empty, late, or more than was granted.
    pub(super) fn received(&mut self, size: usize) -> Result<(), Violation> {
        let (call, credit) = (self.call, self.credit);
        if self.ended {
            return Err(Violation::Ended { frame: FrameType::Data, call });
        }
        if size == 0 {
            return Err(Violation::EmptyData { call });
        }
        match credit.checked_sub(length(size)) {
            Some(left) => self.credit = left,
            None => return Err(Violation::CreditExceeded { call, size, credit }),
        }
        Ok(())
    }

    /// Ends the direction, which must not have ended.
    pub(super) fn end(&mut self) -> Result<(), Violation> {
        if self.ended {
            return Err(Violation::Ended { frame: FrameType::End, call: self.call });
        }
        self.ended = true;
        Ok(())
    }

    /// Counts bytes that were used up; the grant to send once they are half a window.
    pub(super) fn consumed(&mut self, bytes: usize) -> Option<u32> {
        self.consumed = self.consumed.saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX));
        if self.ended || self.consumed < INITIAL_CREDIT / 2 {
            return None;
        }
        Some(core::mem::take(&mut self.consumed))
    }

    /// Counts a grant that is being sent.
    pub(super) fn grant(&mut self, bytes: u32) {
        self.credit = self.credit.saturating_add(bytes.into());
    }
}

fn length(size: usize) -> u64 {
    u64::try_from(size).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALL: CallId = CallId::new(1).unwrap();

    #[test]
    fn data_within_the_credit() {
        let (mut outgoing, mut incoming) = (Outgoing::new(CALL), Incoming::new(CALL));
        assert_eq!(outgoing.check_data(0), Err(SendError::EmptyData { call: CALL }));
        for _ in 0..4 {
            outgoing.check_data(256 << 10).unwrap();
            outgoing.sent(256 << 10);
            incoming.received(256 << 10).unwrap();
        }
        assert_eq!(outgoing.check_data(1), Err(SendError::CreditExceeded { call: CALL, size: 1, credit: 0 }));
        assert_eq!(incoming.received(1), Err(Violation::CreditExceeded { call: CALL, size: 1, credit: 0 }));
        outgoing.granted(5);
        incoming.grant(5);
        assert_eq!(outgoing.check_data(5), Ok(()));
        assert_eq!(incoming.received(5), Ok(()));
    }

    #[test]
    fn credit_comes_back_in_halves_of_the_window() {
        let mut incoming = Incoming::new(CALL);
        assert_eq!(incoming.consumed(INITIAL_CREDIT as usize / 2 - 1), None);
        assert_eq!(incoming.consumed(1), Some(INITIAL_CREDIT / 2));
        assert_eq!(incoming.consumed(1), None);
        assert_eq!(incoming.consumed(usize::MAX), Some(u32::MAX));
        incoming.end().unwrap();
        assert_eq!(incoming.consumed(INITIAL_CREDIT as usize), None, "nothing more will come");
    }

    #[test]
    fn after_the_end_nothing() {
        let (mut outgoing, mut incoming) = (Outgoing::new(CALL), Incoming::new(CALL));
        outgoing.end();
        assert_eq!(outgoing.credit(), 0);
        assert_eq!(outgoing.check_data(1), Err(SendError::DirectionEnded { call: CALL }));
        incoming.end().unwrap();
        assert_eq!(incoming.received(1), Err(Violation::Ended { frame: FrameType::Data, call: CALL }));
        assert_eq!(incoming.end(), Err(Violation::Ended { frame: FrameType::End, call: CALL }));
    }
}
