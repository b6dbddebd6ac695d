//! Decides which commit a release runs.
//!
//! Heroku's answers show the commit in several ways, which differ by stack. A build names its
//! commit and its release. A slug names its commit, but releases of the container stack have no
//! slug (`slug: null`). A release's description says `Deploy 1234abcd`, `Rollback to v12`, or
//! another purpose. If none of these shows a commit, the commit is unknown, and bcops does not
//! guess.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::client::Heroku;
use super::deploys::{Build, Release};
use super::error::HerokuError;
use super::watching::JobStatus;

/// The shortest abbreviation of a commit that git writes.
const SHORTEST: usize = 7;

/// The id of a commit as Heroku reports it, which may be abbreviated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeId(String);

impl CodeId {
    fn parse(text: &str) -> Option<CodeId> {
        let is_id = (SHORTEST..=40).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_id.then(|| CodeId(text.to_ascii_lowercase()))
    }

    /// Whether the id means this commit, which must be a full id.
    pub fn is(&self, commit: &str) -> bool {
        commit.len() == 40 && commit.starts_with(&self.0)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id, if it is not abbreviated.
    pub fn whole(&self) -> Option<&str> {
        (self.0.len() == 40).then_some(self.0.as_str())
    }

    fn agrees_with(&self, other: &CodeId) -> bool {
        self.0.starts_with(&other.0) || other.0.starts_with(&self.0)
    }
}

/// The newest releases of an app, with the commit of each where known.
#[derive(Debug, Clone)]
pub struct Releases {
    /// Newest first.
    pub all: Vec<Release>,
    code: BTreeMap<u64, CodeId>,
    /// For each version, the version whose code it runs, which may be itself.
    source: BTreeMap<u64, u64>,
}

impl Releases {
    /// The release that the dynos run.
    pub fn current(&self) -> Option<&Release> {
        let current = self.all.iter().find(|release| release.current);
        current.or_else(|| self.all.iter().find(|one| one.status == JobStatus::Succeeded))
    }

    pub fn by_id(&self, id: &str) -> Option<&Release> {
        self.all.iter().find(|release| release.id == id)
    }

    /// The commit that a release runs, if Heroku's answers show it.
    pub fn code(&self, release: &Release) -> Option<&CodeId> {
        self.code.get(&release.version)
    }

    /// Whether Heroku's answers show that a release runs this commit.
    pub fn runs(&self, release: &Release, commit: &str) -> bool {
        self.code(release).is_some_and(|code| code.is(commit))
    }

    /// The newest release that runs this commit, whatever its status.
    pub fn newest_of(&self, commit: &str) -> Option<&Release> {
        self.all.iter().find(|release| self.runs(release, commit))
    }

    /// Whether Heroku's answers show that a release runs the same code as this version, even if the
    /// commit is unknown.
    pub fn has_code_of(&self, release: &Release, version: u64) -> bool {
        let source = |version: u64| self.source.get(&version).copied();
        source(release.version).is_some_and(|one| one == source(version).unwrap_or(version))
    }

    fn learn(&mut self, version: u64, code: CodeId) {
        self.code.insert(version, code);
    }
}

#[derive(Deserialize)]
struct Slug {
    #[serde(default)]
    commit: Option<String>,
}

impl Heroku {
    /// The last 200 releases, with their code.
    pub async fn releases(&self, app: &str) -> Result<Releases, HerokuError> {
        let (releases, builds) =
            futures_util::try_join!(self.last_releases(app), self.last_builds(app))?;
        let mut releases = trace(releases, &builds);
        // A slug names the commit reliably, even if the description of the current release does
        // not.
        if let Some(current) = releases.current().cloned()
            && let Some(commit) = self.commit_of(app, &current).await?
        {
            releases.learn(current.version, commit);
        }
        Ok(releases)
    }

    /// The commit of a release's slug, if there is a slug that names it.
    pub async fn commit_of(
        &self,
        app: &str,
        release: &Release,
    ) -> Result<Option<CodeId>, HerokuError> {
        let Some(slug) = &release.slug else { return Ok(None) };
        let path = ["apps", app, "slugs", &slug.id];
        let request = self.platform(&path, format!("the slug of v{}", release.version));
        match self.get::<Slug>(request).await {
            Ok(slug) => Ok(slug.commit.as_deref().and_then(CodeId::parse)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// How a release was made, according to its description.
#[derive(Debug, PartialEq, Eq)]
enum Origin {
    Code(CodeId),
    /// The code of an earlier version: a rollback, or a retry of its release phase.
    CodeOf(u64),
    /// Config vars or add-ons changed: the code is that of the previous release.
    CodeOfTheOneBefore,
    Unknown,
}

impl Origin {
    fn of(description: &str) -> Origin {
        let version = |text: &str| {
            let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
            digits.parse().map_or(Origin::Unknown, Origin::CodeOf)
        };
        let code = |text: &str| CodeId::parse(text).map_or(Origin::Unknown, Origin::Code);
        let (verb, rest) = description.trim().split_once(' ').unwrap_or_default();
        match verb {
            "Deploy" => code(rest),
            // `Promote APP v12 1234abcd`
            "Promote" => code(rest.rsplit(' ').next().unwrap_or_default()),
            "Rollback" => rest.strip_prefix("to v").map_or(Origin::Unknown, version),
            "Retry" => rest.strip_prefix("of v").map_or(Origin::Unknown, version),
            "Set" | "Unset" | "Remove" if rest.contains("config var") => Origin::CodeOfTheOneBefore,
            "Attach" | "Detach" | "Update" => Origin::CodeOfTheOneBefore,
            "Enable" | "Disable" if rest.ends_with(" feature") => Origin::CodeOfTheOneBefore,
            _ => Origin::Unknown,
        }
    }
}

/// Follows the releases from the oldest to the newest, because each may run the code of an earlier
/// one.
fn trace(mut releases: Vec<Release>, builds: &[Build]) -> Releases {
    releases.sort_by_key(|release| release.version);
    let mut code: BTreeMap<u64, CodeId> = BTreeMap::new();
    let mut source: BTreeMap<u64, u64> = BTreeMap::new();
    let mut in_force: Option<u64> = None;
    // Whether a release with other code failed later: then the code of the next release is unknown.
    let mut is_open = false;
    for release in &releases {
        let (version, built) = (release.version, of_a_build(release, builds));
        let origin = Origin::of(&release.description);
        let from = match &origin {
            _ if built.is_some() => version,
            Origin::CodeOf(earlier) if *earlier < version => {
                source.get(earlier).copied().unwrap_or(*earlier)
            }
            Origin::CodeOfTheOneBefore if !is_open => in_force.unwrap_or(version),
            _ => version,
        };
        source.insert(version, from);
        let found = match (built, origin) {
            (Some(built), _) => Some(built),
            (None, Origin::Code(code)) => Some(code),
            (None, _) => code.get(&from).cloned(),
        };
        if let Some(found) = found {
            code.insert(version, found);
        }
        if release.status == JobStatus::Succeeded {
            (in_force, is_open) = (Some(from), false);
        } else {
            let now = in_force.and_then(|now| code.get(&now));
            is_open |= in_force != Some(from) && !agree(code.get(&version), now);
        }
    }
    releases.reverse();
    Releases { all: releases, code, source }
}

fn agree(one: Option<&CodeId>, other: Option<&CodeId>) -> bool {
    one.zip(other).is_some_and(|(one, other)| one.agrees_with(other))
}

/// The commit of the build that made a release, or its slug or image.
fn of_a_build(release: &Release, builds: &[Build]) -> Option<CodeId> {
    let made_it = |build: &&Build| build.release.as_ref().is_some_and(|one| one.id == release.id);
    let has_its_slug = |build: &&Build| build.slug.is_some() && build.slug == release.slug;
    let build = builds.iter().find(made_it).or_else(|| builds.iter().find(has_its_slug))?;
    build.commit().and_then(CodeId::parse)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const OLD: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const NEW: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    fn release(version: u64, status: &str, description: &str) -> Release {
        let current = Value::Bool(false);
        let json = json!({ "id": format!("r{version}"), "version": version, "status": status,
            "description": description, "current": current, "slug": null });
        serde_json::from_value(json).expect("a release")
    }

    fn build(commit: &str, release: &str) -> Build {
        let json = json!({ "id": "b", "status": "succeeded", "slug": null,
            "source_blob": { "version": commit }, "release": { "id": release } });
        serde_json::from_value(json).expect("a build")
    }

    fn code_of_the_newest(releases: Vec<Release>, builds: &[Build]) -> Option<String> {
        let releases = trace(releases, builds);
        releases.all.first().and_then(|one| releases.code(one)).map(|code| code.as_str().to_owned())
    }

    #[test]
    fn a_rollback_runs_the_code_of_its_target() {
        let releases = vec![
            release(4, "succeeded", "Rollback to v2"),
            release(3, "succeeded", "Deploy bbbbbbbb"),
            release(2, "succeeded", "Deploy aaaaaaaa"),
        ];
        let builds = [build(NEW, "r3"), build(OLD, "r2")];
        assert_eq!(code_of_the_newest(releases.clone(), &builds).as_deref(), Some(OLD));
        // Without the builds the description still shows the commit.
        let releases = trace(releases, &[]);
        assert!(releases.runs(&releases.all[0], OLD) && !releases.runs(&releases.all[0], NEW));
        assert_eq!(releases.newest_of(NEW).map(|one| one.version), Some(3));
    }

    #[test]
    fn a_change_of_config_vars_keeps_the_code() {
        for description in
            ["Set A, B config vars", "Remove A config vars", "Attach DATABASE (@ref:x)"]
        {
            let releases = vec![
                release(3, "succeeded", description),
                release(2, "succeeded", "Deploy aaaaaaaa"),
            ];
            assert_eq!(code_of_the_newest(releases, &[]).as_deref(), Some("aaaaaaaa"));
        }
    }

    #[test]
    fn a_rollback_is_recognized_without_commits() {
        let releases = vec![
            release(6, "succeeded", "Set A config vars"),
            release(5, "succeeded", "Rollback to v3"),
            release(4, "succeeded", "Deployed web (0123456789ab)"),
            release(3, "succeeded", "Deployed web (ba9876543210)"),
        ];
        let releases = trace(releases, &[]);
        let version = |number: u64| releases.all.iter().find(|one| one.version == number);
        let (six, four) = (version(6).expect("listed"), version(4).expect("listed"));
        assert_eq!(releases.code(six), None);
        assert!(releases.has_code_of(six, 3) && releases.has_code_of(six, 5));
        assert!(!releases.has_code_of(six, 4) && !releases.has_code_of(four, 3));
        // The target is no longer listed.
        let releases = trace(vec![release(9, "succeeded", "Rollback to v1")], &[]);
        assert!(releases.has_code_of(&releases.all[0], 1));
        assert!(!releases.has_code_of(&releases.all[0], 2));
    }

    #[test]
    fn code_that_heroku_does_not_show_is_unknown() {
        for description in [
            "",
            "Set the stage",
            "Deployed web (0123456789ab)",
            "Rollback to v9",
            "Deploy v1.2",
            "Rollback to v1",
            "Update",
            "Deploy",
            "Enable Logplex",
            "Initial release",
        ] {
            let releases = vec![
                release(3, "succeeded", description),
                release(2, "succeeded", "Deploy aaaaaaaa"),
            ];
            assert_eq!(code_of_the_newest(releases, &[]), None, "{description}");
        }
        // After a failed release of other code, the code after a change of config vars is unknown.
        let releases = vec![
            release(4, "succeeded", "Set A config vars"),
            release(3, "failed", "Deploy bbbbbbbb"),
            release(2, "succeeded", "Deploy aaaaaaaa"),
        ];
        assert_eq!(code_of_the_newest(releases, &[]), None);
    }

    #[test]
    fn a_name_that_is_not_a_commit_is_refused() {
        for name in ["", "main", "abc", "zzzzzzzzzz", &"a".repeat(41)] {
            assert_eq!(CodeId::parse(name), None, "{name}");
        }
        assert!(!CodeId::parse("aaaaaaa").expect("an id").is("aaaaaaa"));
    }
}
