//! What an attested session is made of, without a network: the simulated security module's documents,
//! and handshakes, both sides of which are here.

use std::time::{SystemTime, UNIX_EPOCH};

use cape_core::UnixTime;
use cape_core::attest::{ChainCache, Policy, Release, SessionData, TrustRoots};
use cape_core::session::{Branch, ClientHandshake, Offer, Open, Query, Request, ServerHandshake, Suite};
use cape_nsm::{AttestationFields, Measurements, Nsm, Pki, SimulatedNsm};
use getrandom::SysRng;
use rand_core::UnwrapErr;

use crate::Work;

const MEASURED: [u8; 48] = [1; 48];
const VAULT: [u8; 32] = [2; 32];

/// A document.
pub(crate) fn document(_size: usize) -> Work {
    let enclave = Enclave::new();
    Box::new(move || drop(enclave.document(&[3; 32])))
}

/// A handshake from the client's nonce to its first message, opened, with a document of its own.
pub(crate) fn handshake(_size: usize) -> Work {
    let enclave = Enclave::new();
    let roots = TrustRoots::development(vec![enclave.root.clone()]).expect("a root that was just made");
    let release =
        Release { name: "bench".into(), pcrs: [(0, MEASURED)].into(), vault: Some(VAULT), not_after: None };
    let policy = Policy::new(vec![release]).expect("one release");
    let (offer, cache) = (Offer::new(&[Suite::XWingAes256Gcm]).expect("one suite"), ChainCache::default());
    Box::new(move || {
        let rng = &mut UnwrapErr(SysRng);
        let client = ClientHandshake::new(offer.clone(), rng);
        let query = Query::parse(&client.query()).expect("the client's own query");
        let server = ServerHandshake::new(&query, &Suite::ALL, rng).expect("a suite that there is");
        let document = enclave.document(server.leaf());
        let (hello, awaiting) = server.hello(&document, Branch::alone());
        let mut client =
            client.verify(&hello, &roots, &policy, Some(&cache), now(), rng).expect("a sound document");
        let (_, mut message) = client.open(&Open::new(Request::Describe)).expect("a first call");
        awaiting.receive(&mut message, 1).expect("a sound message");
    })
}

struct Enclave {
    nsm: SimulatedNsm,
    root: Vec<u8>,
    user_data: Vec<u8>,
    /// The keys that the module signs with.
    _folder: tempfile::TempDir,
}

impl Enclave {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let pki = Pki::create(&folder.path().join("nsm"), now().as_millis()).expect("new keys");
        let root = pki.root().to_vec();
        let measurements = Measurements { pcr0: MEASURED, pcr1: MEASURED, pcr2: MEASURED };
        let nsm = SimulatedNsm::start(pki, &measurements, || now().as_millis()).expect("a certificate");
        let user_data = SessionData { vault: VAULT, runtime: [4; 32], receipts: [5; 32] }.to_user_data();
        Self { nsm, root, user_data, _folder: folder }
    }

    fn document(&self, nonce: &[u8; 32]) -> Vec<u8> {
        let fields =
            AttestationFields { user_data: Some(&self.user_data), nonce: Some(nonce), public_key: None };
        self.nsm.attest(fields).expect("a document")
    }
}

fn now() -> UnixTime {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
    UnixTime::from_millis(since_epoch.as_millis().try_into().expect("some centuries at most"))
}
