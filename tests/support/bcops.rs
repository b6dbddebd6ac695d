//! Runs the `bcops` binary under test, in an environment with only the test's own values.
//!
//! `PATH` is an empty folder, because a pull needs no other program. The check of the exit code
//! also searches the output for secrets.

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::terminal::Terminal;

/// Values that no run may print: the stand-in's token, a database's password, a signature.
const SECRETS: [&str; 7] = [
    "HRKU-stand-in-token",
    "db-password",
    "X-Amz-Signature",
    "s3-secret-key",
    "cf-secret",
    "redis-password",
    "bonsai-password",
];

/// Longer than the slowest run on a busy machine.
const PATIENCE: Duration = Duration::from_secs(300);

pub struct Bcops {
    directory: TempDir,
    variables: Vec<(String, String)>,
    /// Whether a bcops.toml in the working directory is found, and not named as in CI.
    finds_its_file: bool,
}

impl Bcops {
    pub fn new() -> Bcops {
        let directory = tempfile::Builder::new().prefix("bcops-test-").tempdir().expect("a folder");
        for folder in ["home", "work", "path", "temporary"] {
            fs::create_dir(directory.path().join(folder)).expect("a folder");
        }
        let mut bcops = Bcops { directory, variables: Vec::new(), finds_its_file: false };
        for (name, folder) in [
            ("HOME", "home"),
            ("PATH", "path"),
            ("TMPDIR", "temporary"),
            // The program creates this folder itself.
            ("BCOPS_STATE_DIR", "state"),
        ] {
            let folder = bcops.directory().join(folder);
            bcops.set(name, folder.to_str().expect("a path in UTF-8"));
        }
        bcops
    }

    /// The council's site as a separate configuration, which may change it, because no file changes
    /// built-in environments.
    #[track_caller]
    pub fn describe_the_council(&self, known: &str, other: &str) -> PathBuf {
        let built_in = bcops::settings::keys::BUILT_IN;
        assert!(built_in.contains(known), "{known}");
        let text = format!("inherit = false\n{}", built_in.replacen(known, other, 1));
        self.write("bcops.toml", &text)
    }

    /// A bcops.toml is trusted by its name, unless a test asks for one that is only found.
    pub fn finds_its_file(&mut self) {
        self.finds_its_file = true;
    }

    pub fn set(&mut self, name: &str, value: &str) {
        self.unset(name);
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    pub fn unset(&mut self, name: &str) {
        self.variables.retain(|(known, _)| known != name);
    }

    /// Holds every folder of a run.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub fn state_directory(&self) -> PathBuf {
        self.directory().join("state")
    }

    /// Writes a file into the working directory.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.directory().join("work").join(name);
        fs::write(&path, text).expect("a file");
        path
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program(arguments));
        command.args(arguments).env_clear().current_dir(self.directory().join("work"));
        let file = self.directory().join("work/bcops.toml");
        if !self.finds_its_file && file.is_file() {
            command.env("BCOPS_CONFIG", file);
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Another program in the environment of a run, with the binary in `$BCOPS`.
    pub fn in_its_surroundings<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        command.env_clear().current_dir(self.directory().join("work"));
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        let file = self.directory().join("work/bcops.toml");
        if !self.finds_its_file && file.is_file() {
            command.env("BCOPS_CONFIG", file);
        }
        command.env("BCOPS", env!("CARGO_BIN_EXE_bcops"));
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.stdin(Stdio::null())
    }

    pub fn run(&self, arguments: &[&str]) -> Run {
        self.start(arguments).finish()
    }

    /// Runs it with this file as its standard input.
    pub fn run_reading(&self, arguments: &[&str], input: &Path) -> Run {
        let input = fs::File::open(input).expect("a file to read");
        Running::spawn(self.command(arguments).stdin(input)).finish()
    }

    /// Runs it for a person who looks at a terminal.
    pub fn start_on_terminal(&self, arguments: &[&str]) -> Terminal {
        Terminal::start(&mut self.command(arguments))
    }

    /// The same on a terminal of this width.
    pub fn start_on_narrow_terminal(&self, columns: u16, arguments: &[&str]) -> Terminal {
        Terminal::start_with_columns(&mut self.command(arguments), columns)
    }

    pub fn start(&self, arguments: &[&str]) -> Running {
        Running::spawn(&mut self.command(arguments))
    }
}

/// If `BCOPS_TEST_FIRST_PROGRAM` names another bcops, that one begins runs, and the one under test
/// continues them.
fn program(arguments: &[&str]) -> OsString {
    let begins_a_run = arguments.first() == Some(&"reset-staging");
    let other = std::env::var_os("BCOPS_TEST_FIRST_PROGRAM").filter(|_| begins_a_run);
    other.unwrap_or_else(|| env!("CARGO_BIN_EXE_bcops").into())
}

/// A running program.
pub struct Running {
    child: Child,
    stdout: JoinHandle<String>,
    stderr: Receiver<String>,
    said: String,
    peak_memory: u64,
}

impl Running {
    fn spawn(command: &mut Command) -> Running {
        let mut child = command.spawn().expect("the binary under test");
        let mut output = child.stdout.take().expect("its output");
        let stdout = thread::spawn(move || {
            let mut text = String::new();
            output.read_to_string(&mut text).expect("an output in UTF-8");
            text
        });
        let messages = BufReader::new(child.stderr.take().expect("its messages"));
        let (sender, stderr) = channel();
        thread::spawn(move || {
            for line in messages.lines().map_while(Result::ok) {
                // A test that ended early reads no more.
                let _ = sender.send(line);
            }
        });
        Running { child, stdout, stderr, said: String::new(), peak_memory: 0 }
    }

    /// Waits for a line on stderr. False if the run ended without it.
    #[track_caller]
    pub fn wait_for(&mut self, text: &str) -> bool {
        loop {
            match self.stderr.recv_timeout(PATIENCE) {
                Ok(line) => {
                    self.said.push_str(&line);
                    self.said.push('\n');
                    if line.contains(text) {
                        return true;
                    }
                }
                Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => return false,
                Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {
                    panic!("no line with `{text}` came, but:\n{}", self.said)
                }
            }
        }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What Ctrl-C sends.
    pub fn interrupt(&self) {
        self.signal("-INT");
    }

    /// Sends a signal, as the program `kill` names it.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.child.id().to_string()]).status();
        assert!(sent.expect("the program kill").success());
    }

    /// Whether it has not ended yet.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("its status").is_none()
    }

    /// Kills it without a chance to clean up.
    pub fn kill(mut self) -> Run {
        self.child.kill().expect("a signal");
        self.finish()
    }

    pub fn finish(mut self) -> Run {
        let started = Instant::now();
        let status = loop {
            self.peak_memory = self.peak_memory.max(peak_memory(self.child.id()).unwrap_or(0));
            if let Some(status) = self.child.try_wait().expect("its status") {
                break status;
            }
            if started.elapsed() > PATIENCE {
                let _ = self.child.kill();
                panic!("the run does not end, and said so far:\n{}", self.said);
            }
            thread::sleep(Duration::from_millis(10));
        };
        while let Ok(line) = self.stderr.recv() {
            self.said.push_str(&line);
            self.said.push('\n');
        }
        let stdout = self.stdout.join().expect("the reader of its output");
        Run { code: status.code(), stdout, stderr: self.said, peak_memory: self.peak_memory }
    }
}

/// The peak of a process's memory in RAM, in bytes, if the system reports it.
fn peak_memory(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}

/// A run that has ended.
pub struct Run {
    /// `None` if a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    /// In bytes. Zero if the system does not report it.
    pub peak_memory: u64,
}

impl Run {
    /// Checks the exit code, and that no secret was printed and no panic was seen.
    #[track_caller]
    pub fn exits(self, code: i32) -> Run {
        let printed = self.printed();
        assert_eq!(self.code, Some(code), "{printed}");
        assert!(!printed.contains("panicked"), "{printed}");
        for secret in SECRETS {
            assert!(!printed.contains(secret), "`{secret}` was printed:\n{printed}");
        }
        self
    }

    /// Checks that stderr holds each of these.
    #[track_caller]
    pub fn says(self, texts: &[&str]) -> Run {
        for text in texts {
            assert!(self.stderr.contains(text), "`{text}` is not said:\n{}", self.printed());
        }
        self
    }

    /// Checks that a failure follows the contract: one error, and its hints.
    #[track_caller]
    pub fn fails(self, code: i32, texts: &[&str]) -> Run {
        let run = self.exits(code).says(texts);
        assert!(run.stderr.lines().any(|line| line.starts_with("error: ")), "{}", run.printed());
        run
    }

    /// The one JSON document on stdout, its envelope checked.
    #[track_caller]
    pub fn json(&self) -> Value {
        let document: Value = serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("not one JSON document ({error}):\n{}", self.printed()));
        let names: Vec<&String> = document.as_object().expect("an object").keys().collect();
        let expected = ["command", "error", "result", "schema_version", "status", "warnings"];
        assert_eq!(names, expected, "{document}");
        assert_eq!(document["schema_version"], 1);
        assert!(document["warnings"].is_array(), "{document}");
        document
    }

    pub fn printed(&self) -> String {
        format!("exit {:?}\nstdout:\n{}\nstderr:\n{}", self.code, self.stdout, self.stderr)
    }
}
