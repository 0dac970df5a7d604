//! What KMS does when it is asked for what a vault needs.

use base64_simd::STANDARD;
use cape_core::UnixTime;
use cape_core::attest::{self, Document, Expectation, ExpectedNonce, Policy, TrustRoots, Unverified};
use cape_core::encoding::hex;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Manner;
use crate::credentials::ROLE;
use crate::envelope::{Encoding, seal};
use crate::key::{EncryptionContext, KmsKey, random};
use crate::policy::{RequestContext, allows};
use crate::server::{KEY_ARN, OTHER_KEY_ARN};

/// The server's keys, and what it has been told.
pub(crate) struct State {
    pub(crate) policy: Value,
    pub(crate) roots: Option<TrustRoots>,
    /// What signs documents that were refused.
    pub(crate) insecure_signer: Option<Signer>,
    pub(crate) manner: Manner,
    pub(crate) requests: u64,
    keys: [(&'static str, KmsKey); 2],
    first_envelope: Option<Vec<u8>>,
}

pub(crate) type Signer = Box<dyn Fn(&[u8]) -> Vec<u8> + Send>;

/// An error that KMS answers with.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) kind: &'static str,
    pub(crate) message: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Request {
    key_id: String,
    ciphertext_blob: Option<String>,
    number_of_bytes: Option<usize>,
    #[serde(default)]
    encryption_context: EncryptionContext,
    recipient: Option<Recipient>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Recipient {
    key_encryption_algorithm: String,
    attestation_document: String,
}

/// An enclave whose document is good.
struct Attested {
    public_key: Vec<u8>,
    context: RequestContext,
}

impl State {
    pub(crate) fn new() -> Self {
        Self {
            policy: Value::Null,
            roots: None,
            insecure_signer: None,
            manner: Manner::default(),
            requests: 0,
            keys: [KEY_ARN, OTHER_KEY_ARN].map(|arn| (arn, KmsKey::generate())),
            first_envelope: None,
        }
    }

    /// The answer to one request of the role, who has shown that it is.
    pub(crate) fn answer(&mut self, target: &str, body: &[u8], now: UnixTime) -> Result<Value, Refusal> {
        let validation = |error: serde_json::Error| Refusal::new("ValidationException", &error.to_string());
        let request: Request = serde_json::from_slice(body).map_err(validation)?;
        let operation = target.strip_prefix("TrentService.").unwrap_or_default();
        match self.manner {
            Manner::ThrottledTwice if self.requests <= 2 => return Err(Refusal::throttled()),
            Manner::Throttled => return Err(Refusal::throttled()),
            Manner::InternalError => return Err(Refusal::new("KMSInternalException", "")),
            Manner::Disabled => {
                return Err(Refusal::new("DisabledException", &format!("{KEY_ARN} is disabled.")));
            }
            Manner::PendingDeletion => {
                let message = format!("{KEY_ARN} is pending deletion.");
                return Err(Refusal::new("KMSInvalidStateException", &message));
            }
            _ => {}
        }
        if self.key(&request.key_id).is_none() {
            let message = format!("Key '{}' does not exist", request.key_id);
            return Err(Refusal::new("NotFoundException", &message));
        }
        let attested =
            request.recipient.as_ref().map(|recipient| self.attested(recipient, now)).transpose()?;
        let mut context =
            attested.as_ref().map_or_else(RequestContext::new, |attested| attested.context.clone());
        for (key, value) in &request.encryption_context {
            context.insert(format!("kms:encryptioncontext:{}", key.to_lowercase()), value.clone());
        }
        let action = format!("kms:{operation}");
        context.insert("aws:currenttime".into(), now.to_string());
        if !allows(&self.policy, ROLE, &action, &context) {
            return Err(Refusal::denied(&action));
        }
        match operation {
            "Decrypt" => self.decrypt(&request, attested),
            "GenerateDataKey" => self.generate_data_key(&request, attested),
            _ => Err(Refusal::new("UnknownOperationException", "")),
        }
    }

    fn decrypt(&mut self, request: &Request, attested: Option<Attested>) -> Result<Value, Refusal> {
        let wrapped = decoded(request.ciphertext_blob.as_deref())?;
        let unwraps = |key: &KmsKey| key.unwrap(&wrapped, &request.encryption_context);
        let Some(plaintext) = self.key(&request.key_id).and_then(unwraps) else {
            let other = self.keys.iter().any(|(_, key)| unwraps(key).is_some());
            let kind = if other { "IncorrectKeyException" } else { "InvalidCiphertextException" };
            return Err(Refusal::new(kind, ""));
        };
        let mut answer = json!({"EncryptionAlgorithm": "SYMMETRIC_DEFAULT", "KeyId": self.used_key(request)});
        self.hand_over(&plaintext, attested, &mut answer)?;
        Ok(answer)
    }

    fn generate_data_key(&mut self, request: &Request, attested: Option<Attested>) -> Result<Value, Refusal> {
        if request.number_of_bytes != Some(32) {
            return Err(Refusal::new("ValidationException", "NumberOfBytes is 32 here"));
        }
        let plaintext = random::<32>();
        let told = if self.manner == Manner::SwappedWrapped { random::<32>() } else { plaintext };
        let key = self.key(&request.key_id).ok_or_else(|| Refusal::new("NotFoundException", ""))?;
        let wrapped = key.wrap(&told, &request.encryption_context);
        let mut answer = json!({
            "CiphertextBlob": STANDARD.encode_to_string(wrapped),
            "KeyId": self.used_key(request),
        });
        self.hand_over(&plaintext, attested, &mut answer)?;
        Ok(answer)
    }

    /// What Encrypt returns to whoever has the right, which no attestation is needed for.
    pub(crate) fn encrypt(
        &self,
        arn: &str,
        plaintext: &[u8],
        context: &EncryptionContext,
    ) -> Option<Vec<u8>> {
        self.key(arn).map(|key| key.wrap(plaintext, context))
    }

    /// Adds a secret to an answer: for the enclave that asks, or in plain.
    fn hand_over(
        &mut self,
        plaintext: &[u8],
        attested: Option<Attested>,
        answer: &mut Value,
    ) -> Result<(), Refusal> {
        let Some(Attested { public_key, .. }) = attested.filter(|_| self.manner != Manner::Plain) else {
            answer["Plaintext"] = STANDARD.encode_to_string(plaintext).into();
            return Ok(());
        };
        let secret = match self.manner {
            Manner::SwappedSecret => random::<32>().to_vec(),
            Manner::OtherLength => plaintext[1..].to_vec(),
            _ => plaintext.to_vec(),
        };
        // Each in turn, and the content in one part or in several.
        let encoding = match self.requests % 3 {
            0 => Encoding::Definite,
            1 => Encoding::Indefinite { part: 48 },
            _ => Encoding::Indefinite { part: 20 },
        };
        let sealed = seal(&public_key, &secret, encoding, self.manner == Manner::BadPadding);
        let sealed = sealed.ok_or_else(|| Refusal::new("ValidationException", "no public key of RSA"))?;
        let first = self.first_envelope.get_or_insert_with(|| sealed.clone());
        let envelope = match self.manner {
            Manner::Replayed => first.clone(),
            Manner::TruncatedEnvelope => sealed[..sealed.len() - 3].to_vec(),
            _ => sealed,
        };
        answer["CiphertextForRecipient"] = STANDARD.encode_to_string(envelope).into();
        Ok(())
    }

    /// What a document says of an enclave, if it is good.
    fn attested(&self, recipient: &Recipient, now: UnixTime) -> Result<Attested, Refusal> {
        let invalid = |reason: &str| Refusal::new("ValidationException", reason);
        if recipient.key_encryption_algorithm != "RSAES_OAEP_SHA_256" {
            return Err(invalid("KeyEncryptionAlgorithm"));
        }
        let bytes = decoded(Some(&recipient.attestation_document))?;
        let attested = match (self.judged(&bytes, now), &self.insecure_signer) {
            (Err(_), Some(sign)) => self.judged(&sign(&bytes), now),
            (judged, _) => judged,
        }?;
        let name = |name: String| format!("kms:recipientattestation:{name}");
        let mut context: RequestContext = attested
            .pcrs
            .iter()
            .map(|(index, value)| (name(format!("pcr{index}")), hex::encode(value)))
            .collect();
        if let Some(pcr0) = context.get(&name("pcr0".into())).cloned() {
            context.insert(name("imagesha384".into()), pcr0);
        }
        let public_key = attested.public_key.ok_or_else(|| invalid("the document has no public key"))?;
        Ok(Attested { public_key, context })
    }

    /// Checks a document as strictly as Cape's own clients do, but for what the policy says.
    fn judged(&self, document: &[u8], now: UnixTime) -> Result<Unverified, Refusal> {
        let invalid = |reason: &str| Refusal::new("ValidationException", reason);
        let document = Document::parse(document).map_err(|error| invalid(&error.to_string()))?;
        let roots = self.roots.as_ref().ok_or_else(|| invalid("no root is known"))?;
        // Which code may do what is for the key's policy to say.
        let any_code = Policy::insecure_any_code();
        let expected = Expectation::any(ExpectedNonce::Unchecked);
        match document.verify(roots, &any_code, &expected, now, None) {
            // KMS takes debug enclaves too, whose registers are for the policy to judge. It is the last check.
            Ok(_) | Err(attest::Error::DebugModeEnclave { .. }) => Ok(document.inspect()),
            Err(error) => Err(invalid(&error.to_string())),
        }
    }

    fn used_key(&self, request: &Request) -> String {
        if self.manner == Manner::WrongKeyId { OTHER_KEY_ARN.into() } else { request.key_id.clone() }
    }

    fn key(&self, arn: &str) -> Option<&KmsKey> {
        self.keys.iter().find(|(known, _)| *known == arn).map(|(_, key)| key)
    }
}

impl Refusal {
    pub(crate) fn new(kind: &'static str, message: &str) -> Self {
        let status = if kind == "KMSInternalException" { 500 } else { 400 };
        Self { status, kind, message: message.to_owned() }
    }

    fn throttled() -> Self {
        Self::new("ThrottlingException", "Rate exceeded")
    }

    fn denied(action: &str) -> Self {
        let message = format!(
            "User: {ROLE} is not authorized to perform: {action} on resource: {KEY_ARN} because no resource-based policy allows the action"
        );
        Self::new("AccessDeniedException", &message)
    }
}

fn decoded(text: Option<&str>) -> Result<Vec<u8>, Refusal> {
    let decoded = text.and_then(|text| STANDARD.decode_to_vec(text).ok());
    decoded.ok_or_else(|| Refusal::new("ValidationException", "not base64"))
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
    use aws_lc_rs::rsa::{KeySize, PrivateDecryptingKey};
    use cape_nsm::{AttestationFields, Measurements, Nsm, Pki, SimulatedNsm};

    use super::*;

    /// 2026-11-27
    const NOW: UnixTime = UnixTime::from_seconds(1_795_737_600);

    /// An enclave's document for a key of its own, and the root that signed it.
    fn document(measurement: u8) -> (Vec<u8>, TrustRoots) {
        let pki = Pki::in_memory(NOW.as_millis()).unwrap();
        let roots = TrustRoots::development(vec![pki.root().to_vec()]).unwrap();
        let pcr = [measurement; 48];
        let measurements = Measurements { pcr0: pcr, pcr1: pcr, pcr2: pcr };
        let nsm = SimulatedNsm::start(pki, &measurements, || NOW.as_millis()).unwrap();
        let key = PrivateDecryptingKey::generate(KeySize::Rsa2048).unwrap().public_key();
        let key: PublicKeyX509Der<'_> = key.as_der().unwrap();
        let fields = AttestationFields { public_key: Some(key.as_ref()), ..AttestationFields::default() };
        (nsm.attest(fields).unwrap(), roots)
    }

    /// Asks for a secret, under a policy with one statement that has this condition.
    fn ask(state: &mut State, document: &[u8], condition: Value) -> Result<Value, Refusal> {
        state.policy = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"AWS": [ROLE]}, "Action": "kms:GenerateDataKey", "Resource": "*",
            "Condition": condition,
        }]});
        let body = json!({"KeyId": KEY_ARN, "NumberOfBytes": 32, "Recipient": {
            "KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256",
            "AttestationDocument": STANDARD.encode_to_string(document),
        }});
        state.answer("TrentService.GenerateDataKey", body.to_string().as_bytes(), NOW)
    }

    /// What an enclave of these measurements is answered under a policy with these conditions.
    fn asks(measurement: u8, conditions: impl Fn(&str) -> Value) -> Result<Value, Refusal> {
        let (document, roots) = document(measurement);
        let mut state = State::new();
        state.roots = Some(roots);
        let instance = Document::parse(&document).unwrap().inspect().pcrs[&4];
        ask(&mut state, &document, conditions(&hex::encode(&instance)))
    }

    fn is_denied(measurement: u8, conditions: impl Fn(&str) -> Value) -> bool {
        match asks(measurement, conditions) {
            Ok(_) => false,
            Err(refusal) => {
                assert_eq!(refusal.kind, "AccessDeniedException", "{}", refusal.message);
                true
            }
        }
    }

    /// A register that debug mode leaves as it is would be enough: here the instance's.
    #[test]
    fn a_debug_enclave_is_kept_out_by_the_policy_and_by_nothing_else() {
        let image = |_: &str| json!({"StringEqualsIgnoreCase": {"kms:RecipientAttestation:ImageSha384": "AB".repeat(48)}});
        assert!(!is_denied(0xab, image));
        assert!(is_denied(0, image));

        let register =
            |value: &str| json!({"StringEqualsIgnoreCase": {"kms:RecipientAttestation:PCR4": value}});
        assert!(!is_denied(0, register));
        let measured = |value: &str| {
            let mut conditions = register(value);
            conditions["StringNotEqualsIgnoreCase"] =
                json!({"kms:RecipientAttestation:ImageSha384": "00".repeat(48)});
            conditions
        };
        assert!(is_denied(0, measured));
        assert!(!is_denied(0xab, measured));
    }

    /// What a test signs is judged as everything is, and nothing that is good is signed again.
    #[test]
    fn what_is_refused_may_be_signed_and_is_judged_again() {
        let (good, roots) = document(7);
        let (strangers, _) = document(7);
        let image = |measurement: u8| json!({"StringEquals": {"kms:RecipientAttestation:ImageSha384": hex::encode(&[measurement; 48])}});
        let mut state = State::new();
        state.roots = Some(roots);
        let refused = |answer: Result<Value, Refusal>| answer.err().map(|refusal| refusal.kind);
        assert_eq!(refused(ask(&mut state, &strangers, image(7))), Some("ValidationException"));
        for (signed, measurement, expected) in [
            (good.clone(), 7, None),
            (good.clone(), 8, Some("AccessDeniedException")),
            (strangers.clone(), 7, Some("ValidationException")),
        ] {
            state.insecure_signer = Some(Box::new(move |_| signed.clone()));
            assert_eq!(refused(ask(&mut state, &strangers, image(measurement))), expected);
        }
        state.insecure_signer = Some(Box::new(|_| panic!("a good document is signed")));
        assert_eq!(refused(ask(&mut state, &good, image(7))), None);
    }
}
