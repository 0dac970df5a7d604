//! Documents whose signatures hold over anything: a payload, or a certificate of the chain, is replaced
//! and signed again with keys that are known here. What is accepted then, other implementations accept
//! too. Without this no rule behind a signature is ever reached.

use std::sync::LazyLock;

use aws_lc_rs::agreement::{ECDH_P384, PrivateKey};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
};
use cape_core::attest::{Document, Expectation, ExpectedNonce, Freshness, Policy, Purpose, TrustRoots};
use cape_core::encoding::cbor::Writer;
use core::time::Duration;
use serde_cbor::Value;

use crate::{document, second_opinion, vectors};

static CHAIN: LazyLock<Chain> = LazyLock::new(Chain::from_published_document);

/// The first byte says what is replaced: 0 the payload, 1 the root's certificate, and so on to the
/// leaf's. The rest is what stands in its place: a payload, or what is signed of a certificate.
pub(crate) fn check(input: &[u8]) {
    let Some((&part, replacement)) = input.split_first() else { return };
    let mut certificates = CHAIN.certificates.clone();
    let payload = match usize::from(part).checked_sub(1) {
        None => replacement.to_vec(),
        Some(level) => {
            let Some(certificate) = certificates.get_mut(level) else { return };
            *certificate = CHAIN.issuer_of(level).certificate(replacement);
            CHAIN.payload(&certificates)
        }
    };
    let signed = CHAIN.leaf_key().document(&payload);
    judge(&signed, certificates.swap_remove(0));
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let payload = [&[0], CHAIN.payload(&CHAIN.certificates).as_slice()].concat();
    let certificates = CHAIN.certificates.iter().enumerate();
    let parts = certificates
        .map(|(level, certificate)| [&[level as u8 + 1], to_be_signed(certificate)].concat())
        .collect::<Vec<_>>();
    [vec![payload], parts].concat()
}

fn judge(signed: &[u8], root: Vec<u8>) {
    let Ok(document) = Document::parse(signed) else { return };
    let Ok(roots) = TrustRoots::development(vec![root.clone()]) else { return };
    let now = vectors::cheap_handshake().now();
    let max_skew = Duration::from_secs(120);
    for (purpose, freshness) in [
        (Purpose::Session, Freshness::default()),
        (Purpose::Any, Freshness::OwnTime { max_skew }),
        (Purpose::VaultBirth, Freshness::OwnTime { max_skew }),
    ] {
        let expectation = Expectation { nonce: ExpectedNonce::Unchecked, purpose, freshness };
        let policy = Policy::insecure_any_code();
        if let Ok(verified) = document.verify(&roots, &policy, &expectation, now, None) {
            let judged_at =
                if matches!(freshness, Freshness::OwnTime { .. }) { verified.timestamp() } else { now };
            assert_eq!(second_opinion::of(signed, &root, judged_at), Ok(()), "a second opinion");
        }
    }
}

/// A published document's certificates, issued again for keys that are known here.
struct Chain {
    fields: Vec<(Value, Value)>,
    /// From the root to the leaf.
    certificates: Vec<Vec<u8>>,
    keys: Vec<Key>,
}

impl Chain {
    fn from_published_document() -> Self {
        let document = document::document_of(vectors::cheap_handshake());
        let Ok(Value::Array(parts)) = serde_cbor::from_slice(&document) else { panic!("no document") };
        let Some(Value::Bytes(payload)) = parts.get(2) else { panic!("no payload") };
        let Ok(Value::Map(fields)) = serde_cbor::from_slice(payload) else { panic!("no payload") };
        let field = |name: &str| fields[&Value::Text(name.to_owned())].clone();
        let (Value::Array(bundle), leaf) = (field("cabundle"), field("certificate")) else {
            panic!("no chain")
        };
        let published = bundle.into_iter().chain([leaf]);
        let published: Vec<Vec<u8>> = published
            .map(|certificate| match certificate {
                Value::Bytes(certificate) => certificate,
                other => panic!("{other:?} is no certificate"),
            })
            .collect();
        let keys: Vec<_> = (1..=published.len()).map(|number| Key::new(number as u8)).collect();
        let mut chain = Self { fields: fields.into_iter().collect(), certificates: Vec::new(), keys };
        for (level, certificate) in published.iter().enumerate() {
            let mut signed = to_be_signed(certificate).to_vec();
            let place =
                signed.windows(4).position(|window| window == b"\x03\x62\x00\x04").expect("a key") + 3;
            signed[place..place + 97].copy_from_slice(&chain.keys[level].point);
            let certificate = chain.issuer_of(level).certificate(&signed);
            chain.certificates.push(certificate);
        }
        chain
    }

    fn issuer_of(&self, level: usize) -> &Key {
        &self.keys[level.saturating_sub(1)]
    }

    fn leaf_key(&self) -> &Key {
        self.keys.last().expect("a leaf")
    }

    fn payload(&self, certificates: &[Vec<u8>]) -> Vec<u8> {
        let mut certificates: Vec<_> = certificates.iter().cloned().map(Value::Bytes).collect();
        let leaf = certificates.pop().expect("a leaf");
        let mut fields: std::collections::BTreeMap<_, _> = self.fields.iter().cloned().collect();
        fields.insert(Value::Text("certificate".to_owned()), leaf);
        fields.insert(Value::Text("cabundle".to_owned()), Value::Array(certificates));
        serde_cbor::to_vec(&Value::Map(fields)).expect("a payload")
    }
}

/// A key on P-384 that is the same in every run.
struct Key {
    certificates: EcdsaKeyPair,
    documents: EcdsaKeyPair,
    /// `04 || x || y`.
    point: Vec<u8>,
}

impl Key {
    fn new(number: u8) -> Self {
        let scalar = [number; 48];
        let key = PrivateKey::from_private_key(&ECDH_P384, &scalar).expect("a scalar");
        let point = key.compute_public_key().expect("a point").as_ref().to_vec();
        let pair = |algorithm: &'static EcdsaSigningAlgorithm| {
            EcdsaKeyPair::from_private_key_and_public_key(algorithm, &scalar, &point).expect("a key pair")
        };
        let certificates = pair(&ECDSA_P384_SHA384_ASN1_SIGNING);
        let documents = pair(&ECDSA_P384_SHA384_FIXED_SIGNING);
        Self { certificates, documents, point }
    }

    /// A certificate (RFC 5280, 4.1) of anything, signed with this key.
    fn certificate(&self, to_be_signed: &[u8]) -> Vec<u8> {
        const ECDSA_WITH_SHA384: &[u8] = b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x03";
        let signature = self.certificates.sign(&SystemRandom::new(), to_be_signed).expect("a signature");
        let signature = der(0x03, &[&[0], signature.as_ref()].concat());
        der(0x30, &[to_be_signed, ECDSA_WITH_SHA384, &signature].concat())
    }

    /// A COSE_Sign1 (RFC 9052, 4.2) of anything, signed with this key.
    fn document(&self, payload: &[u8]) -> Vec<u8> {
        const ES384: &[u8] = b"\xa1\x01\x38\x22";
        let mut signed = Writer::new();
        signed.array(4).text("Signature1").bytes(ES384).bytes(b"").bytes(payload);
        let signature = self.documents.sign(&SystemRandom::new(), &signed.into_bytes()).expect("a signature");
        let mut document = Writer::new();
        document.array(4).bytes(ES384).map(0).bytes(payload).bytes(signature.as_ref());
        document.into_bytes()
    }
}

/// An element in DER.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let head = match length {
        0..=0x7f => vec![tag, length as u8],
        0x80..=0xff => vec![tag, 0x81, length as u8],
        0x100..=0xffff => vec![tag, 0x82, (length >> 8) as u8, length as u8],
        _ => vec![tag, 0x83, (length >> 16) as u8, (length >> 8) as u8, length as u8],
    };
    [head.as_slice(), content].concat()
}

/// The first element of a certificate that is in order: both heads have two bytes of length.
fn to_be_signed(certificate: &[u8]) -> &[u8] {
    let length = |element: &[u8]| 4 + usize::from(u16::from_be_bytes([element[2], element[3]]));
    let inner = &certificate[4..];
    assert_eq!((certificate[1], inner[1]), (0x82, 0x82), "a certificate of 256 bytes or more");
    &inner[..length(inner)]
}
