use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Output;

use base64_simd::STANDARD;
use cape_core::attest::{Policy, Release};
use cape_core::encoding::hex;
use cape_kms_double::{ACCESS_KEY_ID, ENDPOINT, KEY_ARN, Kms, REGION, SECRET_ACCESS_KEY};
use serde_json::{Value, json};

use super::{Platform, Runtime};

/// What `cape vault policy` writes for one release, as its own tests have it.
const POLICY: &str = include_str!("../../../tests/vectors/kms_policy.json");

/// A platform beside a KMS that knows its security module's root.
pub(crate) struct KmsPlatform {
    pub(crate) kms: Kms,
    pub(crate) platform: Platform,
}

/// A vault that KMS keeps.
#[derive(Clone)]
pub(crate) struct KmsVault {
    pub(crate) id: String,
    pub(crate) birth: Vec<u8>,
    pub(crate) wrapped: String,
}

/// One version of the runtime: the same program with other settings, so with other measurements.
pub(crate) struct Version {
    settings: PathBuf,
    pub(crate) pcrs: BTreeMap<u8, [u8; 48]>,
}

impl KmsPlatform {
    pub(crate) async fn new() -> Self {
        let kms = Kms::start().await.unwrap();
        let platform = Platform::with_settings(&settings(kms.root(), "")).await;
        kms.trust(vec![platform.root.clone()]);
        Self { kms, platform }
    }

    /// The version whose settings have this limit. KMS allows it nothing yet.
    pub(crate) fn version(&self, limit: &str) -> Version {
        let path = self.platform.path().join(format!("{}.toml", limit.replace(' ', "")));
        std::fs::write(&path, settings(self.kms.root(), limit)).unwrap();
        let arguments = ["measure", "--settings", path.to_str().unwrap(), "--python", self.python()];
        let measured: Value = serde_json::from_slice(&self.platform.run(&arguments).stdout).unwrap();
        let pcrs = measured["pcrs"].as_object().unwrap().iter();
        let pcrs = pcrs.map(|(index, value)| {
            (index.parse().unwrap(), hex::decode_array(value.as_str().unwrap()).unwrap())
        });
        Version { settings: path, pcrs: pcrs.collect() }
    }

    /// Lets KMS serve these versions and no others.
    pub(crate) fn allow(&self, versions: &[&Version]) {
        let mut policy: Value = serde_json::from_str(POLICY).unwrap();
        let all = policy["Statement"].as_array_mut().unwrap();
        let for_a_release: Vec<Value> = all.drain(1..).collect();
        for version in versions {
            all.extend(for_a_release.iter().cloned().map(|mut statement| {
                let measured = &mut statement["Condition"]["StringEqualsIgnoreCase"];
                for (index, name) in [(0, "ImageSha384"), (1, "PCR1"), (2, "PCR2")] {
                    measured[format!("kms:RecipientAttestation:{name}")] =
                        hex::encode(&version.pcrs[&index]).into();
                }
                statement
            }));
        }
        self.kms.set_policy(policy);
    }

    /// A vault that this version makes.
    pub(crate) fn create(&self, version: &Version) -> KmsVault {
        let output = self.try_create(version, json!({}));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let created: Value = serde_json::from_slice(&output.stdout).unwrap();
        let text = |name: &str| created[name].as_str().unwrap().to_owned();
        let birth = STANDARD.decode_to_vec(text("birth")).unwrap();
        KmsVault { id: text("vault"), birth, wrapped: text("wrapped") }
    }

    /// What comes of making a vault with these fields of the access to KMS changed.
    pub(crate) fn try_create(&self, version: &Version, changes: Value) -> Output {
        let access = self.access(changes);
        let (settings, pipe) = (version.settings.to_str().unwrap(), self.pipe());
        let kms = ["vault", "create", "--kms", access.to_str().unwrap(), "--kms-pipe", &pipe, "--nsm", "nsm"];
        self.platform
            .run(&[&kms[..], &["--settings", settings, "--python", self.python(), "--json"]].concat())
    }

    /// Starts this version with a vault, which it has to open.
    pub(crate) fn start(&self, version: &Version, vault: &KmsVault) -> Runtime<'_> {
        let access = self.access(json!({"wrapped": vault.wrapped}));
        self.platform.start_as(&self.arguments(version, &vault.id, access, &self.pipe()))
    }

    /// What comes of a start with these fields of the access to KMS changed; it has to end by itself.
    pub(crate) fn try_start(&self, version: &Version, vault: &KmsVault, changes: Value) -> Output {
        let mut all = json!({"wrapped": vault.wrapped});
        all.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let arguments = self.arguments(version, &vault.id, self.access(all), &self.pipe());
        self.platform.run(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// What `serve` is started with.
    pub(crate) fn arguments(&self, version: &Version, id: &str, access: PathBuf, pipe: &str) -> Vec<String> {
        let mut arguments = self.platform.serve_arguments();
        let mut set = |name: &str, new_name: &str, value: &str| {
            let at = arguments.iter().position(|argument| argument == name).unwrap();
            arguments[at] = new_name.into();
            arguments[at + 1] = value.into();
        };
        set("--settings", "--settings", version.settings.to_str().unwrap());
        set("--vault-key", "--kms", access.to_str().unwrap());
        set("--vault-id", "--vault-id", id);
        arguments.extend(["--kms-pipe".into(), pipe.into()]);
        arguments
    }

    /// The file that says how KMS is asked, with these fields changed.
    pub(crate) fn access(&self, changes: Value) -> PathBuf {
        let mut access = json!({
            "region": REGION,
            "endpoint": ENDPOINT,
            "key_id": KEY_ARN,
            "credentials": {"access_key_id": ACCESS_KEY_ID, "secret_access_key": SECRET_ACCESS_KEY},
        });
        access.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let path = self.platform.path().join("kms.json");
        std::fs::write(&path, access.to_string()).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    pub(crate) fn pipe(&self) -> String {
        format!("127.0.0.1:{}", self.kms.port())
    }

    /// A client's policy that accepts these versions with this vault.
    pub(crate) fn policy(&self, versions: &[&Version], vault: &KmsVault) -> Policy {
        let release = |version: &&Version| Release {
            name: "test".into(),
            pcrs: version.pcrs.clone(),
            vault: hex::decode_array(&vault.id),
            not_after: None,
        };
        Policy::new(versions.iter().map(release).collect()).unwrap()
    }

    fn python(&self) -> &str {
        self.platform.python.to_str().unwrap()
    }
}

fn settings(root: &str, limit: &str) -> String {
    format!(
        r#"
mode = "development"
vault_backends = ["aws-kms", "file"]

[isolation]
required = ["closed_descriptors", "empty_environment", "no_new_privileges", "resource_limits"]

[limits]
{limit}

[tls]
roots = ["""
{root}"""]
"#
    )
}
