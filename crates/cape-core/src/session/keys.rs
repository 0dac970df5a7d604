use super::Suite;
use crate::crypto::{Exporter, Secret};
use crate::identity::OwnerSession;

/// The label of everything that binds a session.
const SESSION_LABEL: &[u8] = b"cape/2 session";

/// HPKE's `info`: the suite, the ServerHello as it was sent, and the session's leaf, which holds
/// the client's offer and both nonces.
pub(super) fn info(suite: Suite, server_hello_sha384: &[u8; 48], leaf: &[u8; 32]) -> Vec<u8> {
    [SESSION_LABEL, &[suite.id()], server_hello_sha384, leaf].concat()
}

/// What both sides export once HPKE is set up.
pub(super) struct SessionKeys {
    pub(super) client_to_enclave: DirectionKeys,
    pub(super) enclave_to_client: DirectionKeys,
    /// What an owner proof signs (docs/spec/trust.md, "Owner proof").
    pub(super) owner_session: OwnerSession,
}

/// Key and initial nonce of one direction.
pub(super) struct DirectionKeys {
    pub(super) key: Secret<32>,
    pub(super) iv: Secret<12>,
}

impl SessionKeys {
    pub(super) fn export(exporter: &Exporter, server_hello_sha384: &[u8; 48]) -> Self {
        Self {
            client_to_enclave: DirectionKeys {
                key: exporter.export(b"c2e key"),
                iv: exporter.export(b"c2e iv"),
            },
            enclave_to_client: DirectionKeys {
                key: exporter.export(b"e2c key"),
                iv: exporter.export(b"e2c iv"),
            },
            owner_session: OwnerSession::new(server_hello_sha384, &exporter.export(b"cape/2 owner")),
        }
    }
}
