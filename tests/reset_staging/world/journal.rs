//! Reads the journal of a run from outside, and kills runs at its transitions.

use std::fs;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::World;
use crate::command::Running;

/// Longer than any run takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

impl World {
    /// The full name of the newest run, from the folder of runs. `None` if there is none.
    pub fn run_on_disk(&self) -> Option<String> {
        let runs = fs::read_dir(self.bcops.state_directory().join("runs")).ok()?;
        runs.flatten().filter_map(|run| run.file_name().into_string().ok()).max()
    }

    pub fn run_folder(&self) -> Option<PathBuf> {
        Some(self.bcops.state_directory().join("runs").join(self.run_on_disk()?))
    }

    /// The complete lines of the newest run's journal.
    pub fn journal(&self) -> Vec<String> {
        let path = self.run_folder().map(|folder| folder.join("journal.jsonl"));
        let text = path.and_then(|path| fs::read_to_string(path).ok()).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(str::to_owned).collect()
    }

    /// Waits until the journal has this many lines. False if the program ended before.
    pub fn wait_for_line(&self, running: &mut Running, line: usize) -> bool {
        self.wait_until(running, |journal| journal.len() >= line)
    }

    /// Waits until a line of the journal holds all of these.
    pub fn wait_for_entry(&self, running: &mut Running, parts: &[&str]) -> bool {
        self.wait_until(running, |journal| {
            journal.iter().any(|line| parts.iter().all(|part| line.contains(part)))
        })
    }

    fn wait_until(&self, running: &mut Running, so: impl Fn(&[String]) -> bool) -> bool {
        let began = Instant::now();
        while !so(&self.journal()) {
            if !running.is_running() {
                return so(&self.journal());
            }
            assert!(began.elapsed() < PATIENCE, "not in the journal: {:#?}", self.journal());
            sleep(Duration::from_millis(2));
        }
        true
    }

    /// Moves the newest run's times in its journal into the past.
    pub fn age_journal(&self, by: Duration) {
        let path = self.run_folder().expect("a run").join("journal.jsonl");
        let older = |line: String| {
            let mut line: serde_json::Value = serde_json::from_str(&line).expect("JSON");
            let at: jiff::Timestamp =
                line["at"].as_str().and_then(|at| at.parse().ok()).expect("a time");
            line["at"] = (at - by).to_string().into();
            format!("{line}\n")
        };
        let text: String = self.journal().into_iter().map(older).collect();
        fs::write(path, text).expect("written");
    }

    /// Runs the program and kills it when the journal has this many lines.
    pub fn kill_at_line(&self, arguments: &[&str], line: usize) {
        let mut running = self.start(arguments);
        self.wait_for_line(&mut running, line);
        running.kill();
    }
}
