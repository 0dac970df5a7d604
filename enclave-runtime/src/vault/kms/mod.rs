//! The vault whose secret AWS KMS wraps, and unwraps for approved measurements alone (`docs/spec/vault.md`).
//!
//! The host carries the bytes and gives the credentials. What it could do with either is refused here: TLS ends in the
//! enclave, KMS encrypts for a key that was born for this one answer, and whoever opens the vault compares its id.

mod access;
mod connection;
mod error;
mod pipe;
mod recipient;
mod signature;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64_simd::STANDARD;
use cape_core::UnixTime;
use cape_core::crypto::{Secret, constant_time_eq};
use cape_core::identity::Vault;
use cape_nsm::{AttestationFields, Nsm};
use hyper::body::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

use super::{Created, check_backend, give_birth, private_file};
use crate::attestation;
use crate::error::StartError;
use crate::secret_json::defect;
use crate::settings::{Settings, VaultBackend};
pub(crate) use access::Access;
#[cfg(test)]
pub(crate) use access::tests::said;
use connection::Endpoint;
use error::KmsError;
pub(crate) use pipe::Pipe;
use recipient::Recipient;

/// How long one attempt may take, from the connection to the last byte.
const ATTEMPT: Duration = Duration::from_secs(15);
/// How long attempts are made.
const PATIENCE: Duration = Duration::from_secs(60);
/// The longest pause before the second attempt; it doubles with each, up to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How often is asked, at most.
const ATTEMPTS: u32 = 6;

/// What KMS is asked to do.
#[derive(Clone, Copy)]
enum Operation {
    Decrypt,
    GenerateDataKey,
}

/// A KMS key, and how KMS is reached.
pub(crate) struct Service {
    pub(crate) access: Access,
    pub(crate) pipe: Pipe,
}

impl Service {
    /// KMS behind a pipe, as the JSON in a file says to ask it.
    pub(crate) fn read(access: &Path, pipe: Pipe) -> Result<Self, StartError> {
        let text = private_file::read("the access to KMS", access)?;
        let access = serde_json::from_str(&text)
            .map_err(|error| StartError::new(format!("{}: {}", access.display(), defect(&error))))?;
        Ok(Self { access, pipe })
    }
}

/// What both operations answer with.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    key_id: String,
    ciphertext_for_recipient: String,
    ciphertext_blob: Option<String>,
}

/// Has a new secret made and wrapped by KMS, and opens it once, as every start will: what is told then is good.
pub(crate) async fn create(
    settings: &Settings,
    service: &Service,
    nsm: &Arc<dyn Nsm>,
) -> Result<Created, StartError> {
    check_backend(settings, VaultBackend::AwsKms)?;
    let access = &service.access;
    if access.wrapped.is_some() {
        return Err(StartError::new("there is a wrapped secret already, and a vault is never replaced")
            .hint("leave wrapped out to make the vault of another platform"));
    }
    let asking = Asking { service, settings, nsm };
    let request = json!({"KeyId": access.key_id, "NumberOfBytes": 32});
    let (secret, wrapped) = asking.ask(Operation::GenerateDataKey, request).await?;
    let wrapped = wrapped.ok_or(KmsError::Malformed("it has no wrapped secret"))?;
    let again = asking.unwrap(&wrapped).await?;
    if !constant_time_eq(secret.expose(), again.expose()) {
        return Err(KmsError::OtherSecret.into());
    }
    let id = Vault::new(secret).id();
    let birth = give_birth(nsm.as_ref(), &access.key_id, id)?;
    Ok(Created { id, birth, wrapped: Some(wrapped) })
}

/// The vault whose secret KMS wrapped.
pub(super) async fn unwrap(
    settings: &Settings,
    service: &Service,
    nsm: &Arc<dyn Nsm>,
) -> Result<Vault, StartError> {
    let Some(wrapped) = &service.access.wrapped else {
        return Err(StartError::new("there is no wrapped secret, and none is made on the way").hint(
            "`cape host create-vault` has an enclave make a vault, once; `cape vault create` a process",
        ));
    };
    let asking = Asking { service, settings, nsm };
    Ok(Vault::new(asking.unwrap(wrapped).await?))
}

/// Who is asked, and who vouches for the asking enclave.
struct Asking<'a> {
    service: &'a Service,
    settings: &'a Settings,
    nsm: &'a Arc<dyn Nsm>,
}

impl Asking<'_> {
    async fn unwrap(&self, wrapped: &[u8]) -> Result<Secret<32>, KmsError> {
        let request = json!({"KeyId": self.service.access.key_id, "CiphertextBlob": STANDARD.encode_to_string(wrapped)});
        self.ask(Operation::Decrypt, request).await.map(|(secret, _)| secret)
    }

    /// Asks until there is an answer, or no hope of one: the secret that it carries, and what it has wrapped.
    async fn ask(
        &self,
        operation: Operation,
        request: Value,
    ) -> Result<(Secret<32>, Option<Vec<u8>>), KmsError> {
        let recipient = new_recipient().await?;
        let end = Instant::now() + PATIENCE;
        let mut attempt = 1;
        loop {
            let asked = timeout(ATTEMPT, self.ask_once(operation, request.clone(), &recipient)).await;
            let error = match asked.unwrap_or(Err(KmsError::TimedOut)) {
                Ok(answer) => return self.read(&answer, &recipient),
                Err(error) => error,
            };
            let pause = pause(attempt);
            if !error.is_temporary() || attempt == ATTEMPTS || Instant::now() + pause > end {
                return Err(error);
            }
            tracing::warn!(attempt, reason = %error, "KMS is asked again");
            sleep(pause).await;
            attempt += 1;
        }
    }

    async fn ask_once(
        &self,
        operation: Operation,
        mut request: Value,
        recipient: &Recipient,
    ) -> Result<Bytes, KmsError> {
        let (document, time) = self.document(recipient).await?;
        request["EncryptionContext"] = json!({"cape": "vault"});
        request["Recipient"] = json!({
            "KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256",
            "AttestationDocument": STANDARD.encode_to_string(document),
        });
        let Service { access, pipe } = self.service;
        let endpoint = Endpoint { access, pipe, roots: &self.settings.tls.roots, time };
        endpoint.ask(operation.name(), request.to_string().into_bytes()).await
    }

    /// A document that vouches for the recipient's key, and the time that it tells. KMS takes it for five minutes, and
    /// never one that nobody has signed.
    async fn document(&self, recipient: &Recipient) -> Result<(Vec<u8>, UnixTime), KmsError> {
        let (nsm, public_key) = (Arc::clone(self.nsm), recipient.public_key().to_vec());
        let document = blocking(move || {
            let fields = AttestationFields { public_key: Some(&public_key), ..AttestationFields::default() };
            nsm.attest(fields).map_err(KmsError::Module)
        });
        let document = document.await?;
        let time = attestation::timestamp(&document, self.settings.insecure_unsigned_documents)
            .map_err(KmsError::Document)?;
        Ok((document, time))
    }

    fn read(&self, answer: &[u8], recipient: &Recipient) -> Result<(Secret<32>, Option<Vec<u8>>), KmsError> {
        let answer: Answer = serde_json::from_slice(answer)
            .map_err(|_| KmsError::Malformed("it names no key, or has nothing for this enclave"))?;
        if answer.key_id != self.service.access.key_id {
            return Err(KmsError::OtherKey { used: answer.key_id });
        }
        let message = decode(&answer.ciphertext_for_recipient)?;
        let wrapped = answer.ciphertext_blob.map(|text| decode(&text)).transpose()?;
        Ok((recipient.open(&message)?, wrapped))
    }
}

impl Operation {
    fn name(self) -> &'static str {
        match self {
            Self::Decrypt => "Decrypt",
            Self::GenerateDataKey => "GenerateDataKey",
        }
    }
}

/// Making an RSA key takes a while, in which everything else goes on.
async fn new_recipient() -> Result<Recipient, KmsError> {
    blocking(Recipient::generate).await
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, KmsError> + Send + 'static,
) -> Result<T, KmsError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| KmsError::NoKey)?
}

/// How long to wait after so many attempts: at random, so that enclaves that started together do not ask together.
fn pause(attempts: u32) -> Duration {
    let longest = LONGEST_PAUSE.min(FIRST_PAUSE * 2_u32.pow(attempts - 1));
    let mut random = [0; 4];
    // Without randomness there is no jitter; nothing else depends on it.
    let _ = getrandom::fill(&mut random);
    longest.mul_f64(f64::from(u32::from_be_bytes(random)) / f64::from(u32::MAX))
}

fn decode(text: &str) -> Result<Vec<u8>, KmsError> {
    STANDARD.decode_to_vec(text).map_err(|_| KmsError::Malformed("it is not in base64"))
}

#[cfg(test)]
mod tests;
