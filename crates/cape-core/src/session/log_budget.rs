use super::limits::MAX_LOG;

/// What stands at the end of a log that was cut.
const NOTE: &[u8] = b"\n[cape: this call's log is over 1 MiB, the rest is dropped]\n";

/// How much a call may still log.
pub(super) struct LogBudget {
    left: usize,
}

impl LogBudget {
    pub(super) fn new() -> Self {
        Self { left: MAX_LOG }
    }

    /// What of `bytes` is sent: all, or what fits with a note behind it, or nothing any more.
    pub(super) fn cut(&mut self, bytes: &[u8]) -> Vec<u8> {
        let room = self.left.saturating_sub(NOTE.len());
        match bytes.get(..room) {
            Some(fitting) if bytes.len() > room && self.left > 0 => {
                self.left = 0;
                [fitting, NOTE].concat()
            }
            _ if self.left == 0 => Vec::new(),
            _ => {
                self.left -= bytes.len();
                bytes.to_vec()
            }
        }
    }

    /// Counts bytes that came; whether they were allowed.
    pub(super) fn received(&mut self, size: usize) -> bool {
        match self.left.checked_sub(size) {
            Some(left) => self.left = left,
            None => return false,
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_cut_once_with_a_note() {
        for step in [1, 7, 4096, MAX_LOG, 3 * MAX_LOG] {
            let (mut sender, mut receiver, mut sent) = (LogBudget::new(), LogBudget::new(), Vec::new());
            for _ in 0..=2 * MAX_LOG / step {
                let part = sender.cut(&vec![b'x'; step]);
                assert!(receiver.received(part.len()));
                sent.extend(part);
            }
            assert_eq!(sent.len(), MAX_LOG, "in steps of {step}");
            assert!(sent.ends_with(NOTE));
            assert!(!receiver.received(1));
        }
    }
}
