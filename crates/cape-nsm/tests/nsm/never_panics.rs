use std::sync::LazyLock;

use cape_nsm::messages::{Request, Response};
use cape_nsm::{AttestationFields, Error, Nsm, SimulatedNsm};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_bytes::ByteBuf;

use crate::support::module;

static MODULE: LazyLock<SimulatedNsm> = LazyLock::new(|| module().0);

/// A module that gives the same answer to everything.
struct Constant(Vec<u8>);

impl Nsm for Constant {
    fn exchange(&self, _request: &[u8]) -> Result<Vec<u8>, Error> {
        Ok(self.0.clone())
    }
}

fn ask(request: &[u8]) {
    let answer = MODULE.exchange(request).unwrap();
    assert!(serde_cbor::from_slice::<Response>(&answer).is_ok());
}

/// An answer is either what was asked for or an error, whatever it is made of.
fn take(answer: Vec<u8>) {
    let nsm = Constant(answer);
    let _ = nsm.describe();
    let _ = nsm.describe_pcr(0);
    let _ = nsm.extend_pcr(16, b"x");
    let _ = nsm.lock_pcr(16);
    let _ = nsm.random();
    let _ = nsm.attest(AttestationFields::default());
}

proptest! {
    #[test]
    fn on_any_bytes(bytes in vec(any::<u8>(), 0..200)) {
        ask(&bytes);
        take(bytes);
    }

    #[test]
    fn on_altered_requests_and_answers(at: usize, byte: u8, index: u16) {
        let field = Some(ByteBuf::from(vec![7; 40]));
        for request in [
            Request::Attestation { user_data: field.clone(), nonce: None, public_key: field },
            Request::DescribeNsm,
            Request::DescribePcr { index },
            Request::ExtendPcr { index, data: vec![7; 40] },
            Request::LockPcr { index },
            Request::LockPcrs { range: index },
        ] {
            let mut request = serde_cbor::to_vec(&request).unwrap();
            let mut answer = MODULE.exchange(&request).unwrap();
            for bytes in [&mut request, &mut answer] {
                let at = at % bytes.len();
                bytes[at] = byte;
            }
            ask(&request);
            take(answer);
        }
    }
}
