//! What the operator can ask the runtime: `/metrics`, `/healthz`, `/readyz`, on a listener of its own.
//!
//! It is HTTP/1.1 for whoever can reach the port, so everything is bounded: connections, the
//! request's head, the time, and how often a check costs anything. No answer depends on anybody's
//! data (`docs/security/operator.md`).

mod readiness;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::error::StartError;
use crate::metrics;
use crate::net::{Address, Listening, Stream};
use crate::runtime::Runtime;
use readiness::Readiness;

/// Connections at a time; more wait to be accepted.
const CONNECTIONS: usize = 8;

/// Bytes of a request's head.
const MAX_HEAD: usize = 8 * 1024;

/// Header fields of a request.
const MAX_HEADERS: usize = 32;

/// How long a request's head may take.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a connection may take from its beginning to its end.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(15);

/// How long to wait when the process can have no more descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Where the operator asks.
pub(crate) struct Operator {
    socket: Listening,
    questions: Arc<Questions>,
    connections: Arc<Semaphore>,
}

/// What can be asked.
struct Questions {
    runtime: Arc<Runtime>,
    readiness: Readiness,
}

impl Operator {
    /// Listens on an address; port 0 takes any that is free.
    pub(crate) async fn bind(address: &Address, runtime: Arc<Runtime>) -> Result<Self, StartError> {
        let socket = Listening::on(address)
            .await
            .map_err(|error| StartError::new(format!("cannot listen on {address}: {error}")))?;
        let questions = Arc::new(Questions { runtime, readiness: Readiness::default() });
        Ok(Self { socket, questions, connections: Arc::new(Semaphore::new(CONNECTIONS)) })
    }

    /// The port that was taken.
    pub(crate) fn port(&self) -> Option<u32> {
        self.socket.port()
    }

    /// Answers for ever.
    pub(crate) async fn run(self) {
        loop {
            // Nobody closes the semaphore.
            let Ok(permit) = Arc::clone(&self.connections).acquire_owned().await else { return };
            match self.socket.accept().await {
                Ok(stream) => {
                    let questions = Arc::clone(&self.questions);
                    tokio::spawn(async move {
                        let _permit = permit;
                        let _ = timeout(CONNECTION_TIMEOUT, serve(stream, &questions)).await;
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection of the operator was not accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

async fn serve(stream: Stream, questions: &Questions) {
    let service = service_fn(|request: Request<Incoming>| async move {
        Ok::<_, Infallible>(questions.answer(request.method(), request.uri().path()).await)
    });
    let connection = http1::Builder::new()
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD)
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    // Whoever breaks off has nothing to be told.
    let _ = connection.await;
}

type Answer = Response<Full<Bytes>>;

impl Questions {
    async fn answer(&self, method: &Method, path: &str) -> Answer {
        let known = matches!(path, "/healthz" | "/metrics" | "/readyz");
        match (method, path) {
            (&Method::GET, "/healthz") => json_answer(StatusCode::OK, json!({"status": "ok", "checks": {}})),
            (&Method::GET, "/metrics") => {
                let text = self.runtime.metrics.exposition(&self.runtime);
                answer(StatusCode::OK, metrics::MEDIA_TYPE, text)
            }
            (&Method::GET, "/readyz") => {
                let report = self.readiness.report(&self.runtime).await;
                let status = if report.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
                json_answer(status, report.to_json())
            }
            _ if known => {
                let mut refusal =
                    refusal(StatusCode::METHOD_NOT_ALLOWED, "ProtocolError", "only GET is answered");
                refusal.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET"));
                refusal
            }
            _ => {
                let message = "there is nothing but /healthz, /metrics and /readyz";
                refusal(StatusCode::NOT_FOUND, "NotFound", message)
            }
        }
    }
}

fn refusal(status: StatusCode, code: &str, message: &str) -> Answer {
    json_answer(status, json!({"code": code, "message": message}))
}

fn json_answer(status: StatusCode, body: serde_json::Value) -> Answer {
    answer(status, "application/json", body.to_string())
}

fn answer(status: StatusCode, media_type: &'static str, body: String) -> Answer {
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}
