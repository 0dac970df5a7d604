//! The system's allocator, which looks at every block that is freed, just before: so nothing is read that
//! is not owned.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

/// For tests that memory which held a secret is given back without it. What lay on a stack is not seen.
pub(crate) struct Looking {
    holds_secret: fn(&[u8]) -> bool,
    found: AtomicUsize,
}

impl Looking {
    /// `holds_secret` is asked of each block's bytes. It frees nothing itself.
    pub(crate) const fn at_blocks(holds_secret: fn(&[u8]) -> bool) -> Self {
        Self { holds_secret, found: AtomicUsize::new(0) }
    }

    /// How many blocks are freed with a secret in them while `work` runs, by the whole process.
    pub(crate) fn left_behind<T>(&self, work: impl FnOnce() -> T) -> usize {
        self.found.store(0, Ordering::SeqCst);
        drop(work());
        self.found.load(Ordering::SeqCst)
    }
}

// SAFETY: every call is the system allocator's; blocks are only read while they are owned.
unsafe impl GlobalAlloc for Looking {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // A secret that a freed block was found with would be found again in the next one at its place.
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the block is owned until it is freed, and was zeroed when it was given out.
        let bytes = unsafe { std::slice::from_raw_parts(block, layout.size()) };
        if (self.holds_secret)(bytes) {
            self.found.fetch_add(1, Ordering::SeqCst);
        }
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(block, layout) }
    }
}
