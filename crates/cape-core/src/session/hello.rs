use super::content::{ContentError, MapWriter, UnknownKeys, read_content, required};
use super::limits::MAX_SERVER_HELLO;
use super::{Branch, Offer, Suite, Violation};
use crate::crypto::KemPublicKey;
use crate::encoding::cbor::Reader;

/// The enclave's first message: its proof, its key for this session, and where this session stands
/// in the tree that the proof is over.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct ServerHello<'a> {
    pub(super) suite: Suite,
    pub(super) document: &'a [u8],
    pub(super) public_key: KemPublicKey,
    pub(super) server_nonce: [u8; 32],
    pub(super) branch: Branch,
}

impl<'a> ServerHello<'a> {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut map = MapWriter::new();
        map.entry(1).uint(self.suite.id().into());
        map.entry(2).bytes(self.document);
        map.entry(3).bytes(self.public_key.as_bytes());
        map.entry(4).bytes(&self.server_nonce);
        let path = map.entry(5).array(self.branch.path().len());
        for sibling in self.branch.path() {
            path.bytes(sibling);
        }
        map.entry(6).uint(self.branch.index().into());
        map.into_bytes()
    }

    /// Reads the answer to `offer`. Nothing of it is proven yet.
    pub(super) fn decode(message: &'a [u8], offer: &Offer) -> Result<Self, Violation> {
        let size = message.len();
        if size > MAX_SERVER_HELLO {
            return Err(Violation::HelloTooLarge { size, limit: MAX_SERVER_HELLO });
        }
        let fields = Fields::decode(message).map_err(Violation::Hello)?;
        let suite = chosen_suite(fields.suite, offer)?;
        Ok(Self {
            suite,
            document: fields.document,
            public_key: KemPublicKey::from_bytes(suite.kem(), fields.public_key)?,
            server_nonce: fields.server_nonce,
            branch: Branch::new(fields.path, fields.index)?,
        })
    }
}

fn chosen_suite(id: u64, offer: &Offer) -> Result<Suite, Violation> {
    let offered = u8::try_from(id).ok().filter(|id| offer.ids().contains(id));
    let offered = offered.ok_or(Violation::SuiteNotOffered { id })?;
    Suite::from_id(offered).ok_or(Violation::SuiteUnknown { id })
}

/// The fields as they stand in the message.
struct Fields<'a> {
    suite: u64,
    document: &'a [u8],
    public_key: &'a [u8],
    server_nonce: [u8; 32],
    path: Vec<[u8; 32]>,
    index: u64,
}

impl<'a> Fields<'a> {
    fn decode(message: &'a [u8]) -> Result<Self, ContentError> {
        let (mut suite, mut document, mut public_key) = (None, None, None);
        let (mut server_nonce, mut path, mut index) = (None, None, None);
        read_content(message, UnknownKeys::Refused, |key, reader| {
            match key {
                1 => suite = Some(reader.uint()?),
                2 => document = Some(reader.bytes()?),
                3 => public_key = Some(reader.bytes()?),
                4 => server_nonce = Some(reader.byte_array()?),
                5 => path = Some(decode_path(reader)?),
                6 => index = Some(reader.uint()?),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(Self {
            suite: required(1, suite)?,
            document: required(2, document)?,
            public_key: required(3, public_key)?,
            server_nonce: required(4, server_nonce)?,
            path: required(5, path)?,
            index: required(6, index)?,
        })
    }
}

fn decode_path(reader: &mut Reader<'_>) -> Result<Vec<[u8; 32]>, ContentError> {
    let mut path = Vec::new();
    let mut array = reader.array()?;
    while array.has_next(reader)? {
        path.push(reader.byte_array()?);
    }
    Ok(path)
}
