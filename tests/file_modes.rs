//! Tests that only the user can read what bcops writes on this machine, also if a run is killed.
//! Media are the exception: the site's own server must read them, so they follow the umask
//! (`media/keys.rs`).

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::command::{Bcops, Run};
use crate::heroku::world::PRODUCTION;
use crate::pull_data::world::{COMPLETED, HOUR, sample};
use crate::standins::cloudflare::{Fault, Login, Plan, Rule};
use crate::standins::heroku::Options;
use crate::standins::s3;
use crate::support::wait;
use crate::whole_site::STAGING;
use crate::{media, pull_data, purge_cache, reset_staging};

const PURGE: &str = "/purge_cache";

/// All folders of a run: home, working, temporary and state folders.
struct Watched<'a> {
    bcops: &'a Bcops,
    before: BTreeSet<PathBuf>,
    /// Other programs also write below these: git in a clone, and media.
    passed_over: Vec<PathBuf>,
}

impl<'a> Watched<'a> {
    fn new(bcops: &'a Bcops, passed_over: &[&str]) -> Self {
        let passed_over = passed_over.iter().map(|name| bcops.directory().join(name)).collect();
        let mut watched = Watched { bcops, before: BTreeSet::new(), passed_over };
        watched.before = watched.all();
        watched
    }

    fn all(&self) -> BTreeSet<PathBuf> {
        let mut found = BTreeSet::new();
        let mut folders = vec![self.bcops.directory().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("a folder").flatten() {
                let path = entry.path();
                if self.passed_over.contains(&path) {
                    continue;
                }
                if entry.file_type().expect("a type").is_dir() {
                    folders.push(path.clone());
                }
                found.insert(path);
            }
        }
        found
    }

    /// Checks all new files, and that each of these names is among them.
    #[track_caller]
    fn assert_private(&self, expected: &[&str]) {
        let all = self.all();
        let new: Vec<&PathBuf> = all.difference(&self.before).collect();
        for name in expected {
            let is_there = new.iter().any(|path| path.to_string_lossy().contains(name));
            assert!(is_there, "nothing was written as {name}: {new:?}");
        }
        for path in new {
            assert_mode(path);
        }
    }
}

#[track_caller]
fn assert_mode(path: &Path) {
    let found = fs::symlink_metadata(path).expect("a file");
    let expected = if found.is_dir() { 0o700 } else { 0o600 };
    let mode = found.permissions().mode() & 0o777;
    assert_eq!(mode, expected, "{mode:o} of {}", path.display());
}

#[test]
fn pulls_downloads_and_scrubs() {
    let world = pull_data::world::World::small();
    let watched = Watched::new(&world.bcops, &[]);
    let run = |arguments: &[&str]| -> Run { world.bcops.run(arguments) };
    run(&["backups", "list", "production"]).exits(0);
    world.pull(&["--yes"]).exits(0);
    run(&["scrub-pii", "--yes"]).exits(0);
    run(&["backups", "download", "production", "scrubbed.dump"]).exits(0);
    let raw = ["--no-scrub", "--i-need-personal-data", "a test"];
    run(&[&["backups", "download", "production", "raw.dump"][..], &raw].concat()).exits(0);
    run(&["scrub-pii", "--dump", "raw.dump", "again.dump"]).exits(0);
    let known = "state/backups/production.json";
    let dumps = ["work/scrubbed.dump", "work/raw.dump", "work/again.dump"];
    watched.assert_private(&[&[known, "state/journal.jsonl"], &dumps[..]].concat());
}

#[test]
fn a_download_that_is_killed() {
    let world =
        pull_data::world::World::empty(Options { throttle: Some(50_000), ..Options::default() });
    world.standin.add_backup(PRODUCTION, &sample().archive, HOUR, COMPLETED);
    let watched = Watched::new(&world.bcops, &[]);
    let raw = ["--no-scrub", "--i-need-personal-data", "a test"];
    let download = ["backups", "download", "production", "raw.dump"];
    let run = world.bcops.start(&[&download[..], &raw].concat());
    let is_begun = || watched.all().iter().any(|path| path.to_string_lossy().contains("partial"));
    wait::until("a file is begun", is_begun);
    run.kill();
    watched.assert_private(&["work/raw.dump.bcops-partial", "state/journal.jsonl"]);
}

#[test]
fn media_and_their_index() {
    let world = media::world::World::new();
    world.fill(media::world::PRODUCTION, 60);
    let watched = Watched::new(&world.bcops, &["work/media"]);
    world.pull(&["--yes"]).exits(0);
    world.push(&[]).exits(0);
    fs::remove_file(world.media().join("images/File_0003.jpg")).expect("a file");
    world.push(&["--max-delete", "100%"]).exits(0);
    world.copy(&[]).exits(0);
    // Parts of a large file are recorded during the transfer.
    world.s3.put(media::world::PRODUCTION, "documents/large.bin", media::world::large(72 << 20));
    world.s3.misbehave(s3::Rule::always("GetObject", s3::Fault::Hang).on("large.bin").after(1));
    let known = watched.all().len();
    world.s3.forget_requests();
    let run = world.bcops.start(&["pull-media", "production", "--yes"]);
    let is_on_record = || world.count("GetObject") >= 2 && watched.all().len() > known;
    wait::until("parts of it are on record", is_on_record);
    run.kill();
    watched.assert_private(&["state/media", "deleted.jsonl"]);
}

#[test]
fn files_of_a_purge() {
    let world = purge_cache::world::World::with(
        Plan::Enterprise,
        10.0,
        Login::token(purge_cache::world::TOKEN),
    );
    let urls = purge_cache::world::urls(1200);
    world.cloudflare.misbehave(Rule::times(1, PURGE, Fault::NotASuccess).after(2));
    let watched = Watched::new(&world.bcops, &["work/input.txt"]);
    world.purge_reading(&["staging", "--url", "-"], &urls).exits(11);
    watched.assert_private(&["state/purge-cache/staging-", "state/journal.jsonl"]);
}

#[test]
fn plans_runs_and_rollbacks() {
    let world = reset_staging::world::World::new();
    // Git's objects in the clone have the modes of a clone.
    let watched = Watched::new(&world.bcops, &["work/.git"]);
    let plan = ["--recreate-users", "none", "--plan-out", "plan.json"];
    world.bcops(&[&["reset-staging", "--branches", "none"], &plan[..]].concat()).exits(0);
    world.bcops(&reset_staging::run::arguments(&[])).exits(0);
    let run = world.newest_run();
    world.bcops(&["runs", "rollback", &run, "--confirm", STAGING]).exits(0);
    let files = ["work/plan.json", "/journal.jsonl", "/report.md", "/messages.md"];
    watched.assert_private(&files);
}
