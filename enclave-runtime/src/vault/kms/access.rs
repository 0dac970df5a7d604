use std::fmt;

use base64_simd::STANDARD;
use rustls::pki_types::DnsName;
use serde::{Deserialize, Deserializer, de};
use zeroize::Zeroizing;

/// The bytes of a `CiphertextBlob`, at most.
const MAX_WRAPPED: usize = 6144;
/// The characters of a credential, at most. Session tokens have grown over the years.
const MAX_CREDENTIAL: usize = 8192;

/// How KMS is asked, as the host says: the host can keep the enclave from its secret, and not more.
///
/// The endpoint is one of AWS's own names: who could name another one could answer as KMS does under a certificate that
/// anybody gets, and have a vault made of a secret that it chose.
#[derive(Deserialize)]
#[serde(try_from = "Unchecked")]
pub(crate) struct Access {
    /// Of the key and of the endpoint.
    pub(super) region: String,
    /// The name that KMS's certificate is for.
    pub(super) endpoint: DnsName<'static>,
    /// The key's ARN.
    pub(super) key_id: String,
    /// The vault's secret as KMS wrapped it; none before there is one.
    pub(super) wrapped: Option<Vec<u8>>,
    pub(super) credentials: Credentials,
}

/// Who asks.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Credentials {
    #[serde(deserialize_with = "credential")]
    pub(super) access_key_id: Zeroizing<String>,
    #[serde(deserialize_with = "credential")]
    pub(super) secret_access_key: Zeroizing<String>,
    /// Of temporary credentials, as those of an instance's role.
    #[serde(default, deserialize_with = "optional_credential")]
    pub(super) session_token: Option<Zeroizing<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    region: String,
    endpoint: String,
    key_id: String,
    wrapped: Option<String>,
    credentials: Credentials,
}

/// What is wrong with what the host says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum AccessError {
    /// No name of a region.
    Region,
    /// Not the ARN of a key in the region.
    KeyId,
    /// Not one of the names that KMS has in the region.
    Endpoint,
    /// Not base64 of what KMS can have wrapped.
    Wrapped,
}

impl Access {
    /// The key's ARN.
    pub(crate) fn key_id(&self) -> &str {
        &self.key_id
    }
}

impl TryFrom<Unchecked> for Access {
    type Error = AccessError;

    fn try_from(unchecked: Unchecked) -> Result<Self, AccessError> {
        let Unchecked { region, endpoint, key_id, wrapped, credentials } = unchecked;
        if !is_region(&region) {
            return Err(AccessError::Region);
        }
        if !is_key_in(&region, &key_id) {
            return Err(AccessError::KeyId);
        }
        let endpoint = Some(endpoint)
            .filter(|name| is_endpoint_in(&region, name))
            .and_then(|name| DnsName::try_from(name).ok())
            .ok_or(AccessError::Endpoint)?;
        let wrapped = wrapped.map(|text| read_wrapped(&text)).transpose()?;
        Ok(Self { region, endpoint, key_id, wrapped, credentials })
    }
}

/// Words and a number, as `eu-west-1`. Nothing else is one: to call `s3` or `s3-eu-west-1` a region would make of
/// `kms.s3.amazonaws.com` an endpoint, which is whose bucket has that name.
fn is_region(text: &str) -> bool {
    let mut parts = text.rsplit('-');
    let is_number =
        |part: &str| (1..=2).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    let is_word = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
    text.len() <= 63
        && parts.next().is_some_and(is_number)
        && parts.clone().count() >= 2
        && parts.all(is_word)
}

/// `arn:PARTITION:kms:REGION:ACCOUNT:key/ID`. An alias is none: it could come to stand for another key.
fn is_key_in(region: &str, arn: &str) -> bool {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", partition, "kms", of_region, account, resource] = parts[..] else { return false };
    let id = resource.strip_prefix("key/").unwrap_or_default();
    of_region == region
        && is_label(partition)
        && account.len() == 12
        && account.bytes().all(|byte| byte.is_ascii_digit())
        && is_label(id)
}

/// KMS's public endpoints, and those of a VPC, whose names nobody else gets (the service's name stands in them).
fn is_endpoint_in(region: &str, name: &str) -> bool {
    const SUFFIXES: [&str; 2] = ["amazonaws.com", "amazonaws.com.cn"];
    let public = ["kms", "kms-fips"].iter().any(|service| {
        name == format!("{service}.{region}.api.aws")
            || SUFFIXES.iter().any(|suffix| name == format!("{service}.{region}.{suffix}"))
    });
    let of_a_vpc = SUFFIXES.iter().any(|suffix| {
        let endpoint = name.strip_suffix(&format!(".kms.{region}.vpce.{suffix}"));
        endpoint.is_some_and(|id| id.starts_with("vpce-") && is_label(id))
    });
    public || of_a_vpc
}

/// Lower-case letters, digits and hyphens, as in names of partitions and keys.
fn is_label(text: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&text.len()) && text.bytes().all(known)
}

fn read_wrapped(text: &str) -> Result<Vec<u8>, AccessError> {
    if text.len() > MAX_WRAPPED.div_ceil(3) * 4 {
        return Err(AccessError::Wrapped);
    }
    let wrapped = STANDARD.decode_to_vec(text).map_err(|_| AccessError::Wrapped)?;
    if (1..=MAX_WRAPPED).contains(&wrapped.len()) { Ok(wrapped) } else { Err(AccessError::Wrapped) }
}

fn credential<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Zeroizing<String>, D::Error> {
    checked(String::deserialize(deserializer)?)
}

fn optional_credential<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Zeroizing<String>>, D::Error> {
    Option::<String>::deserialize(deserializer)?.map(checked).transpose()
}

/// What can stand in a header: nothing else is a credential. The error does not show it.
fn checked<E: de::Error>(text: String) -> Result<Zeroizing<String>, E> {
    let text = Zeroizing::new(text);
    let printed = text.bytes().all(|byte| byte.is_ascii_graphic());
    if printed && (1..=MAX_CREDENTIAL).contains(&text.len()) {
        return Ok(text);
    }
    Err(E::custom("a credential is empty, too long, or has characters that none has"))
}

impl fmt::Display for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Region => "region is not the name of a region",
            Self::KeyId => "key_id is not the ARN of a key in that region",
            Self::Endpoint => "endpoint is not one of the names that KMS has in that region",
            Self::Wrapped => "wrapped is not what KMS wrapped, in base64",
        })
    }
}

impl std::error::Error for AccessError {}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// What an access says, all of it, as vectors of lines write it.
    pub(crate) fn said(access: &Access) -> Value {
        let Access { region, endpoint, key_id, wrapped, credentials } = access;
        let Credentials { access_key_id, secret_access_key, session_token } = credentials;
        json!({
            "region": region,
            "endpoint": endpoint.as_ref(),
            "key_id": key_id,
            "credentials": {
                "access_key_id": access_key_id.as_str(),
                "secret_access_key": secret_access_key.as_str(),
                "session_token": session_token.as_ref().map(|token| token.as_str()),
            },
            "wrapped": wrapped.as_ref().map(|wrapped| STANDARD.encode_to_string(wrapped)),
        })
    }

    /// The access that the fields of `changes` make of an ordinary one.
    pub(crate) fn access(changes: Value) -> Result<Access, String> {
        let mut all = json!({
            "region": "eu-west-1",
            "endpoint": "kms.eu-west-1.amazonaws.com",
            "key_id": "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
            "wrapped": "AQID",
            "credentials": {"access_key_id": "AKIDEXAMPLE", "secret_access_key": "very/secret+key"},
        });
        for (name, value) in changes.as_object().unwrap() {
            all[name] = value.clone();
        }
        serde_json::from_value(all).map_err(|error| error.to_string())
    }

    #[test]
    fn names_are_those_that_kms_has() {
        for endpoint in [
            "kms.eu-west-1.amazonaws.com",
            "kms-fips.eu-west-1.amazonaws.com",
            "kms.eu-west-1.api.aws",
            "kms.eu-west-1.amazonaws.com.cn",
            "vpce-0123456789abcdef0-abcdefgh.kms.eu-west-1.vpce.amazonaws.com",
        ] {
            assert!(access(json!({"endpoint": endpoint})).is_ok(), "{endpoint}");
        }
        for endpoint in [
            "",
            "kms.example.com",
            "kms.eu-west-2.amazonaws.com",
            "kms.eu-west-1.amazonaws.com.example.com",
            "kms.eu-west-1.amazonaws.com.",
            "evilkms.eu-west-1.amazonaws.com",
            "s3.eu-west-1.amazonaws.com",
            "a.b.kms.eu-west-1.vpce.amazonaws.com",
            "vpce-1.vpce-svc-2.eu-west-1.vpce.amazonaws.com",
            "vpce-1.kms.eu-west-2.vpce.amazonaws.com",
        ] {
            let error = access(json!({"endpoint": endpoint})).err().unwrap();
            assert_eq!(error, AccessError::Endpoint.to_string(), "{endpoint}");
        }
    }

    #[test]
    fn a_region_is_no_service_whose_customers_name_hosts() {
        let in_region = |region: &str| {
            access(json!({
                "region": region,
                "endpoint": format!("kms.{region}.amazonaws.com"),
                "key_id": format!("arn:aws:kms:{region}:111122223333:key/1"),
            }))
        };
        for region in ["eu-west-1", "us-gov-east-1", "ap-southeast-12", "us-isob-east-1", "eusc-de-east-1"] {
            assert!(in_region(region).is_ok(), "{region}");
        }
        for region in [
            "",
            "s3",
            "s3-eu-west-1",
            "s3-external-1",
            "execute-api",
            "eu-west",
            "west-1",
            "eu--1",
            "eu-west-1-",
            "eu-west-100",
            "Eu-west-1",
            "eu-west-1.s3",
        ] {
            assert_eq!(in_region(region).err().unwrap(), AccessError::Region.to_string(), "{region}");
        }
    }

    #[test]
    fn keys_are_named_by_the_arn_of_a_key_in_the_region() {
        for key in [
            "arn:aws:kms:eu-west-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab",
            "arn:aws-cn:kms:eu-west-1:111122223333:key/1",
        ] {
            assert!(access(json!({"key_id": key})).is_ok(), "{key}");
        }
        for key in [
            "1234abcd-12ab-34cd-56ef-1234567890ab",
            "alias/vault",
            "arn:aws:kms:eu-west-1:111122223333:alias/vault",
            "arn:aws:kms:eu-west-2:111122223333:key/1",
            "arn:aws:kms:eu-west-1:11112222333:key/1",
            "arn:aws:kms:eu-west-1:111122223333:key/",
            "arn:aws:kms:eu-west-1:111122223333:key/1:2",
            "arn:aws:iam:eu-west-1:111122223333:key/1",
        ] {
            assert_eq!(
                access(json!({"key_id": key})).err().unwrap(),
                AccessError::KeyId.to_string(),
                "{key}"
            );
        }
    }

    #[test]
    fn what_is_wrapped_is_bounded_and_what_is_unknown_refused() {
        assert_eq!(access(json!({})).unwrap().wrapped.unwrap(), [1, 2, 3]);
        assert_eq!(access(json!({"wrapped": null})).unwrap().wrapped, None);
        let largest = STANDARD.encode_to_string(vec![0; MAX_WRAPPED]);
        assert_eq!(access(json!({"wrapped": largest})).unwrap().wrapped.unwrap().len(), MAX_WRAPPED);
        for wrapped in
            [String::new(), "AQI".into(), "AQ=D".into(), STANDARD.encode_to_string([0; MAX_WRAPPED + 1])]
        {
            assert!(access(json!({"wrapped": wrapped})).is_err(), "{}", wrapped.len());
        }
        assert!(access(json!({"insecure": true})).is_err());
        assert_eq!(access(json!({"region": "Eu"})).err().unwrap(), AccessError::Region.to_string());
    }

    #[test]
    fn a_session_token_is_of_temporary_credentials_only() {
        for (token, has_one) in [(Value::Null, false), ("token".into(), true)] {
            let given = json!({"access_key_id": "AKID", "secret_access_key": "s", "session_token": token});
            let read = access(json!({"credentials": given})).unwrap();
            assert_eq!(read.credentials.session_token.is_some(), has_one);
        }
    }

    #[test]
    fn errors_show_no_credential() {
        for secret in ["", "very secret", "very\r\nsecret: 1", "sécret", &"s".repeat(MAX_CREDENTIAL + 1)] {
            let given = json!({"credentials": {"access_key_id": "AKID", "secret_access_key": secret}});
            let error = access(given).err().unwrap();
            assert!(!error.contains("cret"), "{error}");
        }
        let given = json!({"credentials": {"access_key_id": "AKID", "secret_access_key": 42}});
        assert!(access(given).is_err());
    }
}
