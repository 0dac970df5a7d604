//! Chains of the genuine shape: root, region, zone, instance, leaf.

use std::sync::{Arc, LazyLock};

use crate::x509::{Certificate, Key, SIGNS_CERTIFICATES, SIGNS_DATA, authority, key_usage, no_authority};

pub(crate) const ROOT: usize = 0;
pub(crate) const REGION: usize = 1;
pub(crate) const ZONE: usize = 2;
pub(crate) const INSTANCE: usize = 3;
pub(crate) const LEAF: usize = 4;

/// Certificates to be, the root first, and the keys that they are for.
#[derive(Clone)]
pub(crate) struct Chain {
    pub(crate) certificates: Vec<Certificate>,
    pub(crate) keys: Vec<Arc<Key>>,
}

static KEYS: LazyLock<Vec<Arc<Key>>> = LazyLock::new(|| (0..5).map(|_| Arc::new(Key::generate())).collect());

impl Chain {
    /// One that is in order, and valid when [`NOW`](crate::document::NOW) is.
    pub(crate) fn new() -> Self {
        let levels = [
            ("root", "root", ("191028132805Z", "491028142805Z"), authority(None)),
            ("root", "region", ("261120000000Z", "261210000000Z"), authority(Some(2))),
            ("region", "zone", ("261122000000Z", "261128000000Z"), authority(Some(1))),
            ("zone", "instance", ("261124000000Z", "261125000000Z"), authority(Some(0))),
            ("instance", "leaf", ("261124030000Z", "261124060000Z"), no_authority()),
        ];
        let certificates = levels
            .into_iter()
            .zip(KEYS.iter())
            .map(|((issuer, subject, validity, constraints), key)| {
                let mut certificate = Certificate::new(issuer, subject, validity, key);
                let usage = if subject == "leaf" { SIGNS_DATA } else { SIGNS_CERTIFICATES };
                certificate.extensions = vec![constraints, key_usage(usage)];
                certificate
            })
            .collect();
        Self { certificates, keys: KEYS.clone() }
    }

    pub(crate) fn with(change: impl FnOnce(&mut Self)) -> Self {
        let mut chain = Self::new();
        change(&mut chain);
        chain
    }

    /// Each certificate signed with the key of the one above it, the root with its own.
    pub(crate) fn issue(&self) -> Vec<Vec<u8>> {
        self.certificates
            .iter()
            .enumerate()
            .map(|(index, certificate)| certificate.signed_by(&self.keys[index.saturating_sub(1)]))
            .collect()
    }

    /// The key that documents are signed with.
    pub(crate) fn leaf_key(&self) -> &Key {
        self.keys.last().unwrap()
    }
}
