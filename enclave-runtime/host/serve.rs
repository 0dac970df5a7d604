use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use crate::control;
use crate::enclaves::Enclaves;
use crate::guests::{Guests, Services};
use crate::listener::Listener;
use crate::metrics::{Metrics, Outcome, PipeName};
use crate::operator;
use crate::pipe::{Enclave, Pipe};
use crate::room::Room;

/// Connections at a time to the operator's port of one enclave, which answers eight.
const OPERATOR_CONNECTIONS: usize = 16;
const OPERATOR_IDLE: Duration = Duration::from_secs(30);

/// What the data path is started with.
pub(crate) struct Configuration {
    /// How many enclaves there are.
    pub(crate) enclaves: usize,
    /// Where clients come.
    pub(crate) sessions: SocketAddr,
    /// Where the operator asks the first enclave; the others are on the ports that follow.
    pub(crate) enclave_operate: SocketAddr,
    /// Where the operator asks the data path itself.
    pub(crate) operate: SocketAddr,
    /// How enclaves reach the host, where they are not processes of it, and for what.
    pub(crate) guests: Option<(Guests, Services)>,
    /// Connections of clients at a time.
    pub(crate) connections: usize,
    /// How long one of them may be silent.
    pub(crate) idle: Duration,
}

/// Serves until standard input ends or SIGTERM comes.
pub(crate) async fn serve(configuration: Configuration) -> Result<(), String> {
    let mut terminated =
        signal(SignalKind::terminate()).map_err(|error| format!("no signal handler: {error}"))?;
    allow_descriptors();
    let Configuration { connections, idle, .. } = configuration;
    let enclaves = Arc::new(Enclaves::new(configuration.enclaves));
    let metrics = Arc::new(Metrics::new(Arc::clone(&enclaves), connections));
    let sessions = bind(configuration.sessions).await?;
    let operate = bind(configuration.operate).await?;
    let mut enclave_ports = Vec::new();
    let mut operators = Vec::new();
    for number in 0..configuration.enclaves {
        let first = configuration.enclave_operate;
        let address = follow(first, number)
            .ok_or_else(|| format!("--enclave-operate {first} leaves no port for enclave {number}"))?;
        let listener = bind(address).await?;
        enclave_ports.push(listener.port());
        operators.push(listener);
    }
    if let Some((guests, services)) = &configuration.guests {
        let served = guests.serve(configuration.enclaves, services, &metrics);
        served.map_err(|error| format!("enclaves cannot be listened to: {error}"))?;
    }
    println!(
        "{}",
        json!({
            "ready": true,
            "sessions": sessions.port(),
            "operate": operate.port(),
            "enclaves": enclave_ports,
        })
    );
    tokio::spawn(operator::run(operate, Arc::clone(&metrics)));
    let pipe = Pipe::new(PipeName::Operate, OPERATOR_CONNECTIONS, OPERATOR_IDLE, Arc::clone(&metrics));
    for (number, listener) in operators.into_iter().enumerate() {
        tokio::spawn(lead_operator(
            listener,
            pipe.another(OPERATOR_CONNECTIONS),
            Arc::clone(&enclaves),
            number,
        ));
    }
    let pipe = Pipe::new(PipeName::Sessions, connections, idle, metrics);
    tokio::spawn(lead_clients(sessions, pipe, Arc::clone(&enclaves)));
    tokio::select! {
        ended = control::follow(tokio::io::stdin(), &enclaves) => ended,
        _ = terminated.recv() => Ok(()),
    }
}

async fn lead_clients(listener: Listener, pipe: Pipe, enclaves: Arc<Enclaves>) {
    loop {
        let (client, _) = listener.accept().await;
        let enclaves = Arc::clone(&enclaves);
        pipe.accepted(client, Enclave::Connected, async move { enclaves.session().await });
    }
}

async fn lead_operator(listener: Listener, pipe: Pipe, enclaves: Arc<Enclaves>, number: usize) {
    let mut room = Room::of(OPERATOR_CONNECTIONS);
    loop {
        let (operator, _) = listener.accept().await;
        let enclaves = Arc::clone(&enclaves);
        let connect = async move { Ok((enclaves.operate(number).await?, ())) };
        if room.make().await {
            pipe.ended(Outcome::Idle);
        }
        if let Some(connection) = pipe.accepted(operator, Enclave::Connected, connect) {
            room.enter(connection);
        }
    }
}

async fn bind(address: SocketAddr) -> Result<Listener, String> {
    Listener::tcp(address).await.map_err(|error| format!("cannot listen on {address}: {error}"))
}

/// The address so many ports above, if there are so many; port 0 stays any that is free.
fn follow(mut address: SocketAddr, ports: usize) -> Option<SocketAddr> {
    if address.port() != 0 {
        address.set_port(address.port().checked_add(ports.try_into().ok()?)?);
    }
    Some(address)
}

/// A session takes two descriptors, and what processes are given to begin with (often 1,024) is for
/// programs that use select(2).
fn allow_descriptors() {
    let maximum = getrlimit(Resource::Nofile).maximum;
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        tracing::warn!(%error, "the limit of descriptors was not raised");
    }
}
