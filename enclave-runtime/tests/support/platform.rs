use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use cape_core::attest::{Policy, Release, TrustRoots};
use cape_core::encoding::hex;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{BlobStore, Client};

const PROGRAM: &str = env!("CARGO_BIN_EXE_cape-enclave");

const SETTINGS: &str = r#"
mode = "development"
vault_backends = ["file"]

[isolation]
required = ["closed_descriptors", "empty_environment", "no_new_privileges", "resource_limits"]
"#;

/// A platform's lasting parts: security module, vault, settings, store.
pub(crate) struct Platform {
    folder: tempfile::TempDir,
    pub(crate) blobs: BlobStore,
    pub(crate) python: PathBuf,
    pub(crate) python_version: String,
    pub(crate) platform: String,
    pub(crate) vault: [u8; 32],
    /// The root of its security module, DER.
    pub(crate) root: Vec<u8>,
    pub(crate) roots: TrustRoots,
    pub(crate) policy: Policy,
}

impl Platform {
    pub(crate) async fn new() -> Self {
        Self::with_limits("").await
    }

    /// A platform whose settings have these lines under `[limits]`.
    pub(crate) async fn with_limits(limits: &str) -> Self {
        Self::with_settings(&format!("{SETTINGS}\n[limits]\n{limits}\n")).await
    }

    /// A platform whose settings require these layers too.
    pub(crate) async fn requiring(layers: &[&str]) -> Self {
        let more: String = layers.iter().map(|layer| format!(", \"{layer}\"")).collect();
        let last = "\"resource_limits\"";
        Self::with_settings(&SETTINGS.replace(last, &format!("{last}{more}"))).await
    }

    pub(crate) async fn with_settings(settings: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("settings.toml"), settings).unwrap();
        let python = interpreter();
        let run = |arguments: &[&str]| json(&run(folder.path(), arguments));
        let path = python.to_str().unwrap();
        let module = run(&["nsm", "create", "--dir", "nsm"]);
        let files = ["--settings", "settings.toml", "--python", path];
        let create = ["vault", "create", "--key", "vault.key", "--nsm", "nsm"];
        let vault = run(&[&create[..], &files].concat());
        let measured = run(&[&["measure"][..], &files].concat());

        let root = base64_simd::STANDARD.decode_to_vec(text(&module["root"])).unwrap();
        let vault = hex::decode_array(text(&vault["vault"])).unwrap();
        let pcrs: BTreeMap<u8, [u8; 48]> = measured["pcrs"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(index, value)| (index.parse().unwrap(), hex::decode_array(text(value)).unwrap()))
            .collect();
        let release = Release { name: "test".into(), pcrs, vault: Some(vault), not_after: None };
        let blobs = BlobStore::default();
        blobs.serve(&folder.path().join("blobs"));
        Self {
            blobs,
            python_version: text(&measured["python"]).into(),
            platform: text(&measured["platform"]).into(),
            vault,
            roots: TrustRoots::development(vec![&root]).unwrap(),
            root,
            policy: Policy::new(vec![release]).unwrap(),
            python,
            folder,
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// What `serve` is started with.
    pub(crate) fn serve_arguments(&self) -> Vec<String> {
        let path = |name: &str| self.path().join(name).to_str().unwrap().to_owned();
        let python = self.python.to_str().unwrap().to_owned();
        let options = [
            ("--settings", path("settings.toml")),
            ("--python", python),
            ("--nsm", path("nsm")),
            ("--vault-key", path("vault.key")),
            ("--vault-id", hex::encode(&self.vault)),
            ("--blobs", path("blobs")),
            ("--listen", "127.0.0.1:0".to_owned()),
            ("--operate", "127.0.0.1:0".to_owned()),
        ];
        let options = options.into_iter().flat_map(|(name, value)| [name.to_owned(), value]);
        ["serve".to_owned()].into_iter().chain(options).collect()
    }

    pub(crate) fn start(&self) -> Runtime<'_> {
        self.start_with(&[])
    }

    /// Starts a runtime with more options.
    pub(crate) fn start_with(&self, options: &[&str]) -> Runtime<'_> {
        self.start_by(program(self.path()), options)
    }

    /// Starts a runtime that may have fewer descriptors than it is going to need, to begin with.
    pub(crate) fn start_with_descriptors(&self, limit: u32) -> Runtime<'_> {
        let mut shell = in_folder(Command::new("sh"), self.path());
        let script = format!("ulimit -S -n {limit}; exec \"$0\" \"$@\"");
        shell.args(["-c", &script, PROGRAM]);
        self.start_by(shell, &[])
    }

    /// Starts a runtime in a control group of version 2.
    pub(crate) fn start_in(&self, group: &Path) -> Runtime<'_> {
        let mut shell = in_folder(Command::new("sh"), self.path());
        let script = format!("echo $$ >'{}/cgroup.procs'; exec \"$0\" \"$@\"", group.display());
        shell.args(["-c", &script, PROGRAM]);
        self.start_by(shell, &[])
    }

    /// Starts a runtime that is not root, and owns what this process does; `None` where users may have
    /// no namespaces.
    pub(crate) fn start_as_a_user(&self) -> Option<Runtime<'_>> {
        let a_user = || {
            let mut unshare = in_folder(Command::new("unshare"), self.path());
            unshare.args(["--user", "--map-user=1000", "--map-group=1000", "--"]);
            unshare
        };
        let mut try_it = a_user();
        try_it.args(["unshare", "--user", "--map-root-user", "--mount", "--net", "true"]);
        let may = try_it.status().is_ok_and(|status| status.success());
        may.then(|| {
            let mut program = a_user();
            program.arg(PROGRAM);
            self.start_by(program, &[])
        })
    }

    /// Starts a runtime whose log nobody reads: what reads it has ended.
    pub(crate) fn start_without_reader(&self) -> Runtime<'_> {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        self.start_with_log(program(self.path()), &[], writer.into())
    }

    /// Starts a runtime with these arguments and no others.
    pub(crate) fn start_as(&self, arguments: &[String]) -> Runtime<'_> {
        let mut program = program(self.path());
        program.args(arguments);
        self.spawn(program, self.new_log())
    }

    fn start_by(&self, program: Command, options: &[&str]) -> Runtime<'_> {
        self.start_with_log(program, options, self.new_log())
    }

    fn new_log(&self) -> Stdio {
        std::fs::File::create(self.path().join("log")).unwrap().into()
    }

    fn start_with_log(&self, mut program: Command, options: &[&str], log: Stdio) -> Runtime<'_> {
        program.args(self.serve_arguments()).args(options);
        self.spawn(program, log)
    }

    fn spawn(&self, mut program: Command, log: Stdio) -> Runtime<'_> {
        let mut child = program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap_or_else(|_| {
            panic!("not ready: {}", std::fs::read_to_string(self.path().join("log")).unwrap())
        });
        let port = ready["port"].as_u64().unwrap().try_into().unwrap();
        Runtime { platform: self, child, port, ready }
    }

    /// Starts a runtime as systemd does, whose standard input is nobody's.
    pub(crate) fn start_without_input(&self) -> Runtime<'_> {
        let mut shell = in_folder(Command::new("sh"), self.path());
        shell.args(["-c", "exec \"$0\" \"$@\" </dev/null", PROGRAM]);
        self.start_by(shell, &[])
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        run(self.path(), arguments)
    }
}

/// A runtime that serves; killed when dropped.
pub(crate) struct Runtime<'a> {
    pub(crate) platform: &'a Platform,
    pub(crate) child: Child,
    pub(crate) port: u16,
    pub(crate) ready: Value,
}

impl Runtime<'_> {
    pub(crate) async fn connect(&self) -> Client {
        Client::connect(self.port, &self.platform.roots, &self.platform.policy).await
    }

    /// What the operator is answered at a path: the status line, and the body.
    pub(crate) async fn ask(&self, path: &str) -> (String, String) {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let answer = self.tell(request.as_bytes()).await;
        let (head, body) = answer.split_once("\r\n\r\n").expect("an answer with a head");
        (head.lines().next().unwrap().to_owned(), body.to_owned())
    }

    /// What the operator's port answers to these bytes until it closes the connection.
    pub(crate) async fn tell(&self, request: &[u8]) -> String {
        let port = self.ready["operate"].as_u64().unwrap().try_into().unwrap();
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        // It may answer, and close, before it has read everything.
        let _ = stream.write_all(request).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8(answer).unwrap()
    }

    /// The present value of a metric, written as the exposition writes it; 0 for one it has not.
    pub(crate) async fn metric(&self, sample: &str) -> f64 {
        let (_, text) = self.ask("/metrics").await;
        let mut lines = text.lines().filter_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
        lines.next().map_or(0.0, |value| value.parse().unwrap())
    }

    /// The processes that the runtime has started, directly or not.
    pub(crate) fn descendants(&self) -> Vec<u32> {
        descendants(self.child.id())
    }

    /// The memory that the runtime itself has in use, in bytes.
    pub(crate) fn memory(&self) -> u64 {
        self.status("VmRSS:")
    }

    /// The most memory that the runtime itself has had in use, in bytes.
    pub(crate) fn peak_memory(&self) -> u64 {
        self.status("VmHWM:")
    }

    fn status(&self, line: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|text| text.strip_prefix(line)).unwrap();
        line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1024
    }

    /// Ends it as whoever started it does; its log then.
    pub(crate) fn end(mut self) -> String {
        drop(self.child.stdin.take());
        assert!(self.child.wait().unwrap().success());
        self.log()
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.platform.path().join("log")).unwrap()
    }
}

impl Drop for Runtime<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn descendants(process: u32) -> Vec<u32> {
    let children = format!("/proc/{process}/task");
    let Ok(threads) = std::fs::read_dir(children) else { return Vec::new() };
    let children = threads.flatten().flat_map(|thread| {
        let children = std::fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        children.split_whitespace().map(|child| child.parse().unwrap()).collect::<Vec<u32>>()
    });
    children.flat_map(|child| [vec![child], descendants(child)].concat()).collect()
}

/// The interpreter that functions run on, found as its own `sys` says.
fn interpreter() -> PathBuf {
    let python = std::env::var("CAPE_TEST_PYTHON").unwrap_or_else(|_| "python3".into());
    let output = Command::new(python)
        .args(["-c", "import os, sys; print(os.path.realpath(sys._base_executable))"])
        .output()
        .unwrap();
    PathBuf::from(String::from_utf8(output.stdout).unwrap().trim())
}

fn program(folder: &Path) -> Command {
    in_folder(Command::new(PROGRAM), folder)
}

fn in_folder(mut program: Command, folder: &Path) -> Command {
    program.current_dir(folder).env("TMPDIR", folder).stdin(Stdio::null());
    program
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    program(folder).args(arguments).output().unwrap()
}

fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// Folders of unpacked functions; the platform's folder is where temporary files go.
pub(crate) fn storage_folders(platform: &Platform) -> usize {
    let entries = std::fs::read_dir(platform.path()).unwrap().flatten();
    entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("cape-enclave-")).count()
}

/// Waits until none of these processes runs.
pub(crate) async fn gone(processes: &[u32]) {
    for _ in 0..1200 {
        let alive = |process: &&u32| {
            let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
            !stat.is_empty() && !stat.contains(") Z ")
        };
        if processes.iter().filter(alive).count() == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("processes are left");
}
