//! The published vectors (`tests/vectors/`), which properties take keys and seeds from.

use std::sync::LazyLock;

use cape_core::UnixTime;
use cape_core::attest::{Policy, Release, TrustRoots};
use cape_core::encoding::{base64url, hex};
use cape_core::session::{Offer, Suite};
use serde_json::Value;

static ENVELOPES: LazyLock<Value> =
    LazyLock::new(|| parse(include_str!("../../../tests/vectors/envelope2.json")));
static SESSIONS: LazyLock<Value> =
    LazyLock::new(|| parse(include_str!("../../../tests/vectors/session2.json")));

fn parse(text: &str) -> Value {
    serde_json::from_str(text).expect("a file of vectors")
}

/// Published envelopes, in binary form, of at most that many bytes.
pub(crate) fn envelopes(limit: usize) -> Vec<Vec<u8>> {
    let cases = ENVELOPES["cases"].as_array().expect("cases").iter();
    let texts = cases.map(|case| case["text"].as_str().expect("text"));
    texts.map(bytes_of_text).filter(|sealed| sealed.len() <= limit).collect()
}

/// Published envelopes of version 1, and the text of the key that opens the first of them.
pub(crate) fn version_one() -> (Vec<Vec<u8>>, String) {
    let files = [
        include_str!("../../../tests/vectors/envelope/version_1.json"),
        include_str!("../../../tests/vectors/envelope/version_1_cut.json"),
        include_str!("../../../tests/vectors/envelope/version_1_tag_altered.json"),
    ]
    .map(parse);
    let text = |file: &Value, field: &str| file[field].as_str().expect("text").to_owned();
    (files.iter().map(|file| text(file, "text").into_bytes()).collect(), text(&files[0], "private_key"))
}

fn bytes_of_text(text: &str) -> Vec<u8> {
    let encoded = text.strip_prefix("cape:2:").expect("an envelope");
    base64url::decode(encoded.as_bytes()).expect("an envelope")
}

/// Published files of receipts, each with the receipt in it: a success, a failure, a ciphertext.
pub(crate) fn receipt_files() -> Vec<(Vec<u8>, Vec<u8>)> {
    let texts = [
        include_str!("../../../tests/vectors/receipts/good.json"),
        include_str!("../../../tests/vectors/receipts/good_failed.json"),
        include_str!("../../../tests/vectors/receipts/good_ciphertext.json"),
    ];
    let files = texts.map(|text| bytes(&parse(text)["file"]));
    files.into_iter().map(|file| (file.clone(), receipt_in(&file))).collect()
}

/// What the first of these files is judged by.
pub(crate) fn receipt_verifier() -> (TrustRoots, Policy, UnixTime) {
    let facts = parse(include_str!("../../../tests/vectors/receipts/good.json"));
    let array = |value: &Value| bytes(value).try_into().expect("a field of that length");
    let release = Release {
        name: "vector".to_owned(),
        pcrs: [(0, array(&facts["pcrs"]["0"]))].into(),
        vault: Some(bytes(&facts["vault"]).try_into().expect("a vault id")),
        not_after: None,
    };
    (
        TrustRoots::development(vec![bytes(&facts["trust_root"])]).expect("a root"),
        Policy::new(vec![release]).expect("a policy"),
        UnixTime::from_millis(facts["now_ms"].as_u64().expect("a time")),
    )
}

/// Key 2 of a file: a byte string with a length of two bytes.
fn receipt_in(file: &[u8]) -> Vec<u8> {
    let [0xa4, 1, 2, 2, 0x59, high, low, rest @ ..] = file else { panic!("no file of a receipt") };
    rest[..usize::from(u16::from_be_bytes([*high, *low]))].to_vec()
}

/// A published key, by its kind and field.
pub(crate) fn key(kind: &str, field: &str) -> Vec<u8> {
    bytes(&ENVELOPES["keys"][kind][field])
}

/// The private key that signed the published statements.
pub(crate) fn account_seed() -> [u8; 32] {
    bytes(&SESSIONS["statements"]["account_seed"]).try_into().expect("a seed")
}

/// A published statement.
pub(crate) fn statement(name: &str) -> &'static str {
    SESSIONS["statements"][name].as_str().expect("a statement")
}

/// The published handshakes.
pub(crate) fn handshakes() -> Vec<Handshake> {
    SESSIONS["handshakes"].as_array().expect("handshakes").iter().map(Handshake).collect()
}

/// The published handshake with suite 2, which costs least.
pub(crate) fn cheap_handshake() -> Handshake {
    handshakes().swap_remove(1)
}

#[derive(Clone, Copy)]
pub(crate) struct Handshake(&'static Value);

impl Handshake {
    pub(crate) fn bytes(self, field: &str) -> Vec<u8> {
        bytes(&self.0[field])
    }

    pub(crate) fn array<const N: usize>(self, field: &str) -> [u8; N] {
        self.bytes(field).try_into().expect("a field of that length")
    }

    pub(crate) fn export(self, label: &str) -> Vec<u8> {
        bytes(&self.0["exports"][label])
    }

    pub(crate) fn message(self, index: usize) -> Vec<u8> {
        bytes(&self.0["frames"][index]["message"])
    }

    /// Whether its document serves no other session.
    pub(crate) fn is_alone(self) -> bool {
        self.0["path"].as_array().is_some_and(Vec::is_empty)
    }

    pub(crate) fn suite(self) -> Suite {
        let id = self.0["suite"].as_u64().and_then(|id| u8::try_from(id).ok());
        id.and_then(Suite::from_id).expect("a suite")
    }

    pub(crate) fn offer(self) -> Offer {
        let ids: Vec<_> =
            self.0["offer"].as_array().expect("an offer").iter().map(Value::to_string).collect();
        Offer::parse(&ids.join(",")).expect("an offer")
    }

    pub(crate) fn now(self) -> UnixTime {
        UnixTime::from_millis(self.0["now_ms"].as_u64().expect("a time"))
    }

    pub(crate) fn roots(self) -> TrustRoots {
        TrustRoots::development(vec![self.bytes("trust_root")]).expect("a root")
    }

    pub(crate) fn policy(self) -> Policy {
        let release = Release {
            name: "vector".to_owned(),
            pcrs: [(0, self.array("pcr0"))].into(),
            vault: Some(self.array("vault_id_in_user_data")),
            not_after: None,
        };
        Policy::new(vec![release]).expect("a policy")
    }
}

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().expect("text")).expect("hexadecimal digits")
}
