//! Plays a GitLab runner of the docker executor: sources, variables, scripts, artifacts.
//!
//! The page's lines run unchanged. Replaced are the image (a PATH of links to the programs that Debian's
//! slim image has), `apt-get` (it links the named programs), `install` (writes to the job's own
//! `/usr/local/bin`), the program of the release (a script that starts the binary under test), and the
//! addresses of services, which are project variables here.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::page::Job;
use super::project::{JOB_TOKEN, PUSH_TOKEN, Project};
use crate::reset_staging::world::World;
use crate::support::git::text;
use crate::support::wait;

const VERSION: &str = env!("CARGO_PKG_VERSION");
pub const GITLAB_TOKEN: &str = "glpat-that-reads";

/// Programs of Debian's slim image, as far as a job needs them.
const IMAGE: [&str; 30] = [
    "basename",
    "bash",
    "cat",
    "chmod",
    "cp",
    "cut",
    "date",
    "dirname",
    "env",
    "grep",
    "head",
    "ln",
    "ls",
    "mkdir",
    "mktemp",
    "mv",
    "printf",
    "readlink",
    "rm",
    "sed",
    "sh",
    "sha256sum",
    "sleep",
    "sort",
    "tail",
    "tar",
    "touch",
    "tr",
    "uname",
    "wc",
];

/// The script as the runner writes it: no command reads the script. By default the exit code of a job is 0
/// or 1; a subshell keeps the code.
const DEFAULT: &str = ": | eval \"$RUNNER_SCRIPT\"";
const WITH_SUBSHELL: &str = ": | (eval \"$RUNNER_SCRIPT\")";
const SUBSHELL_FLAG: &str = "FF_USE_NEW_BASH_EVAL_STRATEGY";

pub struct Runner<'w> {
    world: &'w World,
    pub project: Project,
    folder: tempfile::TempDir,
    /// Of the project, masked where they are secret.
    pub variables: BTreeMap<String, String>,
    /// What a job's log must not hold.
    pub masked: Vec<String>,
}

/// A finished job.
pub struct Ended {
    pub code: Option<i32>,
    pub log: String,
    /// The folder of the clone.
    pub project: PathBuf,
    /// The kept files.
    pub artifacts: PathBuf,
}

pub struct Running {
    child: Child,
    log: PathBuf,
    pub project: PathBuf,
}

impl<'w> Runner<'w> {
    pub fn new(world: &'w World) -> Runner<'w> {
        let folder = tempfile::Builder::new().prefix("bcops-runner-").tempdir().expect("a folder");
        for name in ["packages", "home"] {
            fs::create_dir(folder.path().join(name)).expect("a folder");
        }
        let key = release(&folder.path().join("packages"));
        let start =
            Project::start(world.whole.code.folder("gitlab"), folder.path().join("packages"));
        let project = world.runtime().block_on(start);
        let mut runner =
            Runner { world, project, folder, variables: BTreeMap::new(), masked: Vec::new() };
        for (name, value) in world.whole.variables() {
            runner.set(name, &value);
        }
        for (name, secret) in [
            ("STAGING_PUSH_TOKEN", PUSH_TOKEN.to_owned()),
            ("GITLAB_TOKEN", GITLAB_TOKEN.to_owned()),
            ("HEROKU_API_KEY", world.whole.heroku.token().to_owned()),
            ("CI_JOB_TOKEN", JOB_TOKEN.to_owned()),
        ] {
            runner.set(name, &secret);
            runner.masked.push(secret);
        }
        let local = world.whole.databases.cluster().url("nobodys");
        runner.set("BCOPS_LOCAL_DATABASE_URL", &local);
        runner.set("BCOPS_RELEASE_KEY", &key);
        runner
    }

    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.insert(name.to_owned(), value.to_owned());
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn project_path(&self) -> &str {
        &self.world.whole.blueprint.settings.gitlab.project.value
    }

    /// The folder of the clone has a space.
    pub fn clone_folder(&self) -> PathBuf {
        self.path("builds/a group").join(self.project_path())
    }

    /// GitLab's predefined variables, the job's, and over them the project's.
    fn variables_of(
        &self,
        job: &Job,
        pipeline: &BTreeMap<String, String>,
    ) -> BTreeMap<String, String> {
        let url = &self.project.url;
        let mut all: BTreeMap<String, String> = [
            ("CI", "true".to_owned()),
            ("GITLAB_CI", "true".to_owned()),
            ("CI_API_V4_URL", format!("{url}/api/v4")),
            ("CI_SERVER_URL", url.clone()),
            ("GITLAB_URL", url.clone()),
            ("CI_PROJECT_URL", format!("{url}/{}", self.project_path())),
            ("CI_PROJECT_PATH", self.project_path().to_owned()),
            ("CI_PROJECT_DIR", text(&self.clone_folder())),
            ("CI_DEFAULT_BRANCH", "master".to_owned()),
            ("CI_JOB_NAME", job.name.clone()),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
        all.extend(pipeline.clone());
        let own = job.variables.iter().map(|(name, value)| (name.clone(), value.clone()));
        all.extend(own);
        all.extend(self.variables.clone());
        // A value names other variables, which may name others again.
        for _ in 0..3 {
            let known = all.clone();
            all.values_mut().for_each(|value| *value = expanded(value, &known));
        }
        all
    }

    /// Fetches as the runner does: into a folder that may be there, twenty commits, a detached HEAD, one
    /// branch, and no file of an earlier job.
    pub fn get_sources(&self, branch: &str) {
        let folder = self.clone_folder();
        fs::create_dir_all(&folder).expect("a folder");
        let url = format!(
            "http://gitlab-ci-token:{JOB_TOKEN}@{}/{}.git",
            self.project.url.trim_start_matches("http://"),
            self.project_path()
        );
        let tip = self.world.whole.code.origin_tip(&format!("refs/heads/{branch}")).expect("a tip");
        let script = r#"
            umask 0000
            git init -q .
            rm -f .git/index.lock .git/shallow.lock .git/HEAD.lock .git/hooks/post-checkout .git/config.lock
            git remote add origin "$URL" 2>/dev/null || git remote set-url origin "$URL"
            git fetch -q --depth 20 --prune --force --no-recurse-submodules origin \
                "+refs/heads/$BRANCH:refs/remotes/origin/$BRANCH" "+$TIP:refs/pipelines/1"
            git checkout -f -q "$TIP"
            git clean -ffdxq
        "#;
        let output = Command::new("bash")
            .args(["-ec", script])
            .current_dir(&folder)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.path("home"))
            .envs([("URL", url.as_str()), ("BRANCH", branch), ("TIP", &tip.to_string())])
            .output()
            .expect("bash");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// A pipeline of this kind on a branch.
    pub fn pipeline(source: &str, branch: &str, task: &str) -> BTreeMap<String, String> {
        let mut variables: BTreeMap<String, String> = [
            ("CI_PIPELINE_SOURCE", source),
            ("CI_COMMIT_BRANCH", branch),
            ("CI_COMMIT_REF_NAME", branch),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        if !task.is_empty() {
            variables.insert("TASK".to_owned(), task.to_owned());
        }
        variables
    }

    /// Runs a job of this pipeline from its sources to its artifacts, with the artifacts that it needs.
    #[track_caller]
    pub fn run(&self, job: &Job, pipeline: &BTreeMap<String, String>) -> Ended {
        self.get_sources(&pipeline["CI_COMMIT_BRANCH"]);
        for needed in &job.needs {
            copy(&self.path("artifacts").join(needed).join("."), &self.clone_folder());
        }
        let running = self.start(job, pipeline);
        self.finish(job, pipeline, running)
    }

    /// Starts `before_script` and `script` in a group of processes of their own.
    pub fn start(&self, job: &Job, pipeline: &BTreeMap<String, String>) -> Running {
        image(self.folder.path());
        let lines = [job.before_script.as_slice(), &job.script].concat();
        let log = self.path("log");
        let child = self.shell(job, pipeline, &lines, File::create(&log).expect("a log"));
        Running { child, log, project: self.clone_folder() }
    }

    /// Waits for the end, runs `after_script` as GitLab does in any case, and keeps the artifacts.
    #[track_caller]
    pub fn finish(
        &self,
        job: &Job,
        pipeline: &BTreeMap<String, String>,
        mut running: Running,
    ) -> Ended {
        let code = running.child.wait().expect("its status").code();
        // A signalled shell may end before what it has started.
        wait::until("all processes of the job end", || running.has_ended());
        if !job.after_script.is_empty() {
            let log = File::options().append(true).open(&running.log).expect("the log");
            let after = self.shell(job, pipeline, &job.after_script, log).wait();
            after.expect("its status");
        }
        let artifacts = self.path("artifacts").join(&job.name);
        if code == Some(0) || job.keeps_always {
            fs::create_dir_all(&artifacts).expect("a folder");
            for path in &job.artifacts {
                let from = running.project.join(path);
                if from.exists() {
                    let to = artifacts.join(path);
                    copy(&from, to.parent().expect("a folder"));
                }
            }
        }
        let log = String::from_utf8_lossy(&fs::read(&running.log).expect("the log")).into_owned();
        let ended = Ended { code, log, project: running.project, artifacts };
        for secret in &self.masked {
            assert!(!ended.log.contains(secret), "{secret} is in the log:\n{}", ended.log);
        }
        ended
    }

    fn shell(
        &self,
        job: &Job,
        pipeline: &BTreeMap<String, String>,
        lines: &[String],
        log: File,
    ) -> Child {
        let shown = |line: &String| {
            format!("printf '%s\\n' {}\n{line}\n", shell_words::quote(&format!("$ {line}")))
        };
        let script: String = lines.iter().map(shown).collect();
        let variables = self.variables_of(job, pipeline);
        let keeps_code = variables.get(SUBSHELL_FLAG).is_some_and(|value| value == "true");
        let evaluation = if keeps_code { WITH_SUBSHELL } else { DEFAULT };
        let path = format!("{}:{}", text(&self.path("usr")), text(&self.path("image")));
        let mut command = Command::new("bash");
        command
            .args(["-c", &script_of(evaluation)])
            .env_clear()
            .envs(variables)
            .env("RUNNER_SCRIPT", script)
            .env("HOME", self.path("home"))
            .env("PATH", path)
            .current_dir(self.clone_folder())
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("the log"))
            .stderr(log);
        command.spawn().expect("bash")
    }
}

impl Running {
    /// Waits until the journal of the job's run holds a line with these words.
    pub fn wait_for_entry(&mut self, words: &[&str]) {
        wait::until(&format!("{words:?} in the journal"), || {
            if self
                .child
                .try_wait()
                .expect("its status")
                .is_some_and(|status| status.code().is_some())
            {
                panic!("the job ended: {}", fs::read_to_string(&self.log).unwrap_or_default());
            }
            let journal = journal(&self.project).unwrap_or_default();
            journal.lines().any(|line| words.iter().all(|word| line.contains(word)))
        });
    }

    /// Whether no process of the job runs any more.
    fn has_ended(&self) -> bool {
        let listed = Command::new("ps").args(["-A", "-o", "pgid=,stat="]).output().expect("ps");
        let group = self.child.id().to_string();
        String::from_utf8_lossy(&listed.stdout).lines().all(|line| {
            let mut words = line.split_whitespace();
            words.next() != Some(&group) || words.next().is_some_and(|stat| stat.starts_with('Z'))
        })
    }

    /// Signals every process of the job.
    pub fn signal(&self, name: &str) {
        let group = format!("-{}", self.child.id());
        let sent = Command::new("kill").args([name, "--", &group]).status();
        assert!(sent.expect("kill").success());
    }
}

/// The journal of the only run below a clone.
pub fn journal(project: &Path) -> Option<String> {
    let run = fs::read_dir(project.join(".bcops/runs")).ok()?.flatten().next()?;
    fs::read_to_string(run.path().join("journal.jsonl")).ok()
}

impl Ended {
    #[track_caller]
    pub fn exits(&self, code: i32) -> &Ended {
        assert_eq!(self.code, Some(code), "{}", self.log);
        self
    }

    /// An artifact, which must exist.
    #[track_caller]
    pub fn artifact(&self, name: &str) -> String {
        let path = self.artifacts.join(name);
        fs::read_to_string(path).unwrap_or_else(|error| panic!("{name}: {error}\n{}", self.log))
    }

    #[track_caller]
    pub fn json(&self, name: &str) -> serde_json::Value {
        serde_json::from_str(&self.artifact(name)).expect("one document")
    }
}

/// `$NAME` and `${NAME}`; an unknown one is empty.
fn expanded(value: &str, known: &BTreeMap<String, String>) -> String {
    let pattern = regex::Regex::new(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)\}?").expect("a pattern");
    let found = |name: &regex::Captures<'_>| known.get(&name[1]).cloned().unwrap_or_default();
    pattern.replace_all(value, found).into_owned()
}

fn script_of(evaluation: &str) -> String {
    format!("umask 0000\nset -eo pipefail\nset +o noclobber\n{evaluation}\nexit 0\n")
}

pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    let status = Command::new("cp").arg("-a").args([from, to]).status();
    assert!(status.expect("cp").success(), "{} to {}", from.display(), to.display());
}

/// The files of the release: the program starts the binary under test. Returns the public key.
fn release(folder: &Path) -> String {
    let folder = folder.join(format!("v{VERSION}"));
    fs::create_dir(&folder).expect("a folder");
    let name = format!("bcops-{VERSION}-x86_64-linux");
    let program = format!("#!/bin/sh\nexec '{}' \"$@\"\n", env!("CARGO_BIN_EXE_bcops"));
    fs::write(folder.join(&name), program).expect("written");
    let sums = Command::new("sha256sum").arg(&name).current_dir(&folder).output();
    let mut sums = sums.expect("sha256sum").stdout;
    // A release has files for other machines too.
    sums.extend(format!("{}  bcops-{VERSION}-aarch64-linux\n", "0".repeat(64)).bytes());
    fs::write(folder.join("SHA256SUMS"), sums).expect("written");
    for arguments in [
        vec!["-q", "-t", "ed25519", "-N", "", "-C", "a test", "-f", "../key"],
        vec!["-Y", "sign", "-q", "-f", "../key", "-n", "bcops-release", "SHA256SUMS"],
    ] {
        let made = Command::new("ssh-keygen").args(arguments).current_dir(&folder).output();
        assert!(made.expect("ssh-keygen").status.success());
    }
    fs::read_to_string(folder.join("../key.pub")).expect("a key").trim().to_owned()
}

/// A new container: the programs of the image, and the two that are replaced.
fn image(folder: &Path) {
    let image = folder.join("image");
    for part in [&image, &folder.join("usr")] {
        let _ = fs::remove_dir_all(part);
        fs::create_dir(part).expect("a folder");
    }
    for name in IMAGE {
        symlink(program(name), image.join(name)).expect("a link");
    }
    let packages =
        [("curl", "curl"), ("git", "git"), ("jq", "jq"), ("openssh-client", "ssh-keygen")];
    let links: String = packages
        .map(|(package, name)| {
            format!("{package}) ln -s '{}' '{}' ;;\n", program(name).display(), image.display())
        })
        .concat();
    let apt = format!(
        "case \"$*\" in\nupdate\\ -qq) exit 0 ;;\ninstall\\ -qq\\ --no-install-recommends\\ *) shift 3 ;;\n\
         *) echo \"E: not known: $*\" >&2; exit 100 ;;\nesac\nfor package; do case $package in\n\
         ca-certificates) ;;\n{links}*) echo \"E: no package $package\" >&2; exit 100 ;;\nesac; done\n"
    );
    let into = format!(
        "for last; do :; done\n[ \"$last\" = /usr/local/bin/bcops ] || exit 64\n\
         set -- \"$1\" \"$2\" \"$3\"\nexec '{}' \"$@\" '{}/bcops'\n",
        program("install").display(),
        folder.join("usr").display()
    );
    for (name, script) in [("apt-get", apt), ("install", into)] {
        fs::write(image.join(name), format!("#!/bin/sh\n{script}")).expect("written");
        fs::set_permissions(image.join(name), fs::Permissions::from_mode(0o755)).expect("a mode");
    }
}

fn program(name: &str) -> PathBuf {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let found =
        std::env::split_paths(&folders).map(|folder| folder.join(name)).find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("no program {name}"))
}
