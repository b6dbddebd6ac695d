//! Creates real git repositories in a temporary folder: an origin, and clones of it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use bcops::adapters::git::{Access, GitError, GitProgram, Limits, Oid, Repository};

/// Seconds at which the histories of the tests begin.
pub const START: i64 = 1_760_000_000;

pub struct World {
    folder: tempfile::TempDir,
}

/// The files of a commit, by path.
pub type Files = BTreeMap<String, Vec<u8>>;

pub fn files(list: &[(&str, &str)]) -> Files {
    list.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect()
}

impl World {
    /// An empty bare origin.
    pub fn new() -> World {
        let world = World { folder: tempfile::tempdir().expect("a folder") };
        let config = "[user]\nname = Op Erator\nemail = op@example.test\n[init]\n\
                      defaultBranch = master\n[protocol \"file\"]\nallow = always\n[advice]\n\
                      defaultBranchName = false\n";
        std::fs::write(world.path("gitconfig"), config).expect("written");
        world.git(world.folder.path(), &["init", "-q", "--bare", "origin.git"]);
        world
    }

    /// An origin with a first commit on master, and a clone.
    pub fn with_clone() -> World {
        let world = World::new();
        world.commit("master", &[], &files(&[("README", "hello\n")]), 0);
        let origin = world.origin();
        world.git(world.folder.path(), &["clone", "-q", &text(&origin), "clone"]);
        world
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn origin(&self) -> PathBuf {
        self.path("origin.git")
    }

    pub fn clone(&self) -> PathBuf {
        self.path("clone")
    }

    /// Variables that keep the developer's own settings out of the tests.
    fn environment(&self) -> Vec<(OsString, Option<OsString>)> {
        let mut variables: Vec<(OsString, Option<OsString>)> = vec![
            ("HOME".into(), Some(self.folder.path().into())),
            ("XDG_CONFIG_HOME".into(), Some(self.path("no").into())),
            ("GIT_CONFIG_GLOBAL".into(), Some(self.path("gitconfig").into())),
            ("GIT_CONFIG_NOSYSTEM".into(), Some("1".into())),
        ];
        for name in ["EMAIL", "GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_CONFIG_COUNT"] {
            variables.push((name.into(), None));
        }
        variables
    }

    pub fn program(&self) -> GitProgram {
        let limits = Limits {
            network: Duration::from_secs(20),
            build: Duration::from_secs(20),
            silence: Duration::from_secs(20),
            ..Limits::default()
        };
        GitProgram { program: "git".into(), environment: self.environment(), limits }
    }

    pub async fn open(&self, folder: &Path, run: &str) -> Result<Repository, GitError> {
        self.open_with(self.program(), folder, None, run).await
    }

    pub async fn open_with(
        &self,
        program: GitProgram,
        folder: &Path,
        url: Option<&str>,
        run: &str,
    ) -> Result<Repository, GitError> {
        let scratch = self.path("scratch");
        let access = Access {
            program,
            working_directory: folder,
            remote: "origin",
            url,
            scratch: &scratch,
            run,
        };
        Repository::open(&access).await
    }

    /// The clone, opened, with every branch fetched.
    pub async fn fetched(&self, run: &str) -> Repository {
        let repository = self.open(&self.clone(), run).await.expect("a clone");
        repository.fetch_branches(None).await.expect("fetched");
        repository
    }

    /// Runs git, which must succeed, and returns its output.
    pub fn git(&self, folder: &Path, arguments: &[&str]) -> String {
        let (ended_well, output) = self.try_git(folder, arguments);
        assert!(ended_well, "git {arguments:?}: {output}");
        output
    }

    pub fn try_git(&self, folder: &Path, arguments: &[&str]) -> (bool, String) {
        let mut command = Command::new("git");
        command.current_dir(folder).args(arguments).env("LC_ALL", "C");
        for (name, value) in self.environment() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let date = format!("{} +0100", START + 500_000);
        command.env("GIT_AUTHOR_DATE", &date).env("GIT_COMMITTER_DATE", &date);
        let output = command.output().expect("git runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let printed = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        (output.status.success(), if output.status.success() { printed } else { printed + &said })
    }

    /// Writes a commit straight into the origin and points a branch at it.
    pub fn commit(&self, branch: &str, parents: &[Oid], files: &Files, minute: i64) -> Oid {
        self.commit_saying(branch, parents, files, minute, &format!("Change {branch}"))
    }

    pub fn commit_saying(
        &self,
        branch: &str,
        parents: &[Oid],
        files: &Files,
        minute: i64,
        message: &str,
    ) -> Oid {
        let repository = git2::Repository::open(self.origin()).expect("the origin");
        let mut index = git2::Index::new().expect("an index");
        for (path, content) in files {
            // A path that ends in `@` means a link.
            let (path, mode) = match path.strip_suffix('@') {
                Some(path) => (path, 0o120_000),
                None => (path.as_str(), 0o100_644),
            };
            let id = repository.blob(content).expect("a blob");
            index.add(&entry(path, id, mode)).expect("added");
        }
        let tree = index.write_tree_to(&repository).expect("a tree");
        let tree = repository.find_tree(tree).expect("a tree");
        let time = git2::Time::new(START + minute * 60, 0);
        let author = git2::Signature::new(&format!("{branch} author"), "a@example.test", &time);
        let author = author.expect("a signature");
        let parents: Vec<git2::Commit<'_>> =
            parents.iter().map(|id| repository.find_commit(*id).expect("a parent")).collect();
        let parents: Vec<&git2::Commit<'_>> = parents.iter().collect();
        let commit = repository.commit(None, &author, &author, message, &tree, &parents);
        let commit = commit.expect("a commit");
        self.point(branch, Some(commit));
        commit
    }

    /// Moves or removes a branch of the origin.
    pub fn point(&self, branch: &str, commit: Option<Oid>) {
        let repository = git2::Repository::open(self.origin()).expect("the origin");
        let name = format!("refs/heads/{branch}");
        match commit {
            Some(commit) => drop(repository.reference(&name, commit, true, "").expect("a ref")),
            None => repository.find_reference(&name).expect("there").delete().expect("deleted"),
        }
    }

    /// The commit of a ref of the origin.
    pub fn origin_tip(&self, reference: &str) -> Option<Oid> {
        let repository = git2::Repository::open(self.origin()).expect("the origin");
        repository.refname_to_id(reference).ok()
    }

    /// Puts a hook into a repository.
    pub fn hook(&self, repository: &Path, name: &str, script: &str) {
        use std::os::unix::fs::PermissionsExt;
        let folder = repository.join("hooks");
        std::fs::create_dir_all(&folder).expect("a folder");
        let path = folder.join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("written");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("executable");
    }

    /// A git that records its arguments.
    pub fn recorded_program(&self) -> (GitProgram, PathBuf) {
        use std::os::unix::fs::PermissionsExt;
        let (script, log) = (self.path("recorded-git"), self.path("recorded"));
        let text = format!("#!/bin/sh\necho \"$@\" >> '{}'\nexec git \"$@\"\n", log.display());
        std::fs::write(&script, text).expect("written");
        std::fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).expect("executable");
        (GitProgram { program: script, ..self.program() }, log)
    }
}

fn entry(path: &str, id: Oid, mode: u32) -> git2::IndexEntry {
    let zero = git2::IndexTime::new(0, 0);
    git2::IndexEntry {
        ctime: zero,
        mtime: zero,
        dev: 0,
        ino: 0,
        mode,
        uid: 0,
        gid: 0,
        file_size: 0,
        id,
        flags: 0,
        flags_extended: 0,
        path: path.as_bytes().to_vec(),
    }
}

pub fn text(path: &Path) -> String {
    path.display().to_string()
}
