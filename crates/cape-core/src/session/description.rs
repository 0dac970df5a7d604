use super::content::{ContentError, MapWriter, UnknownKeys, read_content, read_map, required};
use crate::encoding::cbor::{Reader, Writer};

/// The version of the description's form.
const VERSION: u64 = 2;

/// What a runtime says about itself once, when it starts: its SHA-256 stands in the `user_data` of
/// every session document, and `describe` returns the bytes (docs/spec/session.md, "Description").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuntimeDescription {
    /// The runtime's version: `4.0.0`.
    pub version: String,
    /// What the measured settings say the runtime is for.
    pub mode: Mode,
    /// The interpreter's version that functions are packed for: `3.11`.
    pub python: String,
    /// The platform that functions are packed for: `x86_64-manylinux_2_28`.
    pub platform: String,
    /// The layers around a function's process.
    pub isolation: Vec<IsolationLayer>,
    /// Where the vault's secret may come from: `file`, `aws-kms`.
    pub vault_backends: Vec<String>,
    /// What the runtime allows.
    pub limits: RuntimeLimits,
}

/// What a runtime is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// For trying things out: layers may be missing, the vault's secret lies in a file.
    Development,
    /// For data that matters.
    Production,
}

/// One layer of isolation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IsolationLayer {
    /// Its name: `seccomp`.
    pub name: String,
    /// Whether the measured settings demand it.
    pub required: bool,
    /// Why it is off; `None` when it is on.
    pub off_because: Option<String>,
}

/// What a runtime allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuntimeLimits {
    /// Calls open on one connection.
    pub calls: u64,
    /// Bytes of input of a function that takes it whole.
    pub run_bytes: u64,
    /// Bytes of a bundle.
    pub deploy_bytes: u64,
    /// Handshakes a second.
    pub handshakes: u64,
}

impl RuntimeDescription {
    /// The bytes that are hashed.
    pub fn encode(&self) -> Vec<u8> {
        let mut map = MapWriter::new();
        map.entry(1).uint(VERSION);
        map.entry(2).text(&self.version);
        map.entry(3).text(self.mode.name());
        map.entry(4).text(&self.python);
        map.entry(5).text(&self.platform);
        let layers = map.entry(6).array(self.isolation.len());
        for layer in &self.isolation {
            layers.raw(&layer.encode());
        }
        let backends = map.entry(7).array(self.vault_backends.len());
        for backend in &self.vault_backends {
            backends.text(backend);
        }
        map.entry(8).raw(&self.limits.encode());
        map.into_bytes()
    }

    /// Reads a description. What a newer runtime says besides is passed over.
    pub fn decode(bytes: &[u8]) -> Result<Self, ContentError> {
        let (mut version, mut mode, mut python, mut platform) = (None, None, None, None);
        let (mut isolation, mut vault_backends, mut limits) = (None, None, None);
        read_content(bytes, UnknownKeys::Ignored, |key, reader| {
            match key {
                1 => expect_version(reader)?,
                2 => version = Some(reader.text()?.to_owned()),
                3 => mode = Some(Mode::decode(reader)?),
                4 => python = Some(reader.text()?.to_owned()),
                5 => platform = Some(reader.text()?.to_owned()),
                6 => isolation = Some(decode_array(reader, IsolationLayer::decode)?),
                7 => vault_backends = Some(decode_array(reader, |reader| Ok(reader.text()?.to_owned()))?),
                8 => limits = Some(RuntimeLimits::decode(reader)?),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(Self {
            version: required(2, version)?,
            mode: required(3, mode)?,
            python: required(4, python)?,
            platform: required(5, platform)?,
            isolation: required(6, isolation)?,
            vault_backends: required(7, vault_backends)?,
            limits: required(8, limits)?,
        })
    }
}

fn expect_version(reader: &mut Reader<'_>) -> Result<(), ContentError> {
    match reader.uint()? {
        VERSION => Ok(()),
        _ => Err(ContentError::Value { key: 1, expected: "version 2" }),
    }
}

fn decode_array<'a, T>(
    reader: &mut Reader<'a>,
    mut item: impl FnMut(&mut Reader<'a>) -> Result<T, ContentError>,
) -> Result<Vec<T>, ContentError> {
    let (mut array, mut items) = (reader.array()?, Vec::new());
    while array.has_next(reader)? {
        items.push(item(reader)?);
    }
    Ok(items)
}

impl Mode {
    /// `development` or `production`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Development => "development",
            Self::Production => "production",
        }
    }

    /// The mode of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Development, Self::Production].into_iter().find(|mode| mode.name() == name)
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, ContentError> {
        let expected = "development or production";
        Self::from_name(reader.text()?).ok_or(ContentError::Value { key: 3, expected })
    }
}

impl IsolationLayer {
    fn encode(&self) -> Vec<u8> {
        let mut map = MapWriter::new();
        map.entry(1).text(&self.name);
        map.entry(2).bool(self.required);
        if let Some(reason) = &self.off_because {
            map.entry(3).text(reason);
        }
        map.into_bytes()
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, ContentError> {
        let (mut name, mut must, mut off_because) = (None, None, None);
        read_map(reader, UnknownKeys::Ignored, |key, reader| {
            match key {
                1 => name = Some(reader.text()?.to_owned()),
                2 => must = Some(reader.bool()?),
                3 => off_because = Some(reader.text()?.to_owned()),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(Self { name: required(1, name)?, required: required(2, must)?, off_because })
    }
}

impl RuntimeLimits {
    fn encode(&self) -> Vec<u8> {
        let mut map = Writer::new();
        map.map(4);
        for (key, value) in (1..).zip([self.calls, self.run_bytes, self.deploy_bytes, self.handshakes]) {
            map.uint(key).uint(value);
        }
        map.into_bytes()
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, ContentError> {
        let (mut calls, mut run_bytes, mut deploy_bytes, mut handshakes) = (None, None, None, None);
        read_map(reader, UnknownKeys::Ignored, |key, reader| {
            match key {
                1 => calls = Some(reader.uint()?),
                2 => run_bytes = Some(reader.uint()?),
                3 => deploy_bytes = Some(reader.uint()?),
                4 => handshakes = Some(reader.uint()?),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(Self {
            calls: required(1, calls)?,
            run_bytes: required(2, run_bytes)?,
            deploy_bytes: required(3, deploy_bytes)?,
            handshakes: required(4, handshakes)?,
        })
    }
}
