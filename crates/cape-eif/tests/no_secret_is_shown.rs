//! What is printed ends in logs. The one secret here is the key that signs images: a `Signer` cannot be
//! printed, and what is wrong with a key is said without the key. `cape-core`'s `tests/public_surface`
//! holds the names below against all types that can be printed.

use cape_eif::signing::Signer;

/// They hold what is in an image, which anybody may read who has it, or what is wrong with one.
#[rustfmt::skip]
const WITHOUT_SECRETS: &[&str] = &[
    "::Architecture", "::BuildMetadata", "::CommandLine", "::CommandLineDefect", "::Description", "::Error",
    "::Image", "::Measurements", "::Metadata", "::MetadataDefect", "::Section", "::SectionKind", "::WriteError",
    "cpio::Content", "cpio::Device", "cpio::Entry", "cpio::EntryKind", "cpio::Error", "cpio::NameDefect",
    "cpio::Tree", "cpio::TreeError",
    "signing::Certificate", "signing::CertificateDefect", "signing::NotSigned", "signing::PemDefect",
    "signing::Signature", "signing::SignatureDefect", "signing::SignatureError", "signing::SignerError",
];

#[test]
fn errors_about_keys() {
    assert!(!WITHOUT_SECRETS.contains(&"signing::Signer"));
    let certificate = include_bytes!("eif/data/rfc5915.cert.pem");
    let key = include_str!("eif/data/pkcs8.key.pem");
    let secret = key.lines().nth(2).unwrap();
    for text in [
        key.to_owned(),
        key.replace("PRIVATE KEY", secret),
        key.replace("-----END", ""),
        key.replace('M', "!"),
        key.replace('M', "N"),
    ] {
        let error = Signer::from_pem(certificate, text.as_bytes()).err().unwrap();
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains(&secret[..8]), "{shown}");
    }
}
