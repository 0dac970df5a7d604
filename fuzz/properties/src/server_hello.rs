//! The enclave's first message: a client accepts the one that was proven to it, and no other.

use cape_core::session::ClientHandshake;

use crate::random::Scripted;
use crate::vectors;

/// The first byte says which of the published handshakes the client began, the rest is the answer.
pub(crate) fn check(input: &[u8]) {
    let Some((&number, hello)) = input.split_first() else { return };
    let handshakes = vectors::handshakes();
    let Some(handshake) = handshakes.get(usize::from(number)) else { return };
    let client = ClientHandshake::new(handshake.offer(), &mut Scripted::new(handshake.bytes("client_nonce")));
    let (roots, policy, rng) = (handshake.roots(), handshake.policy(), &mut Scripted::new(Vec::new()));
    let session = client.verify(hello, &roots, &policy, None, handshake.now(), rng);
    // The document may be written in several ways, all else is bound by it.
    if let Ok(session) = session {
        assert_eq!(session.leaf(), &handshake.array::<32>("leaf"));
        assert_eq!(session.suite(), handshake.suite());
    }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let handshakes = vectors::handshakes().into_iter().enumerate();
    handshakes
        .map(|(number, handshake)| [&[number as u8], handshake.bytes("server_hello").as_slice()].concat())
        .collect()
}
