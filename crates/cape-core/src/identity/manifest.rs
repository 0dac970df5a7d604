use core::ops::RangeInclusive;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::json::MAX_INTEGER;
use super::statement::{BrokenRule, Signed, Statement, StatementType, Version, present};
use super::{AccountId, Checksum, FunctionId};
use crate::encoding::hex;

/// How many epochs of its account's encryption keys a function opens, from `min_epoch` on.
pub const EPOCHS: u32 = 16;

/// A function: what runs, how, and whose it is. Manifests are public, and so is `env`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The version of this form.
    pub v: Version,
    /// Whose function it is.
    pub account: AccountId,
    /// Its name within the account: 1 to 64 of `a-z`, `0-9`, `-` and `_`, the first a letter.
    pub name: String,
    /// Rises with each new manifest of this name: 1 to 2^53 - 1.
    pub version: u64,
    /// SHA-256 of the bundle, 64 lower-case hexadecimal digits.
    pub bundle_sha256: String,
    /// Bytes of the bundle, at least 1.
    pub bundle_size: u64,
    /// The interpreter it was packed for, `3.N`.
    pub python: String,
    /// The platform it was packed for, as wheels name it: `x86_64-manylinux_2_28`.
    pub platform: String,
    /// What is called, `module:function`.
    pub handler: String,
    /// How long a worker's state lives.
    pub isolation: Isolation,
    /// Memory of a worker in MiB: 1 to 1,048,576.
    pub memory_mib: u32,
    /// The longest a call may take, in seconds: 1 to 86,400.
    pub timeout_s: u32,
    /// The environment that the handler sees: at most 64 names, 16 KiB in all. It holds no secrets.
    pub env: BTreeMap<String, String>,
    /// What the handler may reach from inside the enclave.
    pub egress: Egress,
    /// The lowest epoch of the account's encryption keys that inputs may be sealed for.
    #[serde(default)]
    pub min_epoch: u32,
    /// When present, the function runs only with a revocation list at most this old, in seconds:
    /// 1 to 7,776,000 (90 days).
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub revocation_max_age_s: Option<u32>,
}

/// How long the state that a handler builds up lives, and who shares it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Isolation {
    /// One call.
    Call,
    /// The worker's life; callers share it.
    Function,
    /// One connection with one token.
    #[default]
    Session,
}

/// What a function may reach over the network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Egress {
    /// Nothing.
    #[default]
    None,
}

impl Manifest {
    /// The epochs of its account's encryption keys that the function's inputs may be sealed for.
    pub fn epochs(&self) -> RangeInclusive<u32> {
        self.min_epoch..=self.min_epoch.saturating_add(EPOCHS - 1)
    }
}

impl Signed<Manifest> {
    /// The function's checksum.
    pub fn checksum(&self) -> Checksum {
        Checksum::of_payload(self.payload())
    }

    /// The function's id.
    pub fn function_id(&self) -> FunctionId {
        self.checksum().function_id()
    }
}

impl Statement for Manifest {
    const TYPE: StatementType = StatementType::Manifest;

    fn account(&self) -> AccountId {
        self.account
    }

    fn check(&self) -> Result<(), BrokenRule> {
        let rule = BrokenRule::unless;
        rule(is_name(&self.name), "name", "1 to 64 of a-z, 0-9, - and _, the first a letter")?;
        rule((1..=MAX_INTEGER).contains(&self.version), "version", "1 to 2^53 - 1")?;
        rule(
            hex::decode_array::<32>(&self.bundle_sha256).is_some(),
            "bundle_sha256",
            "64 lower-case hexadecimal digits",
        )?;
        rule((1..=MAX_INTEGER).contains(&self.bundle_size), "bundle_size", "1 to 2^53 - 1")?;
        rule(is_python(&self.python), "python", "3.N")?;
        rule(is_platform(&self.platform), "platform", "a wheel's platform such as x86_64-manylinux_2_28")?;
        rule(is_handler(&self.handler), "handler", "module:function, at most 128 characters")?;
        rule((1..=1 << 20).contains(&self.memory_mib), "memory_mib", "1 to 1048576")?;
        rule((1..=86_400).contains(&self.timeout_s), "timeout_s", "1 to 86400")?;
        rule(is_environment(&self.env), "env", "at most 64 variables of 16 KiB in all, without NUL")?;
        rule(self.min_epoch <= u32::MAX - (EPOCHS - 1), "min_epoch", "at most 2^32 - 16")?;
        rule(
            self.revocation_max_age_s.is_none_or(|age| (1..=7_776_000).contains(&age)),
            "revocation_max_age_s",
            "1 to 7776000",
        )
    }
}

fn is_name(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'))
}

fn is_python(version: &str) -> bool {
    version.strip_prefix("3.").is_some_and(|minor| {
        (1..=3).contains(&minor.len())
            && minor.bytes().all(|byte| byte.is_ascii_digit())
            && (minor == "0" || !minor.starts_with('0'))
    })
}

fn is_platform(platform: &str) -> bool {
    (1..=64).contains(&platform.len())
        && platform.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'))
}

fn is_handler(handler: &str) -> bool {
    handler.len() <= 128
        && handler
            .split_once(':')
            .is_some_and(|(module, function)| module.split('.').all(is_identifier) && is_identifier(function))
}

fn is_environment(env: &BTreeMap<String, String>) -> bool {
    let size: usize = env.iter().map(|(name, value)| name.len() + value.len()).sum();
    env.len() <= 64
        && size <= 16 * 1024
        && env.iter().all(|(name, value)| is_identifier(name) && !value.contains('\0'))
}

/// An identifier of ASCII, as Python, POSIX and everyone else agrees.
fn is_identifier(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
