//! With a security module that is counted, held, and told what to answer.

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use cape_core::attest::{ChainCache, Document, Policy, Release, TrustRoots};
use cape_core::session::{ClientHandshake, ClientSession, Error, Offer, Query, ServerHandshake, Suite};
use cape_core::{ErrorCode, UnixTime};
use cape_nsm::{Measurements, Pki, SimulatedNsm};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use getrandom::SysRng;
use rand_core::UnwrapErr;
use tokio::sync::watch;
use tokio::task::unconstrained;

use super::unsigned::UnsignedNsm;
use super::*;

const VAULT: [u8; 32] = [5; 32];
const PCR: [u8; 48] = [1; 48];

/// What a security module answers to one question.
enum Answer {
    Refusal,
    /// A document whose certificate ends so many seconds after its time.
    EndsIn(u64),
}

/// A security module that counts its questions and answers none while it is held.
struct Scripted {
    module: SimulatedNsm,
    /// Seconds that its clock is ahead.
    ahead: Arc<AtomicU64>,
    root: Vec<u8>,
    asked: watch::Sender<usize>,
    held: Mutex<bool>,
    released: Condvar,
    /// The next answers; behind them it answers as usual.
    script: Mutex<VecDeque<Answer>>,
    /// The keys that it signs with.
    _folder: tempfile::TempDir,
}

impl Scripted {
    fn new(script: impl Into<VecDeque<Answer>>) -> Arc<Self> {
        let folder = tempfile::tempdir().unwrap();
        let pki = Pki::create(&folder.path().join("nsm"), now().as_millis()).unwrap();
        let root = pki.root().to_vec();
        let measurements = Measurements { pcr0: PCR, pcr1: PCR, pcr2: PCR };
        let ahead = Arc::new(AtomicU64::new(0));
        let clock = {
            let ahead = Arc::clone(&ahead);
            move || now().plus(Duration::from_secs(ahead.load(Ordering::Relaxed))).as_millis()
        };
        let module = SimulatedNsm::start(pki, &measurements, clock).unwrap();
        let script = Mutex::new(script.into());
        let (asked, held, released) = (watch::Sender::new(0), Mutex::new(false), Condvar::new());
        Arc::new(Self { module, ahead, root, asked, held, released, script, _folder: folder })
    }

    /// Answers nothing until what this returns is dropped.
    fn hold(self: &Arc<Self>) -> Hold {
        *self.held.lock().unwrap() = true;
        Hold(Arc::clone(self))
    }

    async fn is_asked(&self, times: usize) {
        self.asked.subscribe().wait_for(|asked| *asked == times).await.unwrap();
    }
}

impl Nsm for Scripted {
    fn exchange(&self, request: &[u8]) -> Result<Vec<u8>, cape_nsm::Error> {
        self.asked.send_modify(|asked| *asked += 1);
        drop(self.released.wait_while(self.held.lock().unwrap(), |held| *held).unwrap());
        match self.script.lock().unwrap().pop_front() {
            None => self.module.exchange(request),
            Some(Answer::Refusal) => Err(cape_nsm::Error::InternalError),
            Some(Answer::EndsIn(seconds)) => {
                let mut response = self.module.exchange(request)?;
                backdate(&mut response, seconds);
                Ok(response)
            }
        }
    }
}

/// Moves a document's time to so many seconds before its certificate ends. The signature does not
/// hold then, which is not for the runtime to check.
fn backdate(response: &mut [u8], seconds: u64) {
    // {"Attestation": {"document": bytes}}, whose bytes end where the response does.
    let start = response.windows(4).position(|window| window == [0x84, 0x44, 0xa1, 0x01]).unwrap();
    let leaf = Document::parse(&response[start..]).unwrap().inspect().leaf;
    let (_, leaf) = x509_parser::parse_x509_certificate(&leaf).unwrap();
    let time = (leaf.validity().not_after.timestamp() as u64 - seconds) * 1000;
    let label = b"itimestamp\x1b";
    let at = response.windows(label.len()).position(|window| window == label).unwrap() + label.len();
    response[at..at + 8].copy_from_slice(&time.to_be_bytes());
}

struct Hold(Arc<Scripted>);

impl Drop for Hold {
    fn drop(&mut self) {
        *self.0.held.lock().unwrap() = false;
        self.0.released.notify_all();
    }
}

fn now() -> UnixTime {
    Clock::default().now()
}

fn attester(nsm: &Arc<Scripted>) -> Arc<Attester> {
    attester_of_at_most(1024, nsm)
}

fn attester_of_at_most(sessions: usize, nsm: &Arc<Scripted>) -> Arc<Attester> {
    let clock = Arc::new(Clock::default());
    let nsm = Arc::clone(nsm) as Arc<dyn Nsm>;
    Arc::new(Attester::new(nsm, clock, b"description".to_vec(), VAULT, b"key", sessions, false))
}

type Attesting = BoxFuture<'static, Result<Attested, AttestationFailure>>;

/// A session that waits: its place in the queue is taken when this returns, if there is room.
fn waiting(attester: &Arc<Attester>, leaf: [u8; 32]) -> Attesting {
    let attester = Arc::clone(attester);
    let mut attesting = unconstrained(async move { attester.attest(leaf).await }).boxed();
    assert!((&mut attesting).now_or_never().is_none());
    attesting
}

/// A handshake, both of whose sides are here.
struct Handshake {
    client: ClientHandshake,
    server: ServerHandshake,
}

impl Handshake {
    fn new() -> Self {
        let rng = &mut UnwrapErr(SysRng);
        let client = ClientHandshake::new(Offer::new(&[Suite::X25519Aes256Gcm]).unwrap(), rng);
        let query = Query::parse(&client.query()).unwrap();
        Self { client, server: ServerHandshake::new(&query, &Suite::ALL, rng).unwrap() }
    }

    /// What the client makes of an enclave that shows this.
    fn judged(self, attested: &Attested, root: &[u8], cache: &ChainCache) -> Result<ClientSession, Error> {
        self.judged_at(now(), attested, root, cache)
    }

    fn judged_at(
        self,
        time: UnixTime,
        attested: &Attested,
        root: &[u8],
        cache: &ChainCache,
    ) -> Result<ClientSession, Error> {
        let (hello, _) = self.server.hello(&attested.evidence.document, attested.branch.clone());
        let roots = TrustRoots::development(vec![root.to_vec()]).unwrap();
        let pcrs = [(0, PCR)].into();
        let release = Release { name: "test".into(), pcrs, vault: Some(VAULT), not_after: None };
        let policy = Policy::new(vec![release]).unwrap();
        self.client.verify(&hello, &roots, &policy, Some(cache), time, &mut UnwrapErr(SysRng))
    }
}

#[tokio::test]
async fn a_burst_shares_a_document_and_every_session_verifies_with_its_own_leaf() {
    let nsm = Scripted::new([]);
    let attester = attester(&nsm);
    let hold = nsm.hold();
    let first = tokio::spawn(waiting(&attester, [1; 32]));
    nsm.is_asked(1).await;
    let handshakes: Vec<_> = (0..500).map(|_| Handshake::new()).collect();
    let burst: Vec<_> = handshakes.iter().map(|each| waiting(&attester, *each.server.leaf())).collect();
    drop(hold);
    assert_eq!(first.await.unwrap().unwrap().branch, Branch::alone());
    let cache = ChainCache::default();
    for (handshake, attested) in handshakes.into_iter().zip(join_all(burst).await) {
        let (leaf, attested) = (*handshake.server.leaf(), attested.unwrap());
        let session = handshake.judged(&attested, &nsm.root, &cache).unwrap();
        assert_eq!(session.leaf(), &leaf);
    }
    assert_eq!((*nsm.asked.borrow(), attester.documents()), (2, 2));
}

#[tokio::test]
async fn another_sessions_place_in_the_tree_is_refused() {
    let nsm = Scripted::new([]);
    let attester = attester(&nsm);
    let hold = nsm.hold();
    let handshakes: Vec<_> = (0..5).map(|_| Handshake::new()).collect();
    let burst: Vec<_> = handshakes.iter().map(|each| waiting(&attester, *each.server.leaf())).collect();
    drop(hold);
    let attested: Vec<_> = join_all(burst).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(*nsm.asked.borrow(), 1);
    let others = attested.iter().cycle().skip(1);
    for ((handshake, own), other) in handshakes.into_iter().zip(&attested).zip(others) {
        assert!(Arc::ptr_eq(&own.evidence, &other.evidence));
        let refused = handshake.judged(other, &nsm.root, &ChainCache::default()).err();
        assert_eq!(refused.unwrap().code(), ErrorCode::NonceMismatch);
    }
}

#[tokio::test]
async fn a_document_serves_no_more_sessions_than_the_limit() {
    for (limit, count, depth, documents) in [(8, 100, 3, 13), (1, 20, 0, 20), (1024, 1024, 10, 1)] {
        let nsm = Scripted::new([]);
        let attester = attester_of_at_most(limit, &nsm);
        let hold = nsm.hold();
        let first = tokio::spawn(waiting(&attester, [1; 32]));
        nsm.is_asked(1).await;
        let burst: Vec<_> = (0..count).map(|_| waiting(&attester, [2; 32])).collect();
        drop(hold);
        first.await.unwrap().unwrap();
        let attested = join_all(burst).await;
        let depths = attested.iter().map(|attested| attested.as_ref().unwrap().branch.path().len());
        assert_eq!(depths.max(), Some(depth));
        assert_eq!(*nsm.asked.borrow(), 1 + documents);
    }
}

/// There is no place for them in the queue.
#[tokio::test]
async fn more_than_can_be_queued_are_served_all_the_same() {
    let nsm = Scripted::new([]);
    let attester = attester(&nsm);
    let hold = nsm.hold();
    let burst: Vec<_> = (0..3 * QUEUE).map(|_| waiting(&attester, [2; 32])).collect();
    drop(hold);
    assert!(join_all(burst).await.iter().all(Result::is_ok));
}

#[tokio::test]
async fn a_refusal_fails_the_sessions_that_waited_for_it_and_no_other() {
    let nsm = Scripted::new([]);
    let attester = attester(&nsm);
    let hold = nsm.hold();
    let before = tokio::spawn(waiting(&attester, [1; 32]));
    nsm.is_asked(1).await;
    let during: Vec<_> = (0..20).map(|_| waiting(&attester, [2; 32])).collect();
    *nsm.script.lock().unwrap() = [Answer::EndsIn(3600), Answer::Refusal].into();
    drop(hold);
    before.await.unwrap().unwrap();
    for failed in join_all(during).await {
        assert_eq!(failed.unwrap_err(), AttestationFailure::Module(cape_nsm::Error::InternalError));
    }
    assert_eq!(attester.attest([3; 32]).await.unwrap().branch, Branch::alone());
    assert_eq!(*nsm.asked.borrow(), 3);
}

#[tokio::test]
async fn sessions_whose_client_is_gone_are_not_asked_for() {
    let nsm = Scripted::new([]);
    let attester = attester(&nsm);
    let hold = nsm.hold();
    let first = tokio::spawn(waiting(&attester, [1; 32]));
    nsm.is_asked(1).await;
    let (gone, stays) = (waiting(&attester, [2; 32]), waiting(&attester, [3; 32]));
    drop(gone);
    drop(hold);
    first.await.unwrap().unwrap();
    assert_eq!(stays.await.unwrap().branch, Branch::alone());

    let hold = nsm.hold();
    let third = tokio::spawn(waiting(&attester, [4; 32]));
    nsm.is_asked(3).await;
    drop(waiting(&attester, [5; 32]));
    drop(hold);
    third.await.unwrap().unwrap();
    attester.attest([6; 32]).await.unwrap();
    assert_eq!(*nsm.asked.borrow(), 4);
}

#[tokio::test]
async fn one_that_is_dropped_while_the_module_is_at_work_holds_up_nobody() {
    let nsm = Scripted::new([]);
    let attester = attester(&nsm);
    let hold = nsm.hold();
    let gone = waiting(&attester, [1; 32]);
    let stays = waiting(&attester, [2; 32]);
    nsm.is_asked(1).await;
    drop(gone);
    drop(hold);
    assert_eq!(stays.await.unwrap().branch.index(), 1);
}

#[tokio::test]
async fn a_document_that_is_about_to_end_is_asked_for_again() {
    let nsm = Scripted::new([Answer::EndsIn(599)]);
    let renewed = attester(&nsm).attest([1; 32]).await.unwrap();
    assert!(Document::parse(&renewed.evidence.document).is_ok());
    assert_eq!(*nsm.asked.borrow(), 2);

    let nsm = Scripted::new([Answer::EndsIn(599), Answer::EndsIn(598)]);
    let refused = attester(&nsm).attest([1; 32]).await.unwrap_err().to_string();
    assert!(refused.ends_with("its certificate ends in 598 s"), "{refused}");
    assert_eq!(*nsm.asked.borrow(), 2);
}

#[tokio::test(start_paused = true)]
async fn calls_end_five_minutes_before_the_certificate_or_after_an_hour() {
    let nsm = Scripted::new([Answer::EndsIn(600), Answer::EndsIn(2400), Answer::EndsIn(3900)]);
    let attester = attester(&nsm);
    for minutes in [5, 35, 60, 60] {
        let attested = attester.attest([1; 32]).await.unwrap();
        let left = attested.evidence.close_at - Instant::now();
        assert_eq!(left, Duration::from_secs(60 * minutes));
    }
}

/// Certificates of every tier below the root are replaced on the way.
#[tokio::test]
async fn every_session_of_a_month_has_a_document_with_time_left() {
    let nsm = Scripted::new([]);
    let (attester, cache) = (attester(&nsm), ChainCache::default());
    let mut leaves = BTreeSet::new();
    for hours in (0..30 * 24).step_by(5) {
        let ahead = Duration::from_secs(hours * 3600);
        nsm.ahead.store(ahead.as_secs(), Ordering::Relaxed);
        let handshake = Handshake::new();
        let attested = attester.attest(*handshake.server.leaf()).await.unwrap();
        leaves.insert(Document::parse(&attested.evidence.document).unwrap().inspect().leaf);
        assert!(attested.evidence.close_at > Instant::now() + Duration::from_secs(59 * 60));
        handshake.judged_at(now().plus(ahead), &attested, &nsm.root, &cache).unwrap();
    }
    assert_eq!(leaves.len(), 30 * 24 / 5);
}

#[tokio::test]
async fn an_unsigned_document_is_shown_where_that_is_asked_for_and_nowhere_else() {
    let attester = |insecure_unsigned| {
        let (nsm, clock) = (Arc::new(UnsignedNsm), Arc::new(Clock::default()));
        Attester::new(nsm, clock, b"description".to_vec(), VAULT, b"key", 1, insecure_unsigned)
    };
    let refused = attester(false).first_digest().await.unwrap_err();
    assert!(matches!(refused, AttestationFailure::Document(_)), "{refused}");
    let shown = attester(true).attest([1; 32]).await.unwrap();
    let left = shown.evidence.close_at.saturating_duration_since(Instant::now());
    assert!(left > Duration::from_secs(3500), "{left:?}");
    let verdict = Handshake::new().judged(&shown, Scripted::new([]).root.as_slice(), &ChainCache::default());
    assert!(verdict.is_err());
}
