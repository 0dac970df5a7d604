use std::io::{Cursor, Write};
use std::time::Duration;

use cape_core::UnixTime;
use cape_core::crypto::sha256;
use cape_core::encoding::hex;
use cape_core::identity::{Account, Checksum, Egress, Isolation, Manifest, Signed, Token, Version};
use getrandom::SysRng;
use rand_core::UnwrapErr;
use zip::CompressionMethod;
use zip::write::{SimpleFileOptions, ZipWriter};

use super::Platform;

/// A function as its author has it.
pub(crate) struct Function {
    pub(crate) bundle: Vec<u8>,
    pub(crate) manifest: Signed<Manifest>,
}

/// What differs from test to test.
pub(crate) struct Settings {
    pub(crate) memory_mib: u32,
    pub(crate) timeout_s: u32,
    pub(crate) version: u64,
    pub(crate) isolation: Isolation,
    pub(crate) env: Vec<(&'static str, &'static str)>,
    pub(crate) revocation_max_age_s: Option<u32>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            memory_mib: 512,
            timeout_s: 20,
            version: 1,
            isolation: Isolation::Session,
            env: Vec::new(),
            revocation_max_age_s: None,
        }
    }
}

impl Function {
    /// A function of one file, `app.py`.
    pub(crate) fn new(platform: &Platform, account: &Account, source: &str) -> Self {
        Self::with(platform, account, &[("app.py", source.as_bytes())], Settings::default())
    }

    pub(crate) fn with(
        platform: &Platform,
        account: &Account,
        files: &[(&str, &[u8])],
        settings: Settings,
    ) -> Self {
        let bundle = zip(files);
        let manifest = Manifest {
            v: Version,
            account: account.id(),
            name: "function".into(),
            version: settings.version,
            bundle_sha256: hex::encode(&sha256(&[&bundle])),
            bundle_size: bundle.len() as u64,
            python: platform.python_version.clone(),
            platform: platform.platform.clone(),
            handler: "app:cape_handler".into(),
            isolation: settings.isolation,
            memory_mib: settings.memory_mib,
            timeout_s: settings.timeout_s,
            env: settings.env.into_iter().map(|(name, value)| (name.into(), value.into())).collect(),
            egress: Egress::None,
            min_epoch: 0,
            revocation_max_age_s: settings.revocation_max_age_s,
        };
        Self { bundle, manifest: Signed::sign(manifest, account).unwrap() }
    }

    pub(crate) fn checksum(&self) -> Checksum {
        self.manifest.checksum()
    }

    /// A token for the function, for an hour.
    pub(crate) fn token(&self, account: &Account) -> String {
        let rng = &mut UnwrapErr(SysRng);
        let token = Token::new(account.id(), self.checksum(), now(), Duration::from_secs(3600), rng);
        Signed::sign(token, account).unwrap().text().to_owned()
    }
}

pub(crate) fn account() -> Account {
    Account::generate(&mut UnwrapErr(SysRng)).unwrap()
}

pub(crate) fn now() -> UnixTime {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    UnixTime::from_millis(since_epoch.as_millis().try_into().unwrap())
}

fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, content) in files {
        writer.start_file(*name, options).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}
