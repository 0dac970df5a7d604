//! The program of an image that was made from a container's.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use rustix::process::{Pid, WaitOptions, wait};
use serde::Deserialize;

use super::console::Console;
use crate::error::StartError;

/// What is run, as `cape/program.json` says.
#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(super) struct Program {
    /// The program, and its arguments. Without a slash it is looked for in `PATH` of `env`.
    argv: Vec<String>,
    /// All of its environment.
    env: BTreeMap<String, String>,
    /// The folder that it begins in.
    cwd: PathBuf,
    uid: u32,
    gid: u32,
}

impl Program {
    /// Reads the file's text.
    pub(super) fn parse(text: &str, path: &Path) -> Result<Self, StartError> {
        let refused = |reason: String| StartError::new(format!("{}: {reason}", path.display()));
        let program: Self = serde_json::from_str(text).map_err(|error| refused(error.to_string()))?;
        program.defect().map_or(Ok(program), |defect| Err(refused(defect)))
    }

    /// What nothing can be run with.
    fn defect(&self) -> Option<String> {
        let Self { argv, env, cwd, uid, gid } = self;
        let cwd = cwd.to_string_lossy();
        if argv.first().is_none_or(String::is_empty) {
            return Some("argv names no program".to_owned());
        }
        if !cwd.starts_with('/') {
            return Some(format!("cwd {cwd:?} is not absolute"));
        }
        let texts = argv.iter().chain(env.keys()).chain(env.values()).map(String::as_str);
        if texts.chain([&*cwd]).any(|text| text.contains('\0')) {
            return Some("a NUL is in argv, env or cwd".to_owned());
        }
        // setuid(2) takes it for no number.
        [uid, gid].contains(&&u32::MAX).then(|| format!("nobody has the uid or gid {}", u32::MAX))
    }

    /// Runs it to its end, and tells the console how that was. What it leaves behind ends with the machine.
    pub(super) fn run(&self, console: &Console) -> io::Result<()> {
        let Some((program, arguments)) = self.argv.split_first() else { return Ok(()) };
        let process = Command::new(program)
            .args(arguments)
            .env_clear()
            .envs(&self.env)
            .current_dir(&self.cwd)
            .uid(self.uid)
            .gid(self.gid)
            .spawn()
            .map_err(|error| io::Error::new(error.kind(), format!("{program}: {error}")))?;
        let ended = wait_for(process.id())?;
        console.say(&match (ended.code(), ended.signal()) {
            (Some(code), _) => format!("the program ended with exit code {code}"),
            (None, signal) => format!("the program was ended by signal {}", signal.unwrap_or_default()),
        });
        Ok(())
    }
}

/// Waits for every process that ends, the orphans that came to this one among them, until it is this.
fn wait_for(process: u32) -> io::Result<ExitStatus> {
    loop {
        match wait(WaitOptions::empty())? {
            Some((ended, status)) if is(ended, process) => {
                return Ok(ExitStatus::from_raw(status.as_raw()));
            }
            _ => {}
        }
    }
}

fn is(ended: Pid, process: u32) -> bool {
    ended.as_raw_nonzero().get().cast_unsigned() == process
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHELL: &str = r#"{"argv": ["sh", "-c", "SCRIPT"], "env": {"PATH": "/bin", "A": "b"}, "cwd": "/usr", "uid": 7, "gid": 8}"#;

    /// Where the test's own process waits for all of its children, other tests' are among them.
    const ALONE: &str = "SCRIPT_OF_A_TEST";

    fn parse(text: &str) -> Result<Program, String> {
        Program::parse(text, Path::new("program.json")).map_err(|error| error.to_string())
    }

    #[test]
    fn a_program_is_described_in_full() {
        let program = parse(SHELL).unwrap();
        let env = [("A", "b"), ("PATH", "/bin")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        let argv = ["sh", "-c", "SCRIPT"].map(str::to_owned).into();
        assert_eq!(program, Program { argv, env: env.into(), cwd: "/usr".into(), uid: 7, gid: 8 });
        for (text, reason) in [
            (SHELL.replace("\"/usr\"", "\"usr\""), "program.json: cwd \"usr\" is not absolute"),
            (SHELL.replace("[\"sh\", \"-c\", \"SCRIPT\"]", "[]"), "program.json: argv names no program"),
            (SHELL.replace("\"sh\"", "\"\""), "program.json: argv names no program"),
            (SHELL.replace("SCRIPT", "a\\u0000b"), "program.json: a NUL is in argv, env or cwd"),
            (SHELL.replace("\"A\"", "\"A\\u0000\""), "program.json: a NUL is in argv, env or cwd"),
            (SHELL.replace("\"b\"", "\"\\u0000\""), "program.json: a NUL is in argv, env or cwd"),
            (SHELL.replace("/usr", "/usr\\u0000"), "program.json: a NUL is in argv, env or cwd"),
            (SHELL.replace(": 7", ": 4294967295"), "program.json: nobody has the uid or gid 4294967295"),
            (SHELL.replace(": 8", ": 4294967295"), "program.json: nobody has the uid or gid 4294967295"),
        ] {
            assert_eq!(parse(&text).unwrap_err(), reason);
        }
        for field in ["argv", "env", "cwd", "uid", "gid"] {
            assert!(parse(&SHELL.replace(&format!("\"{field}\""), "\"other\"")).is_err(), "{field}");
        }
    }

    /// Runs a shell's script as the image's program, in a process of its own, and returns what that printed.
    fn run(script: &str) -> String {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "init::program::tests::alone", "--nocapture"])
            .env(ALONE, script)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    }

    #[test]
    fn alone() {
        let Ok(script) = std::env::var(ALONE) else { return };
        rustix::process::set_child_subreaper(Some(rustix::process::getpid())).unwrap();
        let root = rustix::process::geteuid().is_root();
        let program = Program { argv: vec!["sh".into(), "-c".into(), script], ..parse(SHELL).unwrap() };
        let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        let program = if root { program } else { Program { uid, gid, ..program } };
        program.run(&Console::new()).unwrap();
    }

    #[test]
    fn it_has_its_own_environment_folder_and_user_and_its_end_is_told() {
        let told = run("pwd; echo \"A is $A, HOME is ${HOME:-not set}\"; id -u; id -g; id -G; exit 3");
        assert!(told.contains("/usr\nA is b, HOME is not set\n"), "{told}");
        if rustix::process::geteuid().is_root() {
            assert!(told.contains("\n7\n8\n8\n"), "{told}");
        }
        assert!(told.contains("cape-enclave: the program ended with exit code 3\n"), "{told}");
    }

    #[test]
    fn a_signal_that_ended_it_is_told() {
        let told = run("kill -KILL $$");
        assert!(told.contains("cape-enclave: the program was ended by signal 9\n"), "{told}");
    }

    #[test]
    fn orphans_are_waited_for_and_do_not_end_it() {
        let told = run("(exit 5 & ) ; (sleep 0.05; exit 6) & sleep 0.3; exit 4");
        assert!(told.contains("ended with exit code 4\n"), "{told}");
    }

    #[test]
    fn one_that_is_not_there_is_named() {
        let program = Program { argv: vec!["/no/such/program".into()], ..parse(SHELL).unwrap() };
        let error = program.run(&Console::new()).unwrap_err().to_string();
        assert!(error.starts_with("/no/such/program: "), "{error}");
    }
}
