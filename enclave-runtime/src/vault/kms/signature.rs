//! AWS's Signature Version 4, of a POST to `/` without a query: all that KMS's protocol has.

use aws_lc_rs::hmac::{HMAC_SHA256, Key, Tag, sign};
use cape_core::UnixTime;
use cape_core::crypto::sha256;
use cape_core::encoding::hex;
use zeroize::Zeroizing;

use super::access::Credentials;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// What a signature is valid for.
pub(super) struct Scope<'a> {
    pub(super) region: &'a str,
    pub(super) service: &'a str,
    pub(super) time: UnixTime,
}

/// The time as requests carry it: `20150830T123600Z`.
pub(super) fn basic_time(time: UnixTime) -> String {
    time.to_string().replace(['-', ':'], "")
}

/// The value of `Authorization` for a request with these headers, which are all of the signed ones: lower-case names
/// in ascending order, and values without space around them.
pub(super) fn authorization(
    credentials: &Credentials,
    scope: &Scope<'_>,
    headers: &[(&str, &str)],
    body: &[u8],
) -> String {
    let time = basic_time(scope.time);
    let day = time.get(..8).unwrap_or_default();
    let names = headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
    let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let request = format!("POST\n/\n\n{lines}\n{names}\n{}", hex::encode(&sha256(&[body])));
    let credential_scope = format!("{day}/{}/{}/aws4_request", scope.region, scope.service);
    let request_digest = hex::encode(&sha256(&[request.as_bytes()]));
    let to_sign = format!("{ALGORITHM}\n{time}\n{credential_scope}\n{request_digest}");

    // In one allocation: a text that grows leaves copies.
    let secret = Zeroizing::new(["AWS4", credentials.secret_access_key.as_str()].concat());
    let day_key = mac(secret.as_bytes(), day);
    let region_key = mac(day_key.as_ref(), scope.region);
    let service_key = mac(region_key.as_ref(), scope.service);
    let key = mac(service_key.as_ref(), "aws4_request");
    let signature = hex::encode(mac(key.as_ref(), &to_sign).as_ref());
    let key_id = credentials.access_key_id.as_str();
    format!(
        "{ALGORITHM} Credential={key_id}/{credential_scope}, SignedHeaders={names}, Signature={signature}"
    )
}

fn mac(key: &[u8], text: &str) -> Tag {
    sign(&Key::new(HMAC_SHA256, key), text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2015-08-30T12:36:00Z
    const TIME: UnixTime = UnixTime::from_seconds(1_440_938_160);
    const DATE: (&str, &str) = ("x-amz-date", "20150830T123600Z");
    const HOST: (&str, &str) = ("host", "example.amazonaws.com");
    const SESSION_TOKEN: &str = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";

    fn signature(headers: &[(&str, &str)], body: &[u8]) -> String {
        let credentials = Credentials {
            access_key_id: Zeroizing::new("AKIDEXAMPLE".into()),
            secret_access_key: Zeroizing::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into()),
            session_token: None,
        };
        let scope = Scope { region: "us-east-1", service: "service", time: TIME };
        let value = authorization(&credentials, &scope, headers, body);
        let start =
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=";
        value.strip_prefix(start).unwrap().to_owned()
    }

    /// AWS's test suite for Signature Version 4: those of its requests that are POSTs to `/`.
    #[test]
    fn the_published_signatures() {
        for (name, headers, body, expected) in [
            (
                "post-vanilla",
                vec![HOST, DATE],
                "",
                "host;x-amz-date, Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            ),
            (
                "post-header-value-case",
                vec![HOST, ("my-header1", "VALUE1"), DATE],
                "",
                "host;my-header1;x-amz-date, Signature=cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d",
            ),
            (
                "post-sts-header-before",
                vec![HOST, DATE, ("x-amz-security-token", SESSION_TOKEN)],
                "",
                "host;x-amz-date;x-amz-security-token, Signature=85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
            ),
            (
                "post-x-www-form-urlencoded",
                vec![("content-type", "application/x-www-form-urlencoded"), HOST, DATE],
                "Param1=value1",
                "content-type;host;x-amz-date, Signature=ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
            ),
        ] {
            assert_eq!(signature(&headers, body.as_bytes()), expected, "{name}");
        }
    }

    #[test]
    fn times_are_in_the_basic_form() {
        assert_eq!(basic_time(TIME), "20150830T123600Z");
    }
}
