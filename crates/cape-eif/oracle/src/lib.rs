//! Only tests: `tests/agreement.rs`.
