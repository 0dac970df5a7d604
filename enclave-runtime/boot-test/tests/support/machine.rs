//! A machine under QEMU with the host's side of its vsock. Both end with the value, whatever happens.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::{sleep, timeout};

use super::{clock, environment};

/// No test waits longer for anything that a machine has to do.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);

/// What a kernel says when it starts PID 1, and when it cannot.
const BEGUN: [&str; 2] = [" as init process", "end Kernel panic"];

/// What is said on a busy machine, where it is the emulation that has failed: by a kernel that sees no interrupts of
/// its timer; by QEMU, which looked at its security module's queue when the kernel had put half of its first
/// question there, and does not look again. And how often that may happen.
const FAILURES: [&str; 2] =
    ["IO-APIC + timer doesn't work", "Expected response buffer after request buffer in virtqueue"];
const STARTS: usize = 5;

/// What PCR3 and PCR4 are computed of.
pub(crate) const ROLE: &str = "arn:aws:iam::123456789012:role/cape-test";
pub(crate) const INSTANCE: &str = "i-0123456789abcdef0";

/// How a machine is started.
pub(crate) struct Settings {
    /// MiB.
    pub(crate) memory: u32,
    /// What is appended to the image's command line, and not measured.
    pub(crate) append: String,
    /// The numbers under which the host is there.
    pub(crate) host_cids: &'static str,
    /// The time that its clock begins with; `utc` is the right one.
    pub(crate) time: &'static str,
}

impl Default for Settings {
    fn default() -> Self {
        let append = format!("reboot=t tsc=reliable tsc_early_khz={}", clock::kilohertz());
        Self { memory: 1024, append, host_cids: "3,2", time: "utc" }
    }
}

/// A running machine.
pub(crate) struct Machine {
    qemu: Running,
    backend: Running,
    folder: Arc<tempfile::TempDir>,
}

impl Machine {
    /// Starts an image. Whoever serves the guest listens in the folder already. Where the emulation has failed it is
    /// started again.
    pub(crate) async fn start(folder: tempfile::TempDir, image: &Path, settings: Settings) -> Self {
        let folder = Arc::new(folder);
        for _ in 0..STARTS {
            let mut machine = Self::launch(Arc::clone(&folder), image, &settings).await;
            if machine.has_begun().await {
                return machine;
            }
            drop(machine);
            // The backend removed its own when QEMU had connected.
            for socket in ["guest", "statistics"] {
                fs::remove_file(folder.path().join(socket)).unwrap();
            }
        }
        panic!("the emulation fails, {STARTS} times in a row");
    }

    async fn launch(folder: Arc<tempfile::TempDir>, image: &Path, settings: &Settings) -> Self {
        let socket = folder.path().join("vhost");
        let backend = Running::start(backend(&socket, folder.path(), settings));
        eventually("the backend listens", async || socket.exists().then_some(())).await;
        let mut qemu = qemu(image, &socket, settings);
        qemu.stdout(File::create(folder.path().join("console")).unwrap());
        qemu.stderr(File::create(folder.path().join("qemu")).unwrap());
        Self { qemu: Running::start(qemu), backend, folder }
    }

    /// Whether the kernel has come to PID 1, or ended for a reason of its own.
    async fn has_begun(&mut self) -> bool {
        eventually("the kernel begins", async || {
            let ended = !self.runs();
            let console = self.console();
            let begun = ended || BEGUN.iter().any(|words| console.contains(words));
            let failed = FAILURES.iter().any(|words| console.contains(words));
            if failed { Some(false) } else { begun.then_some(true) }
        })
        .await
    }

    /// A connection to a port of the guest; `None` when nobody listens there.
    pub(crate) async fn connect(&self, port: u32) -> Option<UnixStream> {
        let mut stream = UnixStream::connect(self.path("guest")).await.ok()?;
        stream.write_all(format!("CONNECT {port}\n").as_bytes()).await.ok()?;
        let mut line = Vec::new();
        while line.last() != Some(&b'\n') {
            line.push(timeout(PATIENCE, stream.read_u8()).await.ok()?.ok()?);
        }
        assert!(line.starts_with(b"OK "), "{}", String::from_utf8_lossy(&line));
        Some(stream)
    }

    /// A connection to a port where somebody will listen.
    pub(crate) async fn connect_eventually(&self, port: u32) -> UnixStream {
        eventually(&format!("port {port} listens; {}", self.console()), async || self.connect(port).await)
            .await
    }

    /// What the guest has printed, and QEMU.
    pub(crate) fn console(&self) -> String {
        let read =
            |name| String::from_utf8_lossy(&fs::read(self.path(name)).unwrap_or_default()).into_owned();
        [read("qemu"), read("console")].concat()
    }

    /// A number that the backend has counted.
    pub(crate) async fn counted(&self, name: &str) -> u64 {
        let mut line = String::new();
        let mut stream = UnixStream::connect(self.path("statistics")).await.unwrap();
        stream.read_to_string(&mut line).await.unwrap();
        serde_json::from_str::<Value>(&line).unwrap()[name].as_u64().unwrap()
    }

    /// Waits until the backend counts so many.
    pub(crate) async fn counts(&self, name: &str, count: u64) {
        eventually(&format!("{name} becomes {count}"), async || {
            (self.counted(name).await == count).then_some(())
        })
        .await;
    }

    /// Waits until the machine has ended by itself.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let qemu = &mut self.qemu.0;
        eventually("the machine ends", async || qemu.try_wait().unwrap()).await
    }

    /// What comes of something that a machine which has ended will not do.
    pub(crate) async fn or_dead<T>(&self, future: impl Future<Output = T>) -> T {
        tokio::select! {
            done = future => done,
            () = self.process_ends() => panic!("the machine has ended; {}", self.console()),
        }
    }

    async fn process_ends(&self) {
        while !self.is_zombie() {
            sleep(Duration::from_millis(100)).await;
        }
    }

    fn is_zombie(&self) -> bool {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.qemu.0.id())).unwrap_or_default();
        stat.is_empty() || stat.contains(") Z ")
    }

    /// Whether it runs.
    pub(crate) fn runs(&mut self) -> bool {
        self.qemu.0.try_wait().unwrap().is_none()
    }

    /// Ends the host's side of vsock, as a crash of it would.
    pub(crate) fn kill_backend(&mut self) {
        self.backend.end();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.console());
        }
    }
}

/// A process that ends with the value, and with the test's thread, should somebody kill the test.
struct Running(Child);

impl Running {
    fn start(mut command: Command) -> Self {
        Self(command.stdin(Stdio::null()).spawn().unwrap())
    }

    fn end(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

fn backend(socket: &Path, folder: &Path, settings: &Settings) -> Command {
    let mut command = program(Path::new(env!("CARGO_BIN_EXE_vsock-backend")));
    command.args(["--host-cids", settings.host_cids, "--socket"]).arg(socket).arg("--folder").arg(folder);
    command
}

fn qemu(image: &Path, socket: &Path, settings: &Settings) -> Command {
    let Settings { memory, append, time, .. } = settings;
    let enclave = format!("id={INSTANCE}-enc0123456789abcdef,parent-role={ROLE},parent-id={INSTANCE}");
    let mut command = program(&environment::qemu());
    command.args(["-accel", "tcg", "-cpu", "max", "-smp", "2", "-m", &format!("{memory}M")]);
    command.args(["-nodefaults", "-nographic", "-no-reboot", "-serial", "stdio", "-append", append]);
    command.args(["-rtc", &format!("base={time}")]);
    command.args(["-M", &format!("nitro-enclave,vsock=vsock,memory-backend=memory,{enclave}")]);
    // The backend reads and writes the guest's memory itself.
    command.args(["-object", &format!("memory-backend-memfd,id=memory,size={memory}M,share=on")]);
    command.args(["-chardev", &format!("socket,id=vsock,path={}", socket.display())]);
    command.arg("-kernel").arg(image);
    command
}

fn program(path: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(path);
    command
}

/// Tries until there is something.
pub(crate) async fn eventually<T>(what: &str, mut attempt: impl AsyncFnMut() -> Option<T>) -> T {
    let tried = async {
        loop {
            if let Some(found) = attempt().await {
                return found;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    match timeout(PATIENCE, tried).await {
        Ok(found) => found,
        Err(_) => panic!("it does not happen that {what}"),
    }
}
