//! Signature Version 4, checked: the canonical request is made of what came.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};
use cape_core::UnixTime;
use cape_core::crypto::sha256;
use cape_core::encoding::hex;
use hyper::header::{AUTHORIZATION, HeaderMap};

use crate::credentials::{ACCESS_KEY_ID, EXPIRED_TOKEN, SECRET_ACCESS_KEY};
use crate::operation::Refusal;

/// What has to be signed.
const SIGNED: [&str; 4] = ["content-type", "host", "x-amz-date", "x-amz-target"];
/// How far the time of a request may be from the server's.
const SKEW_MS: u64 = 5 * 60 * 1000;

/// Checks who sent a request, and that it is as it was sent.
pub(crate) fn check(headers: &HeaderMap, body: &[u8], region: &str, now: UnixTime) -> Result<(), Refusal> {
    let invalid = |reason: &str| Refusal::new("InvalidSignatureException", reason);
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let missing = || Refusal::new("MissingAuthenticationTokenException", "Missing Authentication Token");
    let authorization = header(AUTHORIZATION.as_str()).ok_or_else(missing)?;
    let fields = authorization.strip_prefix("AWS4-HMAC-SHA256 ").ok_or_else(|| invalid("other algorithm"))?;
    let [credential, signed, signature] = ["Credential=", "SignedHeaders=", "Signature="]
        .map(|name| fields.split(", ").find_map(|field| field.strip_prefix(name)).unwrap_or_default());

    let time = header("x-amz-date").unwrap_or_default();
    let day = time.get(..8).unwrap_or_default();
    let scope = format!("{day}/{region}/kms/aws4_request");
    if credential != format!("{ACCESS_KEY_ID}/{scope}") {
        let message = "The security token included in the request is invalid.";
        return Err(Refusal::new("UnrecognizedClientException", message));
    }
    let near = |offset: i64| now.as_millis().saturating_add_signed(offset);
    let skew = i64::try_from(SKEW_MS).unwrap_or_default();
    let basic = |millis: u64| UnixTime::from_millis(millis).to_string().replace(['-', ':'], "");
    if !(basic(near(-skew))..=basic(near(skew))).contains(&time.to_owned()) {
        return Err(invalid("Signature expired"));
    }

    let names: Vec<&str> = signed.split(';').collect();
    let token = header("x-amz-security-token");
    let all_signed = SIGNED.iter().all(|name| names.contains(name));
    if !all_signed || !names.is_sorted() || (token.is_some() && !names.contains(&"x-amz-security-token")) {
        return Err(invalid("a header that has to be signed is not"));
    }
    let lines: String =
        names.iter().map(|name| format!("{name}:{}\n", header(name).unwrap_or_default().trim())).collect();
    let request = format!("POST\n/\n\n{lines}\n{signed}\n{}", hex::encode(&sha256(&[body])));
    let to_sign =
        format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hex::encode(&sha256(&[request.as_bytes()])));
    let mut key = format!("AWS4{SECRET_ACCESS_KEY}").into_bytes();
    for part in [day, region, "kms", "aws4_request", &to_sign] {
        key = sign(&Key::new(HMAC_SHA256, &key), part.as_bytes()).as_ref().to_vec();
    }
    verify_slices_are_equal(hex::encode(&key).as_bytes(), signature.as_bytes()).map_err(|_| {
        invalid("The request signature we calculated does not match the signature you provided.")
    })?;
    if token == Some(EXPIRED_TOKEN) {
        let message = "The security token included in the request is expired";
        return Err(Refusal::new("ExpiredTokenException", message));
    }
    Ok(())
}
