use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::Path;
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::UnixListener;

/// The host's blob service (docs/spec/blobs.md), in memory, for a test to look at and to spoil.
#[derive(Clone, Default)]
pub(crate) struct BlobStore(Arc<Mutex<BTreeMap<String, Vec<u8>>>>);

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
        self.0.lock().unwrap().keys().cloned().collect()
    }

    pub(crate) fn get(&self, name: &str) -> Option<Vec<u8>> {
        self.0.lock().unwrap().get(name).cloned()
    }

    pub(crate) fn put(&self, name: &str, blob: Vec<u8>) {
        self.0.lock().unwrap().insert(name.to_owned(), blob);
    }

    pub(crate) fn delete(&self, name: &str) {
        self.0.lock().unwrap().remove(name);
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let name = request.uri().path().trim_start_matches("/blobs/").to_owned();
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
        let mut response = Response::new(Full::from(body));
        *response.status_mut() = status;
        response
    }
}
