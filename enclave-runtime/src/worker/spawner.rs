//! The thread that starts workers.
//!
//! A worker asks the kernel to end it with its parent (prctl(2), PR_SET_PDEATHSIG), and there the
//! parent is a thread: this one, which lives as long as the runtime does. It is also the one that may
//! enter a worker's mount namespace for a moment, since it shares no working directory with others.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::{Arc, mpsc};

use rustix::process::{Signal, pidfd_send_signal};
use tokio::sync::oneshot;

use super::child::Interpreter;
use super::clone::{self, Cloned};
use super::memory_watch::MemoryWatch;
use super::orphans::Children;
use super::process::Process;
use super::users::{OwnUser, Users};
use crate::jail::{
    ControlGroup, ControlGroups, Door, Jail, Layer, LayerReport, Processors, Seen, pass_on_capabilities,
};

/// What every worker is started with.
pub(crate) struct Blueprint {
    pub(crate) interpreter: Interpreter,
    /// But for the user, which is another one each time.
    pub(crate) jail: Jail,
    /// How many processors each may keep busy, if that is limited.
    pub(crate) processors: Option<Processors>,
}

/// A folder that a worker is shown.
pub(super) struct Shown {
    /// Where it is.
    pub(super) folder: PathBuf,
    /// Where the worker sees it.
    pub(super) seen_at: PathBuf,
    /// What it can do with it.
    pub(super) seen: Seen,
}

/// Starts workers, on its own thread.
pub(crate) struct Spawner {
    requests: mpsc::Sender<Request>,
    children: Arc<Children>,
    memory_watch: Result<Arc<MemoryWatch>, String>,
}

enum Request {
    Start { control: OwnedFd, pipe: OwnedFd, reply: oneshot::Sender<io::Result<Started>> },
    Show { worker: Arc<OwnedFd>, folders: Vec<Shown>, reply: oneshot::Sender<io::Result<()>> },
}

struct Started {
    process: Cloned,
    user: Option<OwnUser>,
    group: Result<ControlGroup, String>,
}

impl Spawner {
    /// Starts the thread. The runtime's main task calls this, once.
    pub(crate) fn start(blueprint: Blueprint) -> io::Result<Self> {
        let (requests, received) = mpsc::channel::<Request>();
        let children = Children::adopt_orphans()?;
        let switched_off = || LayerReport::SWITCHED_OFF.to_owned();
        let memory_watch = match blueprint.jail.is_off(Layer::MemoryWatch) {
            true => Err(switched_off()),
            false => Ok(MemoryWatch::start()?),
        };
        let groups = match blueprint.jail.is_off(Layer::ControlGroup) {
            true => Err(switched_off()),
            false => ControlGroups::prepare(blueprint.processors),
        };
        let thread =
            Thread { blueprint, children: Arc::clone(&children), users: Users::find(), groups, door: None };
        std::thread::Builder::new().name("spawner".into()).spawn(move || thread.run(received))?;
        Ok(Self { requests, children, memory_watch })
    }

    /// Starts a process and returns it with the runtime's end of its pipe.
    pub(super) async fn spawn(&self) -> io::Result<(Process, UnixStream)> {
        let (our_control, control) = UnixStream::pair()?;
        let (our_pipe, pipe) = UnixStream::pair()?;
        let request = |reply| Request::Start { control: control.into(), pipe: pipe.into(), reply };
        let Started { process, user, group } = self.ask(request).await?;
        let (children, watch) = (Arc::clone(&self.children), self.memory_watch.clone());
        let process = Process::new(process, our_control, children, user, group, watch)?;
        Ok((process, our_pipe))
    }

    /// Lets a worker see folders in its own root.
    pub(super) async fn show(&self, worker: Arc<OwnedFd>, folders: Vec<Shown>) -> io::Result<()> {
        self.ask(|reply| Request::Show { worker, folders, reply }).await
    }

    async fn ask<T>(&self, request: impl FnOnce(oneshot::Sender<io::Result<T>>) -> Request) -> io::Result<T> {
        let gone = || io::Error::other("the spawner is gone");
        let (reply, answer) = oneshot::channel();
        self.requests.send(request(reply)).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

/// What the thread has.
struct Thread {
    blueprint: Blueprint,
    children: Arc<Children>,
    users: Users,
    groups: Result<ControlGroups, String>,
    /// Its way into workers' mount namespaces; opened when it is first needed.
    door: Option<Door>,
}

impl Thread {
    fn run(mut self, requests: mpsc::Receiver<Request>) {
        if let Err(error) = pass_on_capabilities() {
            // What workers then lack they say themselves.
            tracing::warn!(%error, "workers begin without the runtime's capabilities");
        }
        for request in requests {
            match request {
                Request::Start { control, pipe, reply } => {
                    if let Err(Ok(unwanted)) = reply.send(self.start(&control, &pipe)) {
                        // Whoever asked is gone.
                        let _ = pidfd_send_signal(&unwanted.process.handle, Signal::KILL);
                        self.children.release(unwanted.process.pid);
                    }
                }
                Request::Show { worker, folders, reply } => {
                    let _ = reply.send(self.show(&worker, &folders));
                }
            }
        }
    }

    fn start(&mut self, control: &OwnedFd, pipe: &OwnedFd) -> io::Result<Started> {
        let Blueprint { interpreter, jail, .. } = &self.blueprint;
        let user = self.users.next();
        let number = user.as_ref().map(OwnUser::number).map_err(String::clone);
        let jail = Jail { user: number, ..jail.clone() };
        let (control, pipe) = (control.as_raw_fd(), pipe.as_raw_fd());
        let arguments = [
            c"cape-enclave".to_owned(),
            c"worker".to_owned(),
            c"--python".to_owned(),
            CString::new(interpreter.python.as_os_str().as_bytes())?,
            c"--pycache".to_owned(),
            CString::new(interpreter.pycache.as_os_str().as_bytes())?,
            c"--shim".to_owned(),
            CString::new(interpreter.shim.as_os_str().as_bytes())?,
            c"--control".to_owned(),
            CString::new(control.to_string())?,
            c"--pipe".to_owned(),
            CString::new(pipe.to_string())?,
            c"--jail".to_owned(),
            CString::new(serde_json::to_string(&jail)?)?,
        ];
        let environment = environment(&jail)?;
        let isolated = !jail.is_off(Layer::PidNamespace);
        let group = match &mut self.groups {
            Ok(groups) => groups.create(jail.processes).map_err(|error| error.to_string()),
            Err(reason) => Err(reason.clone()),
        };
        let start = |isolated| {
            let (kept, group) = ([control, pipe], group.as_ref().ok().map(ControlGroup::handle));
            clone::start(c"/proc/self/exe", &arguments, &environment, &kept, group, isolated)
        };
        let process = self.children.start(|| match start(isolated) {
            // Without the right to it there is a process all the same, which says what it lacks.
            Err(error) if isolated && error.kind() == io::ErrorKind::PermissionDenied => start(false),
            started => started,
        })?;
        // Nothing of the function is there yet.
        let group = group.and_then(|group| match process.in_group {
            true => Ok(group),
            false => group.take_in(process.pid).map(|()| group).map_err(|error| error.to_string()),
        });
        let user = user.ok().filter(|_| jail.own_user().is_some());
        Ok(Started { process, user, group })
    }

    fn show(&mut self, worker: &OwnedFd, folders: &[Shown]) -> io::Result<()> {
        if self.door.is_none() {
            self.door = Some(Door::here()?);
        }
        let Some(door) = &self.door else { return Err(io::Error::other("no way in")) };
        let folders =
            folders.iter().map(|shown| (shown.folder.as_path(), shown.seen_at.as_path(), shown.seen));
        door.show(worker.as_fd(), folders)
    }
}

/// None, unless the settings switch that off.
fn environment(jail: &Jail) -> io::Result<Vec<CString>> {
    if !jail.is_off(Layer::EmptyEnvironment) {
        return Ok(Vec::new());
    }
    let variables = std::env::vars_os().map(|(name, value)| {
        CString::new([name.as_bytes(), b"=", value.as_bytes()].concat()).map_err(io::Error::other)
    });
    variables.collect()
}
