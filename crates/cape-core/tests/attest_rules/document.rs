//! Documents, from whatever fields one likes.

use std::sync::LazyLock;

use cape_core::UnixTime;
use cape_core::attest::SessionData;
use cape_core::encoding::cbor::Writer;

use crate::chain::Chain;
use crate::x509::Key;

/// 2026-11-24T03:47:36Z.
pub(crate) const NOW: UnixTime = UnixTime::from_seconds(1_795_492_056);
pub(crate) const NONCE: &[u8] = &[0x4e; 32];
pub(crate) const VAULT: [u8; 32] = [0x7a; 32];
pub(crate) const PROTECTED: &[u8] = &[0xa1, 1, 0x38, 0x22];

/// A document to be; what is not changed is in order.
#[derive(Clone)]
pub(crate) struct Forge {
    pub(crate) chain: Chain,
    /// The chain as issued.
    pub(crate) certificates: Vec<Vec<u8>>,
    /// The payload's fields, the values encoded.
    pub(crate) fields: Vec<(&'static str, Vec<u8>)>,
}

impl Forge {
    /// A document for a session, made at [`NOW`]: always the same chain, so the same root.
    pub(crate) fn new() -> Self {
        static IN_ORDER: LazyLock<Forge> = LazyLock::new(|| Forge::of(Chain::new()));
        IN_ORDER.clone()
    }

    pub(crate) fn of(chain: Chain) -> Self {
        let certificates = chain.issue();
        Self::issued(chain, certificates)
    }

    /// With certificates that need not be what the chain would issue.
    pub(crate) fn issued(chain: Chain, certificates: Vec<Vec<u8>>) -> Self {
        let (leaf, bundle) = certificates.split_last().unwrap();
        let user_data = SessionData { vault: VAULT, runtime: [1; 32], receipts: [2; 32] }.to_user_data();
        let fields = vec![
            ("module_id", text("i-0123456789abcdef0-enc0123456789abcdef")),
            ("digest", text("SHA384")),
            ("timestamp", uint(NOW.as_millis())),
            ("pcrs", pcrs(&(0..16).map(|index| (index, [index + 1; 48])).collect::<Vec<_>>())),
            ("certificate", bytes(leaf)),
            ("cabundle", array(bundle)),
            ("public_key", null()),
            ("user_data", bytes(&user_data)),
            ("nonce", bytes(NONCE)),
        ];
        Self { chain, certificates, fields }
    }

    pub(crate) fn with(change: impl FnOnce(&mut Self)) -> Vec<u8> {
        let mut forge = Self::new();
        change(&mut forge);
        forge.document()
    }

    /// Gives a field another value, encoded.
    pub(crate) fn set(&mut self, name: &str, value: Vec<u8>) {
        self.fields.iter_mut().find(|(known, _)| *known == name).unwrap().1 = value;
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.fields.retain(|(known, _)| *known != name);
    }

    pub(crate) fn payload(&self) -> Vec<u8> {
        let entries = self.fields.iter().flat_map(|(name, value)| [text(name), value.clone()]);
        [&[0xbf], entries.collect::<Vec<_>>().concat().as_slice(), &[0xff]].concat()
    }

    pub(crate) fn document(&self) -> Vec<u8> {
        signed(&self.payload(), self.chain.leaf_key())
    }
}

/// A document of any payload.
pub(crate) fn signed(payload: &[u8], key: &Key) -> Vec<u8> {
    cose(&bytes(PROTECTED), &[0xa0], &bytes(payload), &bytes(&signature(payload, key)))
}

pub(crate) fn signature(payload: &[u8], key: &Key) -> Vec<u8> {
    let to_be_signed =
        [&[0x84], &text("Signature1")[..], &bytes(PROTECTED), &[0x40], &bytes(payload)].concat();
    key.sign_fixed(&to_be_signed)
}

/// A COSE_Sign1 of four encoded items.
pub(crate) fn cose(protected: &[u8], unprotected: &[u8], payload: &[u8], signature: &[u8]) -> Vec<u8> {
    [&[0x84], protected, unprotected, payload, signature].concat()
}

fn written(write: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut writer = Writer::new();
    write(&mut writer);
    writer.into_bytes()
}

pub(crate) fn text(value: &str) -> Vec<u8> {
    written(|writer| _ = writer.text(value))
}

pub(crate) fn bytes(value: &[u8]) -> Vec<u8> {
    written(|writer| _ = writer.bytes(value))
}

pub(crate) fn uint(value: u64) -> Vec<u8> {
    written(|writer| _ = writer.uint(value))
}

pub(crate) fn null() -> Vec<u8> {
    written(|writer| _ = writer.null())
}

pub(crate) fn array(items: &[Vec<u8>]) -> Vec<u8> {
    written(|writer| {
        writer.array(items.len());
        items.iter().for_each(|item| _ = writer.bytes(item));
    })
}

pub(crate) fn pcrs(registers: &[(u8, [u8; 48])]) -> Vec<u8> {
    written(|writer| {
        writer.map(registers.len());
        registers.iter().for_each(|(index, value)| _ = writer.uint((*index).into()).bytes(value));
    })
}
