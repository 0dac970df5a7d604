//! What other implementations say of a document: a COSE and a CBOR library, and rustls-webpki for the
//! chain. They check less than we do, so they must accept all that we accept.

use aws_nitro_enclaves_cose::CoseSign1;
use aws_nitro_enclaves_cose::crypto::{Hash, MessageDigest, SignatureAlgorithm, SigningPublicKey};
use aws_nitro_enclaves_cose::error::CoseError;
use cape_core::UnixTime;
use cape_core::crypto::provider::signature::{ECDSA_P384_SHA384_FIXED, UnparsedPublicKey};
use pki_types::CertificateDer;
use serde_cbor::Value;
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

pub(crate) fn of(document: &[u8], root: &[u8], time: UnixTime) -> Result<(), String> {
    let message = CoseSign1::from_bytes(document).map_err(|error| error.to_string())?;
    let unverified = message.get_payload::<NotHashed>(None).map_err(|error| error.to_string())?;
    let Value::Map(fields) = serde_cbor::from_slice(&unverified).map_err(|error| error.to_string())? else {
        return Err("the payload is no map".to_owned());
    };
    let field = |name: &str| fields.get(&Value::Text(name.to_owned())).ok_or(format!("no {name}"));
    let Value::Bytes(leaf) = field("certificate")? else { return Err("no certificate".to_owned()) };
    let Value::Array(bundle) = field("cabundle")? else { return Err("no cabundle".to_owned()) };
    let bundle: Vec<CertificateDer<'_>> = bundle
        .iter()
        .map(|certificate| match certificate {
            Value::Bytes(bytes) => Ok(CertificateDer::from(bytes.as_slice())),
            _ => Err("a certificate that is no byte string".to_owned()),
        })
        .collect::<Result<_, _>>()?;

    let key = check_chain(&CertificateDer::from(leaf.as_slice()), &bundle[1..], root, time)
        .map_err(|error| error.to_string())?;
    message.get_payload::<NotHashed>(Some(&key)).map_err(|error| error.to_string())?;
    Ok(())
}

/// The leaf's key, if its chain ends at the root.
fn check_chain(
    leaf: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
    root: &[u8],
    time: UnixTime,
) -> Result<LeafKey, webpki::Error> {
    let root = CertificateDer::from(root);
    let anchors = [anchor_from_trusted_cert(&root)?];
    let leaf = EndEntityCert::try_from(leaf)?;
    let path = leaf.verify_for_usage(
        &[webpki::ring::ECDSA_P384_SHA384],
        &anchors,
        intermediates,
        pki_types::UnixTime::since_unix_epoch(std::time::Duration::from_millis(time.as_millis())),
        KeyUsage::client_auth(),
        None,
        None,
    );
    match path.map(|_| ()) {
        // A limit of its own, where AWS's pages name none and ours allow one more.
        Err(webpki::Error::MaximumPathDepthExceeded) if intermediates.len() == 7 => {}
        verdict => verdict?,
    }
    let info = leaf.subject_public_key_info();
    Ok(LeafKey(info[info.len() - 97..].to_vec()))
}

struct LeafKey(Vec<u8>);

impl SigningPublicKey for LeafKey {
    fn get_parameters(&self) -> Result<(SignatureAlgorithm, MessageDigest), CoseError> {
        Ok((SignatureAlgorithm::ES384, MessageDigest::Sha384))
    }

    fn verify(&self, message: &[u8], signature: &[u8]) -> Result<bool, CoseError> {
        Ok(UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, &self.0).verify(message, signature).is_ok())
    }
}

/// Leaves the hashing to [`LeafKey`].
struct NotHashed;

impl Hash for NotHashed {
    fn hash(_: MessageDigest, data: &[u8]) -> Result<Vec<u8>, CoseError> {
        Ok(data.to_vec())
    }
}
