//! The handshake through its public functions: every published one holds, and whatever is changed
//! on the way is refused.

use cape_core::ErrorCode;
use cape_core::attest::{ChainCache, Policy, Release, TrustRoots};
use cape_core::crypto::HpkeError;
use cape_core::session::{
    Branch, BranchError, ContentError, End, Error, Offer, Query, QueryError, Request, ServerEvent,
    ServerHandshake, Suite, Violation, binding,
};
use getrandom::SysRng;
use rand_core::UnwrapErr;

use super::support::{Hello, Vector, run, session_of_owner_proof};

fn refused(vector: &Vector, server_hello: &[u8]) -> Error {
    vector.verify(server_hello).expect_err("the server hello is not the published one")
}

#[test]
fn clients_accept_every_published_handshake() {
    for vector in Vector::all() {
        let session = vector.verify(&vector.bytes("server_hello")).unwrap();
        assert_eq!(session.suite(), vector.suite());
        assert_eq!(*session.leaf(), vector.array("leaf"));
        assert_eq!(session.attestation().pcrs()[&0], vector.array("pcr0"));
    }
}

#[test]
fn enclaves_repeat_every_published_handshake() {
    for vector in Vector::all() {
        let server = vector.server();
        assert_eq!(server.suite(), vector.suite());
        assert_eq!(*server.leaf(), vector.array("leaf"));
        let mut message = vector.message(0);
        let (mut session, event) = vector.awaiting_client().receive(&mut message, 1).unwrap();
        let Some(ServerEvent::Open { call, open }) = event else { panic!("{event:?}") };
        assert_eq!(call.get(), 1);
        assert!(matches!(open.request, Request::Run { .. }));
        assert_eq!(open.input.unwrap(), vector.bytes("input"));
        assert_eq!(session_of_owner_proof(&open.owner_proof.unwrap()), session.owner_session().to_string());
        let end = End { output: vector.bytes("output"), ..End::default() };
        assert!(session.end(call, &end).is_ok());
    }
}

#[test]
fn both_roles_agree_in_every_suite() {
    for vector in Vector::all() {
        let (client, server) = vector.session(&run());
        assert_eq!(client.owner_session(), server.owner_session());
        assert_eq!(client.leaf(), server.leaf());
        assert_eq!(client.suite(), server.suite());
    }
}

#[test]
fn owner_sessions_differ_between_connections_under_one_hello() {
    let vector = Vector::x25519();
    let hello = vector.bytes("server_hello");
    let (one, other) = (vector.verify(&hello).unwrap(), vector.verify(&hello).unwrap());
    assert_ne!(one.owner_session(), other.owner_session(), "the client's share is in it");
}

#[test]
fn tampered_server_hello_every_byte() {
    for vector in [Vector::x25519(), Vector::tree()] {
        let (roots, policy, now) = (vector.roots(), vector.policy(), vector.now());
        let cache = ChainCache::new();
        let verify = |hello: &[u8]| {
            let rng = &mut UnwrapErr(SysRng);
            vector.client().verify(hello, &roots, &policy, Some(&cache), now, rng)
        };
        let hello = vector.bytes("server_hello");
        verify(&hello).unwrap();
        for position in 0..hello.len() {
            let mut tampered = hello.clone();
            tampered[position] ^= 1 << (position % 8);
            assert!(verify(&tampered).is_err(), "byte {position}");
        }
        for length in (0..hello.len()).step_by(61) {
            assert!(verify(&hello[..length]).is_err(), "the first {length} bytes");
        }
        assert!(verify(&[&hello[..], &[0]].concat()).is_err(), "a byte more");
    }
}

#[test]
fn a_downgraded_suite_is_refused() {
    // Somebody on the way strikes suite 1 from the offer; the enclave answers what it received.
    let vector = Vector::xwing();
    let query =
        Query { offer: Offer::new(&[Suite::X25519Aes256Gcm]).unwrap(), nonce: vector.array("client_nonce") };
    let server = vector.server_for(&query, vector.bytes("server_nonce"));
    assert_eq!(server.suite(), Suite::X25519Aes256Gcm);
    let (hello, _) = server.hello(&vector.document(), Branch::alone());
    assert_eq!(refused(&vector, &hello).code(), ErrorCode::NonceMismatch);
}

#[test]
fn a_suite_that_was_not_offered_is_refused() {
    let vector = Vector::x25519();
    for suite in [1, 4, 5, 200, 258] {
        let hello = Hello { suite, ..Hello::of(&vector) }.encode();
        assert_eq!(refused(&vector, &hello), Violation::SuiteNotOffered { id: suite }.into());
    }
    let vector = Vector::all().swap_remove(4);
    assert_eq!(vector.offer().ids(), [9, 2, 1], "9 was offered, and nobody knows it");
    let hello = Hello { suite: 9, ..Hello::of(&vector) }.encode();
    assert_eq!(refused(&vector, &hello), Violation::SuiteUnknown { id: 9 }.into());
}

#[test]
fn another_enclaves_answer_is_refused() {
    let (one, other) = (Vector::x25519(), Vector::all().swap_remove(4));
    let error = refused(&one, &Hello { document: other.document(), ..Hello::of(&one) }.encode());
    assert_eq!(error.code(), ErrorCode::TrustRootMismatch);
    let fresh = ServerHandshake::new(
        &Query::parse(&one.client().query()).unwrap(),
        &Suite::ALL,
        &mut UnwrapErr(SysRng),
    );
    let (hello, _) = fresh.unwrap().hello(&one.document(), Branch::alone());
    assert_eq!(refused(&one, &hello).code(), ErrorCode::NonceMismatch, "a document of another session");
}

#[test]
fn a_wrong_place_in_the_tree_is_refused() {
    let vector = Vector::tree();
    let hello = || Hello::of(&vector);
    for index in [0, 1, 2, 4, 7] {
        let error = refused(&vector, &Hello { index, ..hello() }.encode());
        assert_eq!(error.code(), ErrorCode::NonceMismatch);
    }
    let mut path = hello().path;
    path.swap(0, 1);
    let error = refused(&vector, &Hello { path, ..hello() }.encode());
    assert_eq!(error.code(), ErrorCode::NonceMismatch);
    let out_of_range =
        |index, length| Error::from(Violation::Branch(BranchError::IndexOutOfRange { index, length }));
    assert_eq!(refused(&vector, &Hello { index: 8, ..hello() }.encode()), out_of_range(8, 3));
    assert_eq!(refused(&vector, &Hello { index: 1 << 40, ..hello() }.encode()), out_of_range(1 << 40, 3));
    let path = vec![vec![0; 32]; binding::MAX_DEPTH + 1];
    let too_long = Violation::Branch(BranchError::PathTooLong { length: 17 });
    assert_eq!(refused(&vector, &Hello { path, ..hello() }.encode()), too_long.into());
    let path = vec![vec![0; 31]; 3];
    let error = refused(&vector, &Hello { path, ..hello() }.encode());
    assert!(matches!(error, Error::Violation(Violation::Hello(ContentError::Cbor(_)))), "{error}");
}

#[test]
fn the_form_of_a_server_hello() {
    let vector = Vector::x25519();
    let (hello, error) = (vector.bytes("server_hello"), |error| Error::from(Violation::Hello(error)));
    let mut unknown = [&hello[..], &[7, 0]].concat();
    unknown[0] = 0xa7;
    assert_eq!(refused(&vector, &unknown), error(ContentError::KeyUnknown { key: "7".to_owned() }));
    let mut missing = hello[..hello.len() - 2].to_vec();
    missing[0] = 0xa5;
    assert_eq!(refused(&vector, &missing), error(ContentError::KeyMissing { key: 6 }));
    let large = vec![0; 40_000];
    let too_large = refused(&vector, &large);
    assert_eq!(too_large.code(), ErrorCode::TooLarge);
}

#[test]
fn shares_of_low_order_and_keys_of_another_length_are_refused() {
    for vector in [Vector::x25519(), Vector::xwing()] {
        let kem = vector.suite().kem();
        let mut public_key = vector.bytes("kem_public");
        public_key.last_chunk_mut::<32>().unwrap().fill(0);
        let error = refused(&vector, &Hello { public_key, ..Hello::of(&vector) }.encode());
        assert_eq!(error, Violation::Kem(HpkeError::InvalidKey { kem }).into());
        let public_key = vector.bytes("kem_public")[1..].to_vec();
        let error = refused(&vector, &Hello { public_key, ..Hello::of(&vector) }.encode());
        assert!(matches!(error, Error::Violation(Violation::Kem(HpkeError::Length { .. }))), "{error}");

        let mut message = vector.message(0);
        message[kem.encapsulated_length() - 32..kem.encapsulated_length()].fill(0);
        let violation = vector.awaiting_client().receive(&mut message, 1).unwrap_err();
        assert_eq!(violation, Violation::Kem(HpkeError::InvalidKey { kem }));
    }
}

#[test]
fn a_replayed_first_message_is_refused() {
    for vector in Vector::all() {
        let query = Query::parse(&vector.client().query()).unwrap();
        // The same enclave, even with the same key, draws another nonce.
        let server = vector.server_for(&query, vec![0x5a; 32]);
        let (_, awaiting) = server.hello(&vector.document(), vector.branch());
        let violation = awaiting.receive(&mut vector.message(0), 1).unwrap_err();
        assert_eq!(violation, Violation::FrameForged { counter: 0 });
    }
}

#[test]
fn a_first_message_that_is_damaged_or_cut_is_refused() {
    let vector = Vector::x25519();
    let message = vector.message(0);
    for position in 0..message.len() {
        let mut tampered = message.clone();
        tampered[position] ^= 1;
        assert!(vector.awaiting_client().receive(&mut tampered, 1).is_err(), "byte {position}");
    }
    for length in 0..32 + 24 {
        let violation = vector.awaiting_client().receive(&mut message[..length].to_vec(), 1).unwrap_err();
        assert!(matches!(violation, Violation::FrameTooShort { .. }), "{violation}");
    }
}

#[test]
fn nothing_in_common_is_an_error_before_the_upgrade() {
    let offer = Offer::parse("5,200").unwrap();
    let query = Query { nonce: [0; 32], offer: offer.clone() };
    let error = ServerHandshake::new(&query, &Suite::ALL, &mut UnwrapErr(SysRng)).err();
    assert_eq!(error, Some(QueryError::NoCommonSuite { offer }));
    let query = Query { offer: Offer::new(&Suite::ALL).unwrap(), ..query };
    let server = ServerHandshake::new(&query, &[Suite::X25519ChaCha20Poly1305], &mut UnwrapErr(SysRng));
    assert_eq!(server.unwrap().suite(), Suite::X25519ChaCha20Poly1305);
}

#[test]
fn the_document_is_judged_with_every_check() {
    let vector = Vector::x25519();
    let verify = |roots: TrustRoots, release: Release, now| {
        let policy = Policy::new(vec![release]).unwrap();
        let hello = vector.bytes("server_hello");
        let session = vector.client().verify(&hello, &roots, &policy, None, now, &mut UnwrapErr(SysRng));
        session.map(|_| ()).map_err(|error| error.code())
    };
    let (now, release) = (vector.now(), vector.release());
    let an_hour = core::time::Duration::from_secs(3600);
    assert_eq!(verify(vector.roots(), release.clone(), now), Ok(()));
    let stale = verify(vector.roots(), release.clone(), now.plus(an_hour));
    assert_eq!(stale, Err(ErrorCode::DocumentTooOld));
    let foreign = verify(TrustRoots::aws(), release.clone(), now);
    assert_eq!(foreign, Err(ErrorCode::TrustRootMismatch));
    let other_code = Release { pcrs: [(0, [9; 48])].into(), ..release.clone() };
    assert_eq!(verify(vector.roots(), other_code, now), Err(ErrorCode::PcrMismatch));
    let other_vault = Release { vault: Some([9; 32]), ..release.clone() };
    assert_eq!(verify(vector.roots(), other_vault, now), Err(ErrorCode::VaultMismatch));
    let no_vault = Release { vault: None, ..release };
    assert_eq!(verify(vector.roots(), no_vault, now), Err(ErrorCode::VaultMismatch));
}
