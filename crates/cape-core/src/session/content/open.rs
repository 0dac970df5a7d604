use core::fmt;

use super::map::{ContentError, MapWriter, UnknownKeys, read_content, read_map, required};
use super::{KeyRequest, Salts};
use crate::encoding::cbor::{Reader, Writer};

/// What a client asks for: the content of OPEN, which begins a call.
#[derive(Clone, PartialEq, Eq)]
pub struct Open {
    /// The operation and what it is about.
    pub request: Request,
    /// The caller's right to a function: a token.
    pub token: Option<String>,
    /// Or, instead, the account's signature over this session.
    pub owner_proof: Option<String>,
    /// 32 random bytes of the caller's, which a receipt names.
    pub call_nonce: Option<[u8; 32]>,
    /// How the call is to be made.
    pub options: Options,
    /// The whole input, when it is at most 64 KiB; then the client sends neither DATA nor END. There,
    /// and empty, for operations without input.
    pub input: Option<Vec<u8>>,
    /// What the account has signed and the enclave has to know: epoch records, revocation lists.
    pub statements: Vec<String>,
    /// Both salts of the receipt of a run, random ones, of a caller who digests what it sends and gets
    /// as that passes. Of others the enclave draws them.
    pub salts: Option<Salts>,
}

/// An operation and what it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// 1: run a function.
    Run {
        /// The function's checksum.
        checksum: [u8; 32],
    },
    /// 2: take in a function, whose bundle is the input.
    Deploy {
        /// The signed manifest.
        manifest: String,
    },
    /// 3: state an account's encryption key.
    Key(KeyRequest),
    /// 4: describe the enclave.
    Describe,
}

/// How a call is to be made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The caller agrees that the function's process also serves others.
    pub shared: bool,
    /// What the function prints is wanted, as LOG.
    pub log: bool,
    /// Milliseconds the call may take, if fewer than the function's own limit.
    pub deadline_ms: Option<u64>,
    /// The input is one zstd stream; with `deploy` only.
    pub zstd: bool,
}

impl Open {
    /// A call without credentials or options, whose input, if it takes any, comes as DATA.
    pub fn new(request: Request) -> Self {
        let input = if request.takes_input() { None } else { Some(Vec::new()) };
        Self {
            request,
            token: None,
            owner_proof: None,
            call_nonce: None,
            options: Options::default(),
            input,
            statements: Vec::new(),
            salts: None,
        }
    }

    pub(in crate::session) fn encode(&self) -> Vec<u8> {
        let mut map = MapWriter::new();
        map.entry(1).uint(self.request.operation());
        if let Request::Run { checksum } = &self.request {
            map.entry(2).bytes(checksum);
        }
        if let Some(token) = &self.token {
            map.entry(3).text(token);
        }
        if let Some(owner_proof) = &self.owner_proof {
            map.entry(4).text(owner_proof);
        }
        if let Some(call_nonce) = &self.call_nonce {
            map.entry(6).bytes(call_nonce);
        }
        if let Request::Deploy { manifest } = &self.request {
            map.entry(7).text(manifest);
        }
        if self.options != Options::default() {
            map.entry(8).raw(&self.options.encode());
        }
        if let Some(input) = &self.input {
            map.entry(9).bytes(input);
        }
        if !self.statements.is_empty() {
            encode_statements(&self.statements, map.entry(10));
        }
        if let Request::Key(request) = &self.request {
            map.entry(11).raw(&request.encode());
        }
        if let Some(salts) = &self.salts {
            map.entry(12).raw(&salts.encode());
        }
        map.into_bytes()
    }

    pub(in crate::session) fn decode(content: &[u8]) -> Result<Self, ContentError> {
        let mut parts = RequestParts::default();
        let mut open = Self { input: None, ..Self::new(Request::Describe) };
        read_content(content, UnknownKeys::Refused, |key, reader| {
            match key {
                1 => parts.operation = Some(reader.uint()?),
                2 => parts.checksum = Some(reader.byte_array()?),
                3 => open.token = Some(reader.text()?.to_owned()),
                4 => open.owner_proof = Some(reader.text()?.to_owned()),
                6 => open.call_nonce = Some(reader.byte_array()?),
                7 => parts.manifest = Some(reader.text()?.to_owned()),
                8 => open.options = Options::decode(reader)?,
                9 => open.input = Some(reader.bytes()?.to_vec()),
                10 => open.statements = decode_statements(reader)?,
                11 => parts.key = Some(KeyRequest::decode(reader)?),
                12 => open.salts = Some(Salts::decode(reader, UnknownKeys::Refused)?),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        open.request = parts.into_request()?;
        if open.options.zstd && !matches!(open.request, Request::Deploy { .. }) {
            return Err(ContentError::Value { key: 8, expected: "free of zstd but for deploy" });
        }
        if let Some(salts) = &open.salts {
            let of_run = matches!(open.request, Request::Run { .. });
            if !of_run || salts.output.is_none() {
                return Err(ContentError::Value { key: 12, expected: "both salts, of a run" });
            }
        }
        if !open.request.takes_input() && !required(9, open.input.as_ref())?.is_empty() {
            return Err(ContentError::Value { key: 9, expected: "empty where there is no input" });
        }
        Ok(open)
    }
}

impl Request {
    fn takes_input(&self) -> bool {
        matches!(self, Self::Run { .. } | Self::Deploy { .. })
    }

    fn operation(&self) -> u64 {
        match self {
            Self::Run { .. } => 1,
            Self::Deploy { .. } => 2,
            Self::Key(_) => 3,
            Self::Describe => 4,
        }
    }
}

/// The keys of OPEN that belong to one operation each.
#[derive(Default)]
struct RequestParts {
    operation: Option<u64>,
    checksum: Option<[u8; 32]>,
    manifest: Option<String>,
    key: Option<KeyRequest>,
}

impl RequestParts {
    fn into_request(mut self) -> Result<Request, ContentError> {
        let request = match required(1, self.operation)? {
            1 => Request::Run { checksum: required(2, self.checksum.take())? },
            2 => Request::Deploy { manifest: required(7, self.manifest.take())? },
            3 => Request::Key(required(11, self.key.take())?),
            4 => Request::Describe,
            _ => return Err(ContentError::Value { key: 1, expected: "a known operation" }),
        };
        let stray = [(2, self.checksum.is_some()), (7, self.manifest.is_some()), (11, self.key.is_some())];
        match stray.into_iter().find(|(_, present)| *present) {
            Some((key, _)) => Err(ContentError::KeyUnknown { key: key.to_string() }),
            None => Ok(request),
        }
    }
}

impl Options {
    fn encode(&self) -> Vec<u8> {
        let mut map = MapWriter::new();
        if self.shared {
            map.entry(1).bool(true);
        }
        if self.log {
            map.entry(2).bool(true);
        }
        if let Some(deadline_ms) = self.deadline_ms {
            map.entry(3).uint(deadline_ms);
        }
        if self.zstd {
            map.entry(4).bool(true);
        }
        map.into_bytes()
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, ContentError> {
        let mut options = Self::default();
        read_map(reader, UnknownKeys::Refused, |key, reader| {
            match key {
                1 => options.shared = reader.bool()?,
                2 => options.log = reader.bool()?,
                3 => options.deadline_ms = Some(reader.uint()?),
                4 => options.zstd = reader.bool()?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(options)
    }
}

fn encode_statements(statements: &[String], writer: &mut Writer) {
    writer.array(statements.len());
    for statement in statements {
        writer.text(statement);
    }
}

fn decode_statements(reader: &mut Reader<'_>) -> Result<Vec<String>, ContentError> {
    let mut statements = Vec::new();
    let mut array = reader.array()?;
    while array.has_next(reader)? {
        statements.push(reader.text()?.to_owned());
    }
    Ok(statements)
}

/// Shows which credentials there are and how much input, not what they say.
impl fmt::Debug for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Open")
            .field("request", &self.request)
            .field("token", &self.token.is_some())
            .field("owner_proof", &self.owner_proof.is_some())
            .field("options", &self.options)
            .field("input_bytes", &self.input.as_ref().map(Vec::len))
            .field("statements", &self.statements.len())
            .finish_non_exhaustive()
    }
}
