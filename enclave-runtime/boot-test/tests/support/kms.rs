//! KMS on the host of enclaves, and what they say whose vault it keeps.
//!
//! KMS takes no document that nobody has signed, and neither does the server that stands for it here. So a test has
//! it sign what it has refused, under a development root that only the test knows, and judge that.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use base64_simd::STANDARD;
use cape_core::encoding::hex;
use cape_kms_double::{
    ACCESS_KEY_ID, ENDPOINT, InsecureSigner, KEY_ARN, Kms, REGION, Root, SECRET_ACCESS_KEY,
};
use serde_json::{Value, json};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpStream, UnixListener};

use super::blob_store::BlobStore;
use super::enclave::{Enclave, policy_for};
use super::environment;
use super::host::Host;
use super::machine::{Machine, Settings};

/// The port of vsock that leads to KMS.
const PIPE: u32 = 7012;

/// A host whose enclaves have their vault from KMS.
pub(crate) struct KmsHost {
    pub(crate) kms: Kms,
    pub(crate) signer: Arc<InsecureSigner>,
    blobs: BlobStore,
}

/// What a host keeps of a vault.
pub(crate) struct KmsVault {
    pub(crate) id: [u8; 32],
    pub(crate) birth: Vec<u8>,
    pub(crate) wrapped: String,
}

/// Why an enclave did not start.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) hint: String,
}

impl KmsHost {
    /// KMS allows nothing yet, and takes no document of an emulated enclave.
    pub(crate) async fn strict() -> Self {
        let root = Root::from_pem(&fs::read_to_string(environment::kms_root()).unwrap());
        let kms = Kms::start_below(root).await.unwrap();
        let signer = Arc::new(InsecureSigner::new());
        kms.trust(vec![signer.root.clone()]);
        Self { kms, signer, blobs: BlobStore::default() }
    }

    /// KMS takes documents of emulated enclaves when it has refused and signed them.
    pub(crate) async fn insecure() -> Self {
        let host = Self::strict().await;
        let signer = Arc::clone(&host.signer);
        host.kms.insecure_sign_refused_documents(move |document| signer.sign(document));
        host
    }

    /// KMS judges by the policy of this name from now on.
    pub(crate) fn allow(&self, policy: &str) {
        let policy = fs::read(environment::key_policy(policy)).unwrap();
        self.kms.set_policy(serde_json::from_slice(&policy).unwrap());
    }

    /// What an enclave is told that has to open a vault; `wrapped` is whatever its host gives it.
    pub(crate) fn to_open(vault: &[u8; 32], wrapped: impl Into<Value>) -> Value {
        let mut instructions = Host::instructions(vault);
        instructions["vault"]["kms"] = access();
        instructions["vault"]["kms"]["wrapped"] = wrapped.into();
        instructions
    }

    /// What an enclave is told that has to make a vault.
    pub(crate) fn to_create() -> Value {
        json!({"v": 1, "create_vault": {"kms": access()}})
    }

    /// A vault that this image makes.
    pub(crate) async fn create(&self, image: &str) -> Result<KmsVault, Refused> {
        let lines = self.ends(image, Self::to_create()).await;
        let Some(created) = lines.iter().find(|line| line.get("birth").is_some()) else {
            return Err(refusal(&lines));
        };
        let text = |name: &str| created[name].as_str().unwrap().to_owned();
        let birth = STANDARD.decode_to_vec(text("birth")).unwrap();
        Ok(KmsVault { id: hex::decode_array(&text("vault")).unwrap(), birth, wrapped: text("wrapped") })
    }

    /// Why an image that is told this does not serve.
    pub(crate) async fn refused(&self, image: &str, instructions: Value) -> Refused {
        refusal(&self.ends(image, instructions).await)
    }

    /// An enclave of this image, which opens the vault. All of them have the same blobs.
    pub(crate) async fn serve(&self, image: &str, vault: &KmsVault) -> Enclave {
        let (folder, image) = (self.folder(), environment::image(image));
        let instructions = Self::to_open(&vault.id, vault.wrapped.as_str());
        let host = Host::listen(folder.path(), &self.blobs, instructions);
        let enclave = Enclave::boot_in(folder, &image, host, self.blobs.clone()).await;
        Enclave { policy: policy_for(&image, &vault.id), ..enclave }
    }

    /// A machine of this image that is told this, and its host.
    pub(crate) async fn boot(&self, image: &str, instructions: Value) -> (Machine, Host) {
        let folder = self.folder();
        let host = Host::listen(folder.path(), &self.blobs, instructions);
        (Machine::start(folder, &environment::image(image), Settings::default()).await, host)
    }

    /// What an enclave says that ends by itself.
    async fn ends(&self, image: &str, instructions: Value) -> Vec<Value> {
        let (mut machine, host) = self.boot(image, instructions).await;
        tokio::select! {
            _ = machine.ended() => {}
            ready = host.heard("ready") => panic!("it serves: {ready}"),
        }
        let lines = host.last_lines().await;
        for said in [machine.console(), json!(lines).to_string()] {
            assert!(!said.contains(SECRET_ACCESS_KEY), "{said}");
        }
        lines
    }

    /// Where an enclave finds the way to KMS.
    fn folder(&self) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        tokio::spawn(lead(listener(folder.path()), self.kms.port()));
        folder
    }
}

/// How KMS is asked, but for the wrapped secret.
fn access() -> Value {
    json!({
        "region": REGION,
        "endpoint": ENDPOINT,
        "key_id": KEY_ARN,
        "credentials": {"access_key_id": ACCESS_KEY_ID, "secret_access_key": SECRET_ACCESS_KEY},
    })
}

/// The error that an enclave ended with, which is the last that it says.
fn refusal(lines: &[Value]) -> Refused {
    let line = lines.last().unwrap();
    assert_eq!(line["ok"], false, "{lines:?}");
    let text = |name: &str| line["error"][name].as_str().unwrap_or_default().to_owned();
    Refused { code: text("code"), message: text("message"), hint: text("hint") }
}

fn listener(folder: &Path) -> UnixListener {
    UnixListener::bind(folder.join(format!("host_{PIPE}"))).unwrap()
}

/// The pipe to KMS: bytes, and nothing of what they are.
async fn lead(listener: UnixListener, port: u16) {
    while let Ok((mut inside, _)) = listener.accept().await {
        tokio::spawn(async move {
            let mut outside = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            // Both ends learn of what goes wrong.
            let _ = copy_bidirectional(&mut inside, &mut outside).await;
        });
    }
}
