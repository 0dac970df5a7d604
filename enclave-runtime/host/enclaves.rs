use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::timeout;

use crate::address::Address;
use crate::socket::Socket;

/// How long an enclave may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(5);

/// The enclaves of this host, by their numbers from 0: where each takes bytes, if it does at present.
pub(crate) struct Enclaves(Mutex<Vec<Enclave>>);

/// Where one enclave takes bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Route {
    /// Those of sessions; `None` while there shall be no new ones.
    pub(crate) sessions: Option<Address>,
    /// Those of the operator; `None` while there is no enclave.
    pub(crate) operate: Option<Address>,
}

#[derive(Clone, Default)]
struct Enclave {
    route: Route,
    /// One for each session that it has at present, and this one.
    sessions: Arc<()>,
}

/// A session's place in the count of its enclave.
pub(crate) struct Session {
    _counted: Arc<()>,
}

impl Enclaves {
    /// So many, of which none takes any.
    pub(crate) fn new(number: usize) -> Self {
        Self(Mutex::new(vec![Enclave::default(); number]))
    }

    /// From now on an enclave takes bytes there; what is connected stays so. `false` when there is no
    /// enclave of that number.
    pub(crate) fn lead(&self, number: usize, route: Route) -> bool {
        match self.lock().get_mut(number) {
            Some(enclave) if enclave.route.operate != route.operate => {
                // Another one than before: what is left of the old one's sessions is not its.
                *enclave = Enclave { route, sessions: Arc::default() };
            }
            Some(enclave) => enclave.route = route,
            None => return false,
        }
        true
    }

    /// How many take new sessions.
    pub(crate) fn serving(&self) -> usize {
        self.lock().iter().filter(|enclave| enclave.route.sessions.is_some()).count()
    }

    /// Connects to the enclave with the fewest sessions, or where that one does not accept, to the next.
    pub(crate) async fn session(&self) -> io::Result<(Socket, Session)> {
        let mut candidates = self.by_sessions();
        let mut failure = io::Error::from(io::ErrorKind::HostUnreachable);
        candidates.reverse();
        while let Some((address, session)) = candidates.pop() {
            match connect(&address).await {
                Ok(socket) => return Ok((socket, session)),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    /// Connects to an enclave's operator port.
    pub(crate) async fn operate(&self, number: usize) -> io::Result<Socket> {
        let address = self.lock().get(number).and_then(|enclave| enclave.route.operate.clone());
        connect(&address.ok_or(io::ErrorKind::HostUnreachable)?).await
    }

    fn by_sessions(&self) -> Vec<(Address, Session)> {
        let enclaves = self.lock();
        let mut found: Vec<_> = enclaves
            .iter()
            .filter_map(|enclave| {
                Some((Arc::strong_count(&enclave.sessions), enclave.route.sessions.clone()?, enclave))
            })
            .collect();
        found.sort_by_key(|(sessions, ..)| *sessions);
        let session = |enclave: &Enclave| Session { _counted: Arc::clone(&enclave.sessions) };
        found.into_iter().map(|(_, address, enclave)| (address, session(enclave))).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Enclave>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Connects within the time for it.
pub(crate) async fn connect(address: &Address) -> io::Result<Socket> {
    timeout(CONNECT, address.connect()).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    async fn listening() -> (TcpListener, Address) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        (listener, Address::Tcp { host: "127.0.0.1".into(), port })
    }

    fn serving(address: &Address) -> Route {
        Route { sessions: Some(address.clone()), operate: Some(address.clone()) }
    }

    #[tokio::test]
    async fn sessions_go_where_the_fewest_are() {
        let ((first, first_address), (second, second_address)) = (listening().await, listening().await);
        let enclaves = Enclaves::new(3);
        assert!(enclaves.lead(0, serving(&first_address)) && enclaves.lead(2, serving(&second_address)));
        assert!(!enclaves.lead(3, serving(&first_address)));
        assert_eq!(enclaves.serving(), 2);
        let mut open = Vec::new();
        for _ in 0..6 {
            open.push(enclaves.session().await.unwrap());
        }
        for listener in [first, second] {
            for _ in 0..3 {
                listener.accept().await.unwrap();
            }
            assert!(timeout(Duration::from_millis(20), listener.accept()).await.is_err());
        }
    }

    #[tokio::test]
    async fn one_that_does_not_accept_is_passed_over_and_none_is_an_error() {
        let ((gone, gone_address), (_there, there_address)) = (listening().await, listening().await);
        drop(gone);
        let enclaves = Enclaves::new(2);
        assert!(enclaves.session().await.is_err());
        enclaves.lead(0, serving(&gone_address));
        assert!(enclaves.session().await.is_err());
        enclaves.lead(1, serving(&there_address));
        assert!(enclaves.session().await.is_ok());
        assert!(enclaves.operate(0).await.is_err() && enclaves.operate(7).await.is_err());
        assert!(enclaves.operate(1).await.is_ok());
        enclaves.lead(1, Route { sessions: None, operate: Some(there_address) });
        assert!(enclaves.session().await.is_err(), "it is drained");
        assert!(enclaves.operate(1).await.is_ok());
    }
}
