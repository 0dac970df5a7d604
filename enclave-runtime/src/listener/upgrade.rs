//! The HTTP request that becomes a session: `GET /v2/session?nonce=..&suites=..`, subprotocol
//! `cape.v2` (`docs/spec/session.md`, handshake). Everything else is answered and closed.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cape_core::session::{Query, SUBPROTOCOL, ServerHandshake, Suite};
use getrandom::SysRng;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use rand_core::UnwrapErr;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::refusal::{Answer, NoRoom, Refusal};
use crate::lingering::Lingering;
use crate::metrics::HandshakeInFlight;
use crate::rate::Rate;

const PATH: &str = "/v2/session";

/// Bytes of the request's head.
const MAX_HEAD: usize = 16 * 1024;

/// Header fields of the request.
const MAX_HEADERS: usize = 64;

/// How long the request's head may take.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);

/// Whether a connection may become a session.
pub(super) enum Admission {
    /// Yes, unless too many come at once.
    Within(Arc<Rate>),
    /// No, whatever it asks for.
    Refused(NoRoom),
}

/// A connection whose client waits for the first message of the session.
pub(super) struct Upgraded {
    pub(super) stream: Lingering,
    /// What came behind the request.
    pub(super) read: Vec<u8>,
    pub(super) handshake: ServerHandshake,
}

/// Serves one request; `None` unless it becomes a session.
pub(super) async fn serve(
    stream: Lingering,
    admission: Admission,
    metrics: &HandshakeInFlight,
) -> Option<Upgraded> {
    let accepted = Mutex::new(None);
    let service = service_fn(|request| {
        let response = match accept(request, &admission) {
            Ok((session, response)) => {
                *accepted.lock().unwrap_or_else(PoisonError::into_inner) = Some(session);
                response
            }
            Err(refusal) => {
                metrics.ended(refusal.end());
                refusal.into_response()
            }
        };
        async { Ok::<_, std::convert::Infallible>(response) }
    });
    let connection = http1::Builder::new()
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD)
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    // A client that breaks off has nothing to be told.
    connection.await.ok()?;
    let session = accepted.into_inner().unwrap_or_else(PoisonError::into_inner);
    let (upgrade, handshake) = session?;
    let parts = upgrade.await.ok()?.downcast::<TokioIo<Lingering>>().ok()?;
    Some(Upgraded { stream: parts.io.into_inner(), read: parts.read_buf.to_vec(), handshake })
}

fn accept(
    mut request: Request<Incoming>,
    admission: &Admission,
) -> Result<((OnUpgrade, ServerHandshake), Answer), Refusal> {
    if request.uri().path() != PATH {
        return Err(Refusal::not_found(format!("there is nothing but {PATH}")));
    }
    let key = websocket_key(request.method(), request.headers())?;
    let query = Query::parse(request.uri().query().unwrap_or(""))
        .map_err(|error| Refusal::bad_request(error.to_string()))?;
    match admission {
        Admission::Within(rate) if rate.take() => {}
        Admission::Within(_) => return Err(Refusal::too_many()),
        Admission::Refused(why) => return Err(why.refusal()),
    }
    let handshake = ServerHandshake::new(&query, &Suite::ALL, &mut UnwrapErr(SysRng))
        .map_err(|error| Refusal::bad_request(error.to_string()))?;
    let upgrade = hyper::upgrade::on(&mut request);
    Ok(((upgrade, handshake), switching_protocols(&key)?))
}

/// Checks that the request is an upgrade to our subprotocol of WebSocket (RFC 6455, section 4.2.1);
/// returns its key.
fn websocket_key(method: &Method, headers: &HeaderMap) -> Result<Vec<u8>, Refusal> {
    let has = |name: HeaderName, token: &str| tokens(headers, name).any(|it| it.eq_ignore_ascii_case(token));
    if method != Method::GET || !has(header::CONNECTION, "upgrade") || !has(header::UPGRADE, "websocket") {
        return Err(Refusal::bad_request("not an upgrade to WebSocket"));
    }
    if !has(header::SEC_WEBSOCKET_VERSION, "13") {
        return Err(Refusal::bad_request("not version 13 of WebSocket"));
    }
    if !tokens(headers, header::SEC_WEBSOCKET_PROTOCOL).any(|protocol| protocol == SUBPROTOCOL) {
        return Err(Refusal::bad_request(format!("the subprotocol {SUBPROTOCOL} is missing")));
    }
    match headers.get_all(header::SEC_WEBSOCKET_KEY).iter().collect::<Vec<_>>()[..] {
        [key] if key.len() == 24 => Ok(key.as_bytes().to_vec()),
        _ => Err(Refusal::bad_request("not one key of WebSocket")),
    }
}

/// The elements of a header field that is a list, over all its lines.
fn tokens(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}

fn switching_protocols(key: &[u8]) -> Result<Answer, Refusal> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let accept = HeaderValue::try_from(derive_accept_key(key))
        .map_err(|_| Refusal::bad_request("not a key of WebSocket"))?;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
    Ok(response)
}
