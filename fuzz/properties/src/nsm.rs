//! The NSM's messages, both ways: requests to the simulated module, and responses to whoever asked.

use std::sync::LazyLock;

use cape_nsm::messages::{REQUEST_MAX, Request, Response};
use cape_nsm::{AttestationFields, Error, Measurements, Nsm, Pki, SimulatedNsm};

static MODULE: LazyLock<SimulatedNsm> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder");
    let now = 1_790_000_000_000;
    let pki = Pki::create(&folder.path().join("nsm"), now).expect("a development root");
    let measurements = Measurements { pcr0: [1; 48], pcr1: [2; 48], pcr2: [3; 48] };
    SimulatedNsm::start(pki, &measurements, move || now).expect("a module")
});

/// A module that answers whatever the input says.
struct Answering<'a>(&'a [u8]);

impl Nsm for Answering<'_> {
    fn exchange(&self, _: &[u8]) -> Result<Vec<u8>, Error> {
        Ok(self.0.to_vec())
    }
}

pub(crate) fn check(input: &[u8]) {
    match MODULE.exchange(input) {
        Ok(response) => {
            let response: Response = serde_cbor::from_slice(&response).expect("a response");
            let request = serde_cbor::from_slice::<Request>(input);
            assert!(request.is_ok() || response == Response::Error(Error::InvalidOperation));
        }
        Err(error) => assert_eq!((error, input.len() > REQUEST_MAX), (Error::InputTooLarge, true)),
    }
    let module = Answering(input);
    let _ = module.describe();
    let _ = module.describe_pcr(0);
    let _ = module.extend_pcr(0, b"");
    let _ = module.lock_pcr(0);
    let _ = module.lock_pcrs(0);
    let _ = module.random();
    let _ = module.attest(AttestationFields::default());
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let requests = [
        Request::DescribeNsm,
        Request::DescribePcr { index: 0 },
        Request::ExtendPcr { index: 16, data: vec![1, 2, 3] },
        Request::LockPcr { index: 31 },
        Request::LockPcrs { range: 4 },
        Request::Attestation { user_data: None, nonce: Some(vec![7; 32].into()), public_key: None },
    ];
    let requests = requests.map(|request| serde_cbor::to_vec(&request).expect("a request"));
    // Not that of the random bytes and the document, which differ each time.
    let responses = requests.iter().take(5).map(|request| MODULE.exchange(request).expect("a response"));
    responses.chain(requests.iter().cloned()).collect()
}
