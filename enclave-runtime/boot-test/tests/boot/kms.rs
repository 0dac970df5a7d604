//! A vault that KMS keeps for booted images: made, opened, taken over by the next image, and refused to others.

use std::sync::Arc;

use base64_simd::STANDARD;
use cape_core::attest::{Document, Error, Expectation, VaultBirth, VerifiedAttestation};
use cape_core::crypto::Secret;
use cape_core::encoding::hex;
use cape_core::envelope::{Context, SealOptions, seal_text};
use cape_core::identity::Vault;
use cape_kms_double::{KEY_ARN, Manner};
use getrandom::SysRng;
use libtest_mimic::Trial;
use rand_core::UnwrapErr;
use serde_json::Value;

use crate::support::enclave::{Enclave, policy_for};
use crate::support::environment;
use crate::support::function::{Function, account, now};
use crate::support::kms::{KmsHost, KmsVault, Refused};
use crate::support::machine::eventually;
use crate::trial;

/// Two releases, which differ in a setting, and the policies that allow one of them or both.
const OLD: &str = "kms-old";
const NEW: &str = "kms-new";
const BOTH: &str = "kms-both";

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial(
            "kms::an_upgrade_takes_over_and_the_old_image_is_shut_out",
            an_upgrade_takes_over_and_the_old_image_is_shut_out,
        ),
        trial("kms::documents_that_nobody_signed_get_nothing", documents_that_nobody_signed_get_nothing),
        trial("kms::an_enclave_in_debug_mode_gets_nothing", an_enclave_in_debug_mode_gets_nothing),
        trial("kms::a_swapped_secret_is_refused", a_swapped_secret_is_refused),
        trial("kms::a_missing_secret_is_not_made_on_the_way", a_missing_secret_is_not_made_on_the_way),
        trial("kms::a_host_need_not_wait_for_a_vault", a_host_need_not_wait_for_a_vault),
    ]
}

/// A secret that somebody with the right to encrypt has had wrapped, and the id of its vault.
fn wrapped(host: &KmsHost, secret: u8) -> ([u8; 32], String) {
    let wrapped = host.kms.encrypt(KEY_ARN, &[secret; 32], &[("cape", "vault")]);
    (Vault::new(Secret::take(&mut [secret; 32])).id(), STANDARD.encode_to_string(wrapped))
}

#[track_caller]
fn assert_refused(refused: &Refused, message: &str, hint: &str) {
    assert_eq!(refused.code, "CAPE-CFG-001");
    assert!(refused.message.contains(message), "{refused:?}");
    assert!(refused.hint.contains(hint), "{refused:?}");
}

#[track_caller]
fn assert_denied(refused: &Refused) {
    assert_refused(refused, "KMS refused: AccessDeniedException: ", "this enclave's measurements");
}

async fn an_upgrade_takes_over_and_the_old_image_is_shut_out() {
    let host = KmsHost::insecure().await;
    host.allow(OLD);
    let vault = host.create(OLD).await.unwrap();
    assert_eq!(host.kms.requests(), 2, "it was opened once before it was told of");
    was_born_in(&host, &vault);

    let old = host.serve(OLD, &vault).await;
    let account = account();
    let echo = Function::new(&old.platform().await, &account, "def cape_handler(data): return data");
    let mut client = old.client().await;
    client.deploy(&account, &echo).await.unwrap();
    assert_eq!(client.run(&account, echo.checksum(), b"plain").await.unwrap().output, b"plain");
    let key = client.key(&account).await;
    let rng = &mut UnwrapErr(SysRng);
    let sealed =
        seal_text(b"sealed", &[&key], &Context::default(), b"", SealOptions::default(), rng).unwrap();
    let to_open = || KmsHost::to_open(&vault.id, vault.wrapped.as_str());
    assert_denied(&host.refused(NEW, to_open()).await);

    // Both for a while, and side by side.
    host.allow(BOTH);
    let new = host.serve(NEW, &vault).await;
    let mut client = new.client().await;
    assert_eq!(client.key(&account).await, key);
    let opened = client.run(&account, echo.checksum(), sealed.as_bytes()).await.unwrap();
    assert_eq!(opened.output, b"sealed");

    // Then the new one alone.
    host.allow(NEW);
    is_refused_by_who_pins_the_new_image(&old, &vault).await;
    drop((old, new));
    assert_denied(&host.refused(OLD, to_open()).await);
    let new = host.serve(NEW, &vault).await;
    let opened = new.client().await.run(&account, echo.checksum(), sealed.as_bytes()).await.unwrap();
    assert_eq!(opened.output, b"sealed");
}

/// What still runs has the secret: the client's policy is what shuts it out.
async fn is_refused_by_who_pins_the_new_image(old: &Enclave, vault: &KmsVault) {
    let pinned = policy_for(&environment::image(NEW), &vault.id);
    let greeted = old.greeted().await;
    let signed = old.signer.sign(&greeted.document);
    let error = greeted.judge(&signed, &old.signer.roots, &pinned).unwrap_err();
    assert!(matches!(*error, Error::PcrMismatch { index: 0, .. }), "{error:?}");
}

/// The document of a birth names the vault and the key, and is of the image that made it.
fn was_born_in(host: &KmsHost, vault: &KmsVault) {
    let judge = |document: &[u8], image: &str| -> Result<VerifiedAttestation, Box<Error>> {
        let policy = policy_for(&environment::image(image), &vault.id);
        let expected = Expectation::vault_birth();
        Ok(Document::parse(document)?.verify(&host.signer.roots, &policy, &expected, now(), None)?)
    };
    let error = judge(&vault.birth, OLD).unwrap_err();
    assert!(matches!(*error, Error::DocumentMalformed { .. }), "nobody signed it: {error:?}");
    let signed = host.signer.sign(&vault.birth);
    let birth = VaultBirth { key: KEY_ARN.into(), vault: vault.id };
    assert_eq!(judge(&signed, OLD).unwrap().user_data(), Some(&birth.to_user_data()[..]));
    assert!(matches!(*judge(&signed, NEW).unwrap_err(), Error::PcrMismatch { index: 0, .. }));
}

async fn documents_that_nobody_signed_get_nothing() {
    let host = KmsHost::strict().await;
    host.allow(OLD);
    let refused = host.create(OLD).await.err().unwrap();
    assert_refused(&refused, "KMS refused: ValidationException: ", "documents of real security modules only");
}

/// QEMU has no debug mode, in which these registers are zero: KMS is shown a document as if it had.
async fn an_enclave_in_debug_mode_gets_nothing() {
    let host = KmsHost::strict().await;
    host.allow(OLD);
    let signer = Arc::clone(&host.signer);
    host.kms.insecure_sign_refused_documents(move |document| signer.sign_as(document, [[0; 48]; 3]));
    let (vault, wrapped) = wrapped(&host, 7);
    assert_denied(&host.refused(OLD, KmsHost::to_open(&vault, wrapped)).await);
}

async fn a_swapped_secret_is_refused() {
    let host = KmsHost::insecure().await;
    host.allow(OLD);
    let ((ours, _), (theirs, wrapped)) = (wrapped(&host, 7), wrapped(&host, 8));
    let refused = host.refused(OLD, KmsHost::to_open(&ours, wrapped)).await;
    let [ours, theirs] = [ours, theirs].map(|id| hex::encode(&id));
    assert_refused(&refused, &format!("what {KEY_ARN} wrapped holds the vault {theirs}, not {ours}"), "");
}

async fn a_missing_secret_is_not_made_on_the_way() {
    let host = KmsHost::insecure().await;
    host.allow(OLD);
    host.kms.behave(Manner::Good);
    let (vault, _) = wrapped(&host, 7);
    let refused = host.refused(OLD, KmsHost::to_open(&vault, Value::Null)).await;
    assert_refused(&refused, "there is no wrapped secret, and none is made on the way", "create-vault");
    assert_eq!(host.kms.requests(), 0);
}

async fn a_host_need_not_wait_for_a_vault() {
    let host = KmsHost::insecure().await;
    host.kms.behave(Manner::Silent);
    let (mut machine, supervisor) = host.boot(OLD, KmsHost::to_create()).await;
    let asked = eventually("KMS is asked", async || (host.kms.requests() > 0).then_some(()));
    machine.or_dead(asked).await;
    supervisor.end_supervision().await;
    assert!(machine.ended().await.success());
    let lines = supervisor.last_lines().await;
    assert!(lines.iter().all(|line| line.get("timestamp").is_some()), "it is no error: {lines:?}");
    assert_eq!(host.kms.requests(), 1, "it did not wait until KMS was given up");
}
