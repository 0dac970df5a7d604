use cape_core::session::{Answer, DescribeAnswer, End};

use crate::runtime::Runtime;

/// What the enclave is, as its document vouches for, and how it does at present.
pub(super) fn describe(runtime: &Runtime) -> End {
    let answer = DescribeAnswer {
        description: runtime.attester.description().to_vec(),
        receipt_key: runtime.receipts.key().to_vec(),
        state: runtime.present_state(),
    };
    End { answer: Some(Answer::Describe(answer)), ..End::default() }
}
