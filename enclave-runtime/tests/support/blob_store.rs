use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::stream;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::header::CONTENT_LENGTH;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::UnixListener;

/// The host's blob service (docs/spec/blobs.md), in memory, for a test to look at and to spoil.
#[derive(Clone, Default)]
pub(crate) struct BlobStore {
    blobs: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    ills: Arc<Mutex<BTreeMap<String, Ill>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

/// What a host does instead of sending a blob.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ill {
    /// It never ends.
    Endless,
    /// It answers with an error.
    Error,
    /// It says how much is to come, and breaks off.
    Short,
    /// It begins, and sends nothing.
    Silent,
}

impl BlobStore {
    /// Serves on a Unix socket until the test's runtime ends.
    pub(crate) fn serve(&self, socket: &Path) {
        let listener = UnixListener::bind(socket).unwrap();
        let store = self.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let store = store.clone();
                let service = service_fn(move |request| {
                    let store = store.clone();
                    async move { Ok::<_, Infallible>(store.answer(request).await) }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.blobs.lock().unwrap().keys().cloned().collect()
    }

    pub(crate) fn get(&self, name: &str) -> Option<Vec<u8>> {
        self.blobs.lock().unwrap().get(name).cloned()
    }

    pub(crate) fn put(&self, name: &str, blob: Vec<u8>) {
        self.blobs.lock().unwrap().insert(name.to_owned(), blob);
    }

    /// From now on the blob is not sent, but this happens; or it is sent again.
    pub(crate) fn fall_ill(&self, name: &str, ill: Option<Ill>) {
        let mut ills = self.ills.lock().unwrap();
        match ill {
            Some(ill) => ills.insert(name.to_owned(), ill),
            None => ills.remove(name),
        };
    }

    /// Waits until somebody has asked for the blob.
    pub(crate) async fn was_asked_for(&self, name: &str) {
        for _ in 0..1200 {
            if self.asked.lock().unwrap().iter().any(|asked| asked == name) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("nobody asks for {name}");
    }

    pub(crate) fn delete(&self, name: &str) {
        self.blobs.lock().unwrap().remove(name);
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<BoxBody<Bytes, Infallible>> {
        let name = request.uri().path().trim_start_matches("/blobs/").to_owned();
        if request.method() == Method::GET {
            self.asked.lock().unwrap().push(name.clone());
        }
        let ill = self.ills.lock().unwrap().get(&name).copied();
        if let (&Method::GET, Some(ill)) = (request.method(), ill) {
            return ill.answer();
        }
        let (status, body) = match *request.method() {
            Method::GET => match self.get(&name) {
                Some(blob) => (StatusCode::OK, blob),
                None => (StatusCode::NOT_FOUND, Vec::new()),
            },
            // A body that breaks off is no blob.
            Method::PUT => match request.into_body().collect().await {
                Ok(body) => {
                    self.put(&name, body.to_bytes().to_vec());
                    (StatusCode::NO_CONTENT, Vec::new())
                }
                Err(_) => (StatusCode::BAD_REQUEST, Vec::new()),
            },
            _ => (StatusCode::METHOD_NOT_ALLOWED, Vec::new()),
        };
        let mut response = Response::new(Full::from(body).boxed());
        *response.status_mut() = status;
        response
    }
}

impl Ill {
    fn answer(self) -> Response<BoxBody<Bytes, Infallible>> {
        let part = || Ok(Frame::data(Bytes::from_static(&[7; 1 << 16])));
        let mut response = Response::new(match self {
            Self::Endless => StreamBody::new(stream::repeat_with(part)).boxed(),
            Self::Silent => StreamBody::new(stream::pending()).boxed(),
            Self::Error | Self::Short => StreamBody::new(stream::once(async move { part() })).boxed(),
        });
        match self {
            Self::Error => *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR,
            Self::Short => drop(response.headers_mut().insert(CONTENT_LENGTH, (1 << 17).into())),
            Self::Endless | Self::Silent => {}
        }
        response
    }
}
