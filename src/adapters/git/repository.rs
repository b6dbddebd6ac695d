//! Finds the repository to work in: the clone around the working directory, or a temporary one.
//!
//! The user's clone gets only new objects, and refs below `refs/bcops/RUN/`. A clone that lacks
//! history or files (shallow, partial), or that libgit2 cannot read, is not changed at all: a
//! temporary bare repository with the clone's URL and settings replaces it.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::clone::LocalClone;
use super::connection::{self, Settings};
use super::error::GitError;
use super::names::Namespace;
use super::process::{Call, GitProgram, Output};
use super::progress::Listener;
use super::remote::{Remote, alias};
use super::temporary::{self, TemporaryFolder};
use super::version;
use crate::secret::Secret;

/// Where to find the repository, and the run that names the refs.
pub struct Access<'a> {
    pub program: GitProgram,
    pub working_directory: &'a Path,
    /// The name of the remote, usually `origin`.
    pub remote: &'a str,
    /// The URL for a temporary repository if there is no clone.
    pub url: Option<&'a str>,
    /// Where temporary folders are made.
    pub scratch: &'a Path,
    pub run: &'a str,
}

/// A repository to read, to merge in and to push from.
#[derive(Debug, Clone)]
pub struct Repository {
    program: GitProgram,
    clone: LocalClone,
    /// The settings that git needs to reach the remote under its alias.
    settings: Vec<(String, Secret)>,
    temporary: Option<Arc<TemporaryFolder>>,
    scratch: PathBuf,
    namespace: Namespace,
    origin: Remote,
    /// The name of the origin in the clone.
    remote_name: String,
}

impl Repository {
    /// Opens the clone around the working directory, or makes a temporary repository.
    pub async fn open(access: &Access<'_>) -> Result<Repository, GitError> {
        let namespace = Namespace::of_run(access.run)?;
        if access.remote.starts_with('-') || !git2::Remote::is_valid_name(access.remote) {
            let name = access.remote.to_owned();
            return Err(GitError::InvalidName { what: "the name of a remote", name });
        }
        version::check(&access.program, access.scratch).await?;
        temporary::remove_left_over(access.scratch);
        let Some(clone) = LocalClone::around(access.working_directory)? else {
            return Repository::without_clone(access, namespace).await;
        };
        let settings = Settings::read(&access.program, &clone, access.remote).await?;
        if !settings.names_remote() {
            return Err(GitError::UnknownRemote {
                folder: clone.top.display().to_string(),
                name: access.remote.to_owned(),
            });
        }
        let mut to_remote = settings.of_remote(&clone);
        to_remote.extend(connection::batch_mode(&access.program, &clone).await?);
        if !clone.usable || settings.is_partial() {
            return Repository::in_place_of(access, namespace, (clone, settings), to_remote).await;
        }
        Ok(Repository::new(access, namespace, clone, to_remote, None))
    }

    /// A temporary repository that behaves like the clone: with the same settings and attributes,
    /// and run in the same folder, because settings hold relative paths.
    async fn in_place_of(
        access: &Access<'_>,
        namespace: Namespace,
        (clone, settings): (LocalClone, Settings),
        to_remote: Vec<(String, Secret)>,
    ) -> Result<Repository, GitError> {
        let mut repository = Repository::temporary(access, namespace, to_remote)?;
        repository.clone.top = clone.top.clone();
        let own = settings.of_clone(&access.program, &repository.clone).await?;
        repository.settings.extend(own);
        let attributes = connection::own_attributes(&access.program, &clone).await?;
        if attributes.is_file() {
            let folder = repository.clone.folder.join("info");
            std::fs::create_dir_all(&folder)
                .and_then(|()| std::fs::copy(&attributes, folder.join("attributes")))
                .map_err(|cause| GitError::Temporary {
                    path: folder.display().to_string(),
                    cause,
                })?;
        }
        Ok(repository)
    }

    async fn without_clone(
        access: &Access<'_>,
        namespace: Namespace,
    ) -> Result<Repository, GitError> {
        let url = access.url.ok_or_else(|| GitError::NotARepository {
            folder: access.working_directory.display().to_string(),
        })?;
        let key = format!("remote.{}.url", alias(access.remote));
        let mut repository =
            Repository::temporary(access, namespace, vec![(key, Secret::url(url))])?;
        let own = connection::batch_mode(&access.program, &repository.clone).await?;
        repository.settings.extend(own);
        Ok(repository)
    }

    fn temporary(
        access: &Access<'_>,
        namespace: Namespace,
        settings: Vec<(String, Secret)>,
    ) -> Result<Repository, GitError> {
        let folder = TemporaryFolder::new(access.scratch)?;
        let options = {
            let mut options = git2::RepositoryInitOptions::new();
            // The user's template may hold hooks, and a bare repository does not need a template.
            options.bare(true).external_template(false);
            options
        };
        git2::Repository::init_opts(folder.path(), &options)
            .map_err(GitError::library("a temporary repository"))?;
        let path = folder.path().to_owned();
        let clone = LocalClone { folder: path.clone(), top: path, usable: true };
        Ok(Repository::new(access, namespace, clone, settings, Some(Arc::new(folder))))
    }

    fn new(
        access: &Access<'_>,
        namespace: Namespace,
        clone: LocalClone,
        settings: Vec<(String, Secret)>,
        temporary: Option<Arc<TemporaryFolder>>,
    ) -> Repository {
        Repository {
            program: access.program.clone(),
            clone,
            settings,
            temporary,
            scratch: access.scratch.to_owned(),
            namespace,
            origin: Remote::named(access.remote),
            remote_name: access.remote.to_owned(),
        }
    }

    /// The same repository in the namespace of another run.
    pub fn for_run(&self, run: &str) -> Result<Repository, GitError> {
        Ok(Repository { namespace: Namespace::of_run(run)?, ..self.clone() })
    }

    /// Whether the repository and its refs are deleted when the last copy of this value is dropped.
    pub fn is_temporary(&self) -> bool {
        self.temporary.is_some()
    }

    /// The remote from which branches are fetched.
    pub fn origin(&self) -> &Remote {
        &self.origin
    }

    /// The id of the run that works here.
    pub(super) fn run(&self) -> &str {
        self.namespace.run()
    }

    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// The URL that git uses for the remote, after its own rewriting and without credentials.
    pub async fn origin_url(&self) -> Result<String, GitError> {
        let what = format!("looking up the URL of {}", self.origin.label());
        let arguments = ["ls-remote", "--get-url", self.origin.address()];
        let output = self.local(&what, arguments).await?;
        Ok(super::words::without_user_parts(output.text().trim()))
    }

    /// The same URL, all push URLs of the clone's settings, and git's rewritten forms of them.
    pub async fn origin_urls(&self) -> Result<Vec<String>, GitError> {
        let mut urls = vec![self.origin_url().await?];
        let of_remote = self.settings.iter().filter(|(name, _)| {
            (name.ends_with(".url") || name.ends_with(".pushurl")) && name.starts_with("remote.")
        });
        let given = of_remote.map(|(_, value)| super::words::without_user_parts(value.expose()));
        for url in given.chain(self.push_urls(&self.origin).await?) {
            if !urls.contains(&url) {
                urls.push(url);
            }
        }
        Ok(urls)
    }

    /// The name of the origin in the clone.
    pub(super) fn remote_name(&self) -> &str {
        &self.remote_name
    }

    pub(super) fn settings(&self) -> &[(String, Secret)] {
        &self.settings
    }

    /// Removes the refs of this run from the clone. Git's own maintenance removes the objects
    /// later.
    pub fn forget(&self) -> Result<(), GitError> {
        let failed = || GitError::library(format!("removing {}*", self.namespace.prefix()));
        let repository = self.library()?;
        let glob = format!("{}*", self.namespace.prefix());
        let references = repository.references_glob(&glob).map_err(failed())?;
        for reference in references {
            reference.and_then(|mut found| found.delete()).map_err(failed())?;
        }
        Ok(())
    }

    /// The runs, including this one, that have refs in the clone.
    pub fn runs_with_refs(&self) -> Result<BTreeSet<String>, GitError> {
        let repository = self.library()?;
        let names = repository.references_glob("refs/bcops/*");
        let names = names.and_then(|mut all| {
            let names =
                all.names().map(|name| name.map(|name| Namespace::run_of(name).map(str::to_owned)));
            names.filter_map(Result::transpose).collect()
        });
        names.map_err(GitError::library("reading refs/bcops/*"))
    }

    /// Keeps a commit under a name of this run, so that git's maintenance does not delete it.
    pub fn keep(&self, name: &str, commit: git2::Oid) -> Result<String, GitError> {
        let reference = self.namespace.reference(name);
        self.library()?
            .reference(&reference, commit, true, "")
            .map_err(GitError::library(format!("writing {reference}")))?;
        Ok(reference)
    }

    /// The commit that [`Repository::keep`] kept, if it is still there.
    pub fn kept(&self, name: &str) -> Result<Option<git2::Oid>, GitError> {
        self.resolve(&self.namespace.reference(name))
    }

    /// The commit that a ref of the clone points at.
    pub(super) fn resolve(&self, reference: &str) -> Result<Option<git2::Oid>, GitError> {
        match self.library()?.refname_to_id(reference) {
            Ok(commit) => Ok(Some(commit)),
            Err(cause) if cause.code() == git2::ErrorCode::NotFound => Ok(None),
            Err(cause) => Err(GitError::library(format!("reading {reference}"))(cause)),
        }
    }

    /// Opens the repository for libgit2, whose handles cannot be shared between threads.
    pub(super) fn library(&self) -> Result<git2::Repository, GitError> {
        git2::Repository::open(&self.clone.folder)
            .map_err(GitError::library(self.clone.folder.display().to_string()))
    }

    /// The variable that makes git use this repository in any folder.
    pub(super) fn variable(&self) -> (String, Secret) {
        self.clone.variable()
    }

    pub(super) fn scratch(&self) -> &Path {
        &self.scratch
    }

    pub(super) fn program(&self) -> &GitProgram {
        &self.program
    }

    /// Runs git without the network. An exit code other than 0 is an error.
    pub(super) async fn local<'a>(
        &self,
        what: &str,
        arguments: impl IntoIterator<Item = &'a str>,
    ) -> Result<Output, GitError> {
        let output = self.program.run(self.local_call(what, arguments)).await?;
        if output.success() {
            Ok(output)
        } else {
            Err(GitError::Failed { what: what.to_owned(), said: output.said })
        }
    }

    /// Asks for settings that may be missing, and ignores the exit code.
    pub(super) async fn ask_settings<'a>(
        &self,
        what: &str,
        arguments: impl IntoIterator<Item = &'a str>,
    ) -> Result<Output, GitError> {
        self.program.run(self.local_call(what, arguments)).await
    }

    fn local_call<'c, 'a>(
        &'c self,
        what: &str,
        arguments: impl IntoIterator<Item = &'a str>,
    ) -> Call<'c> {
        let limit = self.program.limits.local;
        Call {
            what: what.to_owned(),
            folder: &self.clone.top,
            arguments: arguments.into_iter().map(OsString::from).collect(),
            variables: self.variables(),
            limit,
            silence: limit,
            listener: None,
        }
    }

    /// Runs git against a remote. The caller judges the exit code.
    pub(super) async fn remotely(
        &self,
        what: &str,
        remote: &Remote,
        arguments: Vec<String>,
        listener: Option<Listener<'_>>,
    ) -> Result<Output, GitError> {
        let limits = self.program.limits;
        let pushes_to_build =
            remote.builds_on_push() && arguments.iter().any(|word| word == "push");
        let mut variables = self.variables();
        variables.extend(remote.variables());
        let options = remote.options().into_iter();
        let call = Call {
            what: what.to_owned(),
            folder: &self.clone.top,
            arguments: options.chain(arguments.into_iter().map(OsString::from)).collect(),
            variables,
            limit: if pushes_to_build { limits.build } else { limits.network },
            silence: limits.silence,
            listener,
        };
        self.program.run(call).await
    }

    /// The variables with the settings and the location of this repository for git.
    pub(super) fn variables(&self) -> Vec<(String, Secret)> {
        let mut variables = connection::as_variables(&self.program, &self.settings);
        variables.push(self.variable());
        variables
    }
}
