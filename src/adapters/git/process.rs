//! Runs the user's own `git`, which knows their SSH setup, proxies and credentials.
//!
//! Git gets no terminal for prompts, runs no hooks, prints English, and has a time limit. Git and
//! all its children are one session, which is killed when the time is up or when the caller drops
//! the call.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::time::Instant;

use super::error::GitError;
use super::progress::{Listener, Said};
use crate::child_environment;
use crate::secret::Secret;

/// The most output that bcops reads from git. Real answers are much shorter.
const LONGEST_OUTPUT: usize = 64 << 20;

/// How long git may take to end after a signal, and its pipes to close after it ended. A shared SSH
/// connection that git leaves running keeps the pipes open.
const GRACE: Duration = Duration::from_secs(2);

/// The git program, and its environment in addition to that of bcops.
#[derive(Debug, Clone)]
pub struct GitProgram {
    pub program: PathBuf,
    /// Variables to set, or to remove (`None`).
    pub environment: Vec<(OsString, Option<OsString>)>,
    pub limits: Limits,
}

/// Time limits.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Anything that needs no network.
    pub local: Duration,
    /// A fetch, a push or a listing, from beginning to end.
    pub network: Duration,
    /// A push that is answered only after the site was built.
    pub build: Duration,
    /// The longest time without any output.
    pub silence: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            local: Duration::from_secs(120),
            network: Duration::from_secs(20 * 60),
            build: Duration::from_secs(60 * 60),
            silence: Duration::from_secs(5 * 60),
        }
    }
}

impl Default for GitProgram {
    fn default() -> Self {
        GitProgram {
            program: PathBuf::from("git"),
            environment: Vec::new(),
            limits: Limits::default(),
        }
    }
}

/// One run of git.
pub(super) struct Call<'a> {
    /// The task, in words that complete "git failed while …".
    pub what: String,
    /// Where it runs. Relative paths in settings are read from there.
    pub folder: &'a Path,
    pub arguments: Vec<OsString>,
    /// Variables of this run alone.
    pub variables: Vec<(String, Secret)>,
    pub limit: Duration,
    pub silence: Duration,
    pub listener: Option<Listener<'a>>,
}

/// The result of one run of git.
pub(super) struct Output {
    pub code: Option<i32>,
    pub stdout: Vec<u8>,
    /// The last lines of its messages, cleaned.
    pub said: Vec<String>,
}

impl Output {
    pub fn success(&self) -> bool {
        self.code == Some(0)
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }
}

impl GitProgram {
    /// The value that git sees for a variable.
    pub(super) fn variable(&self, name: &str) -> Option<OsString> {
        let own = self.environment.iter().rev().find(|(key, _)| key == name);
        own.map_or_else(|| std::env::var_os(name), |(_, value)| value.clone())
    }

    /// Runs git to its end. The caller judges exit codes other than 0.
    pub(super) async fn run(&self, call: Call<'_>) -> Result<Output, GitError> {
        let mut child = self.command(&call).spawn().map_err(GitError::NoGit)?;
        // Declared after the child, so it is dropped first: the group is signalled while the number
        // of its leader is still in use.
        let mut group = ProcessGroup(child.id());
        let mut reading =
            Reading { stdout: Vec::new(), said: Said::new(call.listener), what: call.what.clone() };
        let ended = follow(&mut child, &mut reading, call.limit, call.silence).await?;
        match ended {
            Ended::WithCode(code) => {
                group.0 = None;
                Ok(Output { code, stdout: reading.stdout, said: reading.said.last_lines() })
            }
            Ended::OutOfTime(limit) => {
                group.ask_to_end();
                if tokio::time::timeout(GRACE, child.wait()).await.is_ok() {
                    // Children may ignore the signal. Dropping the group kills them.
                }
                let said = reading.said.last_lines();
                Err(GitError::TimedOut { what: call.what, limit, said })
            }
        }
    }

    fn command(&self, call: &Call<'_>) -> Command {
        let mut command = Command::new(&self.program);
        command
            .current_dir(call.folder)
            .args(UNTOUCHED.iter().flat_map(|setting| ["-c", setting]))
            .args(&call.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        // SAFETY: setsid may be called between fork and exec; it touches no memory.
        unsafe { command.pre_exec(apart_from_the_terminal) };
        for name in MISLEADING {
            command.env_remove(name);
        }
        // A hook of a repository on this machine could read the tokens.
        for name in child_environment::withheld() {
            command.env_remove(name);
        }
        command
            .env("LC_ALL", "C")
            .env("LANGUAGE", "C")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_ASKPASS", "true")
            .env("SSH_ASKPASS", "true")
            .env("SSH_ASKPASS_REQUIRE", "force")
            .env("GCM_INTERACTIVE", "never")
            .env("GIT_NO_REPLACE_OBJECTS", "1")
            .env("GIT_OPTIONAL_LOCKS", "0");
        for (name, value) in &self.environment {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        for (name, value) in &call.variables {
            command.env(name, value.expose());
        }
        command
    }
}

/// Settings of the user that must not apply here: hooks, maintenance that rewrites the clone, and
/// anything that pushes more than requested.
const UNTOUCHED: &[&str] = &[
    "core.hooksPath=/dev/null",
    "core.logAllRefUpdates=false",
    "core.fsmonitor=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "fetch.writeCommitGraph=false",
    "fetch.recurseSubmodules=false",
    "push.followTags=false",
    "push.pushOption=",
    "push.recurseSubmodules=no",
    "color.ui=never",
    "advice.detachedHead=false",
];

/// Variables that would lead git to another repository (as within a hook), or make it print
/// traces among its messages.
const MISLEADING: &[&str] = &[
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_COMMON_DIR",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_QUARANTINE_PATH",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
    "GIT_CONFIG",
    "GIT_GRAFT_FILE",
    "GIT_SHALLOW_FILE",
    "GIT_REPLACE_REF_BASE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_LITERAL_PATHSPECS",
    "GIT_ATTR_SOURCE",
    "GIT_TRACE",
    "GIT_TRACE_CURL",
    "GIT_TRACE_CURL_COMPONENTS",
    "GIT_TRACE_PACKET",
    "GIT_TRACE_SETUP",
    "GIT_TRACE_PERFORMANCE",
    "GIT_TRACE2",
    "GIT_TRACE2_EVENT",
    "GIT_TRACE2_PERF",
    "GIT_CURL_VERBOSE",
];

enum Ended {
    WithCode(Option<i32>),
    /// The limit that was reached.
    OutOfTime(Duration),
}

/// The output of git while it runs.
struct Reading<'a> {
    stdout: Vec<u8>,
    said: Said<'a>,
    what: String,
}

impl Reading<'_> {
    fn keep(&mut self, bytes: &[u8]) -> Result<(), GitError> {
        if self.stdout.len() + bytes.len() > LONGEST_OUTPUT {
            return Err(GitError::Endless { what: self.what.clone(), limit: LONGEST_OUTPUT });
        }
        self.stdout.extend_from_slice(bytes);
        Ok(())
    }
}

/// Reads both pipes until git has ended or a limit is reached.
async fn follow(
    child: &mut Child,
    reading: &mut Reading<'_>,
    limit: Duration,
    silence: Duration,
) -> Result<Ended, GitError> {
    let mut stdout = child.stdout.take();
    let mut stderr = child.stderr.take();
    let (mut out, mut err) = (vec![0; 32 << 10], vec![0; 32 << 10]);
    let end = Instant::now() + limit;
    let mut quiet_end = Instant::now() + silence;
    let mut status = None;
    loop {
        if stdout.is_none() && stderr.is_none() && status.is_some() {
            break;
        }
        let patience = if status.is_some() { quiet_end } else { end.min(quiet_end) };
        tokio::select! {
            ended = child.wait(), if status.is_none() => {
                status = Some(ended.map_err(GitError::Lost)?);
                quiet_end = Instant::now() + GRACE;
            }
            heard = heard(&mut stdout, &mut out) => {
                if let Some(bytes) = out.get(..heard) {
                    reading.keep(bytes)?;
                }
                if status.is_none() {
                    quiet_end = Instant::now() + silence;
                }
            }
            heard = heard(&mut stderr, &mut err) => {
                if let Some(bytes) = err.get(..heard) {
                    reading.said.hear(bytes);
                }
                if status.is_none() {
                    quiet_end = Instant::now() + silence;
                }
            }
            () = tokio::time::sleep_until(patience) => {
                if status.is_some() {
                    break;
                }
                return Ok(Ended::OutOfTime(if end <= quiet_end { limit } else { silence }));
            }
        }
    }
    reading.said.finish();
    Ok(Ended::WithCode(status.and_then(|status| status.code())))
}

/// Reads the available bytes. A pipe that has ended or broken is closed, and is never ready again.
async fn heard(pipe: &mut Option<impl AsyncRead + Unpin>, buffer: &mut [u8]) -> usize {
    let Some(reader) = pipe else { return std::future::pending().await };
    match reader.read(buffer).await {
        Ok(count) if count > 0 => count,
        _ => {
            *pipe = None;
            0
        }
    }
}

/// Starts a new session: it has no terminal, so neither SSH nor a helper can wait for an answer,
/// and it is its own process group.
fn apart_from_the_terminal() -> std::io::Result<()> {
    // SAFETY: takes nothing and changes only the calling process.
    match unsafe { libc::setsid() } {
        -1 => Err(std::io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Everything that one run of git started. Processes that still run are killed on drop.
struct ProcessGroup(Option<u32>);

impl ProcessGroup {
    fn ask_to_end(&self) {
        self.signal(libc::SIGTERM);
    }

    fn signal(&self, signal: libc::c_int) {
        let Some(group) = self.0.and_then(|id| libc::pid_t::try_from(id).ok()) else { return };
        // SAFETY: takes two numbers; a group that is gone is an error that changes nothing.
        unsafe { libc::killpg(group, signal) };
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        self.signal(libc::SIGKILL);
    }
}
