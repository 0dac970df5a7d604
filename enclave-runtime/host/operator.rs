//! What the operator can ask the data path itself: `/metrics`, `/healthz`.

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
use tokio::time::timeout;

use crate::listener::Listener;
use crate::metrics::{MEDIA_TYPE, Metrics};
use crate::room::Room;
use crate::socket::Socket;

/// Connections at a time.
const CONNECTIONS: usize = 32;

/// Bytes of a request's head.
const MAX_HEAD: usize = 8 * 1024;

/// How long a request's head may take.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a connection may take from its beginning to its end.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(15);

/// Answers for ever.
pub(crate) async fn run(listener: Listener, metrics: Arc<Metrics>) {
    let mut room = Room::of(CONNECTIONS);
    loop {
        let (stream, _) = listener.accept().await;
        room.make().await;
        let metrics = Arc::clone(&metrics);
        room.enter(tokio::spawn(async move {
            let _ = timeout(CONNECTION_TIMEOUT, serve(stream, &metrics)).await;
        }));
    }
}

async fn serve(stream: Socket, metrics: &Metrics) {
    let service = service_fn(|request: Request<Incoming>| async move {
        Ok::<_, Infallible>(answer(request.method(), request.uri().path(), metrics))
    });
    let connection = http1::Builder::new()
        .max_buf_size(MAX_HEAD)
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream.into_stream()), service);
    // Whoever breaks off has nothing to be told.
    let _ = connection.await;
}

fn answer(method: &Method, path: &str, metrics: &Metrics) -> Response<Full<Bytes>> {
    let (status, media_type, body) = match (method, path) {
        (&Method::GET, "/healthz") => (StatusCode::OK, "application/json", r#"{"status":"ok"}"#.to_owned()),
        (&Method::GET, "/metrics") => (StatusCode::OK, MEDIA_TYPE, metrics.exposition()),
        (_, "/healthz" | "/metrics") => {
            (StatusCode::METHOD_NOT_ALLOWED, "text/plain", "only GET is answered\n".to_owned())
        }
        _ => (StatusCode::NOT_FOUND, "text/plain", "there is nothing but /healthz and /metrics\n".to_owned()),
    };
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}
