//! One question to KMS: TLS through the host's pipe, HTTP/1.1, JSON 1.1.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use cape_core::UnixTime;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::client::ClientConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{self, CertificateDer, ServerName};
use rustls::time_provider::TimeProvider;
use rustls::{RootCertStore, version};
use serde::Deserialize;
use tokio_rustls::TlsConnector;

use super::access::Access;
use super::error::{KmsError, Refusal};
use super::pipe::Pipe;
use super::signature::{Scope, authorization, basic_time};
use crate::tasks::OnDrop;

/// The bytes of an answer, at most: two ciphertexts in base64 and two names.
const MAX_ANSWER: usize = 64 << 10;

/// The bytes of an answer's head, at most.
const MAX_HEAD: usize = 16 << 10;

const SERVICE: &str = "kms";
const JSON: &str = "application/x-amz-json-1.1";

/// Names of headers that AWS has.
const DATE: &str = "x-amz-date";
const SESSION_TOKEN: &str = "x-amz-security-token";
const TARGET: &str = "x-amz-target";

/// Where KMS is, and by what it is known.
pub(super) struct Endpoint<'a> {
    pub(super) access: &'a Access,
    pub(super) pipe: &'a Pipe,
    /// Whose certificates are good.
    pub(super) roots: &'a [CertificateDer<'static>],
    /// Of the security module: the host sets the kernel's clock, and so could bring back a certificate that has expired.
    pub(super) time: UnixTime,
}

/// An answer that is not the one hoped for.
#[derive(Deserialize)]
struct ErrorBody {
    #[serde(rename = "__type")]
    kind: String,
    #[serde(alias = "Message", default)]
    message: String,
}

impl Endpoint<'_> {
    /// The body of the answer to an operation.
    pub(super) async fn ask(&self, operation: &str, body: Vec<u8>) -> Result<Bytes, KmsError> {
        let stream = self.pipe.connect().await.map_err(KmsError::Pipe)?;
        let stream = self.connector()?.connect(self.name(), stream).await.map_err(not_kms)?;
        let (mut sender, connection) =
            http1::Builder::new().max_buf_size(MAX_HEAD).handshake(TokioIo::new(stream)).await?;
        let _connection = OnDrop(tokio::spawn(async move {
            // Whoever waits for the answer learns of its failure there.
            let _ = connection.await;
        }));
        let response = sender.send_request(self.request(operation, body)?).await?;
        read(response).await
    }

    fn name(&self) -> ServerName<'static> {
        ServerName::DnsName(self.access.endpoint.clone())
    }

    /// TLS 1.3 only, which all of KMS's endpoints speak. Nothing is kept for another connection.
    fn connector(&self) -> Result<TlsConnector, KmsError> {
        let mut roots = RootCertStore::empty();
        for root in self.roots {
            roots.add(root.clone()).map_err(KmsError::Tls)?;
        }
        let time = Arc::new(At(self.time));
        let mut config = ClientConfig::builder_with_details(Arc::new(default_provider()), time)
            .with_protocol_versions(&[&version::TLS13])
            .map_err(KmsError::Tls)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.resumption = rustls::client::Resumption::disabled();
        Ok(TlsConnector::from(Arc::new(config)))
    }

    fn request(&self, operation: &str, body: Vec<u8>) -> Result<Request<Full<Bytes>>, KmsError> {
        let Access { region, endpoint, credentials, .. } = self.access;
        let (time, target) = (basic_time(self.time), format!("TrentService.{operation}"));
        let mut signed =
            vec![(CONTENT_TYPE.as_str(), JSON), (HOST.as_str(), endpoint.as_ref()), (DATE, time.as_str())];
        signed.extend(credentials.session_token.as_ref().map(|token| (SESSION_TOKEN, token.as_str())));
        signed.push((TARGET, target.as_str()));
        let scope = Scope { region, service: SERVICE, time: self.time };
        let authorization = authorization(credentials, &scope, &signed, &body);
        let request = Request::builder().method(Method::POST).uri("/").header(AUTHORIZATION, authorization);
        let request = signed.into_iter().fold(request, |request, (name, value)| request.header(name, value));
        request.body(Full::from(body)).map_err(|error| KmsError::Broken(error.to_string()))
    }
}

/// What KMS says; its error, when it is one.
async fn read(response: Response<Incoming>) -> Result<Bytes, KmsError> {
    let status = response.status();
    let body = match Limited::new(response.into_body(), MAX_ANSWER).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            return Err(KmsError::TooLarge { limit: MAX_ANSWER });
        }
        Err(error) => return Err(KmsError::Broken(error.to_string())),
    };
    if status == StatusCode::OK {
        return Ok(body);
    }
    match serde_json::from_slice::<ErrorBody>(&body) {
        Ok(ErrorBody { kind, message }) => Err(KmsError::Refused(Refusal::new(&kind, &message))),
        Err(_) => Err(KmsError::Status(status)),
    }
}

/// A certificate that is refused does not become good; a connection that breaks off may.
fn not_kms(error: io::Error) -> KmsError {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(tls) => KmsError::Tls(tls.clone()),
        None => KmsError::Broken(error.to_string()),
    }
}

impl From<hyper::Error> for KmsError {
    fn from(error: hyper::Error) -> Self {
        Self::Broken(error.to_string())
    }
}

/// The time to judge certificates by.
#[derive(Debug)]
struct At(UnixTime);

impl TimeProvider for At {
    fn current_time(&self) -> Option<pki_types::UnixTime> {
        Some(pki_types::UnixTime::since_unix_epoch(Duration::from_millis(self.0.as_millis())))
    }
}
