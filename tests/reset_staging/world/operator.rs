//! Reads the operator's clone, and the run's files on the operator's machine.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use super::World;

/// Everything in a clone that its owner could notice, with the bytes of files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloneState {
    files: Vec<(&'static str, Option<Vec<u8>>)>,
    references: String,
    work_tree: String,
    stash: String,
    reflog: String,
}

impl World {
    /// The clone that the program works in.
    pub fn clone_folder(&self) -> PathBuf {
        self.bcops.directory().join("work")
    }

    /// Includes `refs/bcops`, because none of these refs may remain.
    pub fn clone_state(&self) -> CloneState {
        let folder = self.clone_folder();
        let git = |arguments: &[&str]| self.whole.code.git(&folder, arguments);
        let directory = PathBuf::from(git(&["rev-parse", "--absolute-git-dir"]).trim());
        let names =
            ["HEAD", "index", "config", "FETCH_HEAD", "ORIG_HEAD", "shallow", "packed-refs"];
        let is_bare = git(&["rev-parse", "--is-bare-repository"]).trim() == "true";
        CloneState {
            files: names.map(|name| (name, fs::read(directory.join(name)).ok())).to_vec(),
            references: git(&["for-each-ref", "--format=%(refname) %(objectname)"]),
            work_tree: if is_bare {
                String::new()
            } else {
                // Reading must not refresh the index, which is compared.
                git(&["--no-optional-locks", "status", "--porcelain", "--ignored"])
            },
            stash: if is_bare { String::new() } else { git(&["stash", "list"]) },
            reflog: git(&["reflog", "--all"]),
        }
    }

    /// Moves a run three days back: its name, its folder, and the times in its journal.
    pub fn make_older(&self, run: &str) {
        let folder = self.bcops.state_directory().join("runs");
        let day: jiff::civil::Date = run[1..9].parse().expect("the day in its name");
        let before = day.checked_sub(jiff::Span::new().days(3)).expect("a day");
        let older = format!("r{}{}", before.strftime("%Y%m%d"), &run[9..]);
        fs::rename(folder.join(run), folder.join(&older)).expect("the run's folder");
        let journal = folder.join(&older).join("journal.jsonl");
        let text = fs::read_to_string(&journal).expect("the journal").replace(run, &older);
        let moment = regex::Regex::new(r#""at":"([^"]+)""#).expect("a pattern");
        let text = moment.replace_all(&text, |found: &regex::Captures<'_>| {
            let at: jiff::Timestamp = found[1].parse().expect("a time");
            format!("\"at\":\"{}\"", at - jiff::SignedDuration::from_hours(72))
        });
        fs::write(&journal, text.as_bytes()).expect("the journal");
    }

    /// The full name of the newest run.
    #[track_caller]
    pub fn newest_run(&self) -> String {
        let listed = self.bcops(&["runs", "list", "--json"]).exits(0).json();
        listed["result"]["runs"][0]["run"].as_str().expect("a run").to_owned()
    }

    /// The report of the newest run, as a document.
    #[track_caller]
    pub fn report(&self) -> Value {
        self.bcops(&["runs", "show", "--json"]).exits(0).json()["result"].clone()
    }

    /// How a step of the newest run ended.
    #[track_caller]
    pub fn outcome(&self, step: &str) -> String {
        let report = self.report();
        let steps = report["steps"].as_array().expect("steps");
        let found = steps.iter().find(|one| one["id"] == step);
        let found = found.unwrap_or_else(|| panic!("no step {step}: {report:#}"));
        found["outcome"].as_str().expect("an outcome").to_owned()
    }

    /// Every file that runs have left on this machine, with its path.
    pub fn files_of_runs(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = Vec::new();
        let mut folders = vec![self.bcops.state_directory()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                match entry.path() {
                    path if path.is_dir() => folders.push(path),
                    path => found.push((path.clone(), fs::read(&path).expect("a file"))),
                }
            }
        }
        found
    }

    /// Checks that no file of a run holds this.
    #[track_caller]
    pub fn assert_not_in_files(&self, secret: &str) {
        let files = self.files_of_runs();
        assert!(!files.is_empty(), "no run has left anything");
        for (path, content) in files {
            let text = String::from_utf8_lossy(&content);
            assert!(!text.contains(secret), "{secret} is in {}:\n{text}", path.display());
        }
    }
}
