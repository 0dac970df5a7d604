use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cape_core::UnixTime;
use cape_core::attest::TrustRoots;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, LOCATION};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;

use crate::Manner;
use crate::authority::{Authority, Root};
use crate::operation::{Refusal, State};
use crate::signature;

/// The region that the server is of.
pub const REGION: &str = "eu-west-1";
/// The name that its certificate is for.
pub const ENDPOINT: &str = "kms.eu-west-1.amazonaws.com";
/// The key that it has.
pub const KEY_ARN: &str = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
/// Another one.
pub const OTHER_KEY_ARN: &str = "arn:aws:kms:eu-west-1:111122223333:key/5678abcd-12ab-34cd-56ef-1234567890ab";

/// The time between two bytes of a slow answer.
const PAUSE: Duration = Duration::from_secs(4);

/// The bytes of a request's body, at most.
const MAX_BODY: usize = 64 << 10;

/// A server on a port of this machine; it ends when it is dropped.
pub struct Kms {
    port: u16,
    server: Arc<Server>,
    task: JoinHandle<()>,
}

struct Server {
    authority: Authority,
    state: Mutex<State>,
}

impl Kms {
    /// Starts a server in the surrounding runtime of tokio. It trusts no document and allows nothing yet.
    ///
    /// # Errors
    ///
    /// When there is no port for it.
    pub async fn start() -> io::Result<Self> {
        Self::start_below(Root::generate()).await
    }

    /// Starts a server whose certificate is of this authority.
    ///
    /// # Errors
    ///
    /// When there is no port for it.
    pub async fn start_below(root: Root) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let server =
            Arc::new(Server { authority: Authority::new(root, ENDPOINT), state: Mutex::new(State::new()) });
        let task = tokio::spawn(accept(listener, Arc::clone(&server)));
        Ok(Self { port, server, task })
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The root of its certificate, as PEM.
    pub fn root(&self) -> &str {
        &self.server.authority.root
    }

    /// Believes documents below these roots, which are no other's.
    ///
    /// # Panics
    ///
    /// When a root is none.
    pub fn trust(&self, roots: Vec<Vec<u8>>) {
        self.server.state().roots = Some(TrustRoots::development(roots).expect("a root"));
    }

    /// Has every document that it refuses signed by this, and judges what comes of it, as strictly. For enclaves whose
    /// security module signs nothing.
    pub fn insecure_sign_refused_documents(&self, sign: impl Fn(&[u8]) -> Vec<u8> + Send + 'static) {
        self.server.state().insecure_signer = Some(Box::new(sign));
    }

    /// Replaces the policy of its keys.
    pub fn set_policy(&self, policy: Value) {
        self.server.state().policy = policy;
    }

    /// Wraps a text of somebody's who may have anything wrapped, under a key of the server's.
    ///
    /// # Panics
    ///
    /// When there is no such key.
    pub fn encrypt(&self, key: &str, plaintext: &[u8], context: &[(&str, &str)]) -> Vec<u8> {
        let context = context.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.server.state().encrypt(key, plaintext, &context).expect("a key")
    }

    /// Behaves so from now on.
    pub fn behave(&self, manner: Manner) {
        let mut state = self.server.state();
        state.manner = manner;
        state.requests = 0;
    }

    /// How many requests there were since it was told how to behave.
    pub fn requests(&self) -> u64 {
        self.server.state().requests
    }
}

impl Drop for Kms {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, server: Arc<Server>) {
    while let Ok((stream, _)) = listener.accept().await {
        let server = Arc::clone(&server);
        tokio::spawn(async move {
            // The client learns of what goes wrong; nobody waits for it here.
            let _ = server.serve(stream).await;
        });
    }
}

impl Server {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn serve(&self, stream: TcpStream) -> io::Result<()> {
        let manner = self.state().manner;
        let acceptor = TlsAcceptor::from(self.authority.server(manner));
        let mut stream = acceptor.accept(stream).await?;
        if [Manner::Cut, Manner::Slow].contains(&manner) {
            self.state().requests += 1;
            return begin_an_answer(&mut stream, manner == Manner::Slow).await;
        }
        let answer = service_fn(|request| self.answer(request, manner));
        http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await.map_err(io::Error::other)
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        manner: Manner,
    ) -> hyper::Result<Response<Full<Bytes>>> {
        self.state().requests += 1;
        match manner {
            Manner::Silent => std::future::pending().await,
            Manner::BadGateway => return Ok(response(502, "text/html", "<h1>Bad Gateway</h1>".into())),
            Manner::Oversized => return Ok(response(200, "application/json", vec![b' '; 1 << 20])),
            Manner::Redirect => {
                let mut elsewhere = response(307, "text/plain", Vec::new());
                elsewhere
                    .headers_mut()
                    .insert(LOCATION, "https://kms.example.com/".parse().expect("a header"));
                return Ok(elsewhere);
            }
            _ => {}
        }
        let (status, body) = match self.judge(request).await {
            Ok(answer) => (200, answer),
            Err(Refusal { status, kind, message }) => (status, json!({"__type": kind, "message": message})),
        };
        Ok(response(status, "application/x-amz-json-1.1", body.to_string().into_bytes()))
    }

    async fn judge(&self, request: Request<Incoming>) -> Result<Value, Refusal> {
        let invalid = |reason: &str| Refusal::new("ValidationException", reason);
        let (head, body) = request.into_parts();
        if head.method != Method::POST || head.uri.path() != "/" || head.uri.query().is_some() {
            return Err(invalid("POST / is all there is"));
        }
        let header =
            |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if header("content-type") != "application/x-amz-json-1.1" || header("host") != ENDPOINT {
            return Err(invalid("another content type, or another host"));
        }
        let body =
            Limited::new(body, MAX_BODY).collect().await.map_err(|error| invalid(&error.to_string()))?;
        let (body, now) = (body.to_bytes(), now());
        signature::check(&head.headers, &body, REGION, now)?;
        self.state().answer(header("x-amz-target"), &body, now)
    }
}

/// Answers with less than it says that there is, and ends, or goes on so slowly that nobody waits for it.
async fn begin_an_answer(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    goes_on: bool,
) -> io::Result<()> {
    let mut request = [0; 1024];
    stream.read_exact(&mut request).await?;
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{\"KeyId\":").await?;
    if !goes_on {
        return stream.shutdown().await;
    }
    loop {
        stream.write_all(b" ").await?;
        stream.flush().await?;
        sleep(PAUSE).await;
    }
}

fn response(status: u16, content_type: &'static str, body: Vec<u8>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = StatusCode::from_u16(status).expect("a status");
    response.headers_mut().insert(CONTENT_TYPE, content_type.parse().expect("a header"));
    response
}

pub(crate) fn now() -> UnixTime {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    UnixTime::from_millis(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
}
