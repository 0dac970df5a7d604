//! One direction of a call, as the model of the session knows it.

use std::mem;

use cape_core::session::{INITIAL_CREDIT, Open};

/// What it knows, apart from what the core counts.
#[derive(Clone, Copy, Default)]
pub(super) struct Flow {
    pub(super) sent: u64,
    /// What the sender was granted besides the first window, as it knows.
    pub(super) granted: u64,
    /// Whether the sender has ended it.
    pub(super) ended: bool,
    received: u64,
    /// What was granted besides the first window, as the receiver knows.
    pub(super) grants: u64,
    /// What the receiver has used up and not granted again.
    used: u64,
    /// Whether the receiver knows that it has ended.
    pub(super) whole: bool,
}

impl Flow {
    /// Of an input, which may be inside OPEN.
    pub(super) fn of_input(open: &Open) -> Self {
        let inside = open.input.is_some();
        Self { ended: inside, whole: inside, ..Self::default() }
    }

    /// What the sender may send now.
    pub(super) fn available(&self) -> u64 {
        if self.ended { 0 } else { u64::from(INITIAL_CREDIT) + self.granted - self.sent }
    }

    /// The grant that is due when the receiver has used up so much more: half a window, and what is above.
    pub(super) fn use_up(&mut self, bytes: u32) -> Option<u32> {
        self.used += u64::from(bytes);
        if self.whole || self.used < u64::from(INITIAL_CREDIT / 2) {
            return None;
        }
        Some(u32::try_from(mem::take(&mut self.used)).expect("less than a window and a message"))
    }

    pub(super) fn send(&mut self, size: usize) {
        self.sent += size as u64;
        assert!(self.sent <= u64::from(INITIAL_CREDIT) + self.granted, "more was sent than granted");
    }

    pub(super) fn receive(&mut self, size: usize) {
        self.received += size as u64;
        assert!(self.received <= u64::from(INITIAL_CREDIT) + self.grants, "more was taken than granted");
    }
}
