//! Checks the remains of a finished run: no files, folders, refs, locks or processes, except files
//! that only the operator can read.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::World;

/// How long git may take to notice the end of bcops.
const NOTICED_WITHIN: Duration = Duration::from_secs(5);

impl World {
    /// The refs of bcops in the operator's clone.
    pub fn refs_of_bcops(&self) -> Vec<String> {
        let listed = self.whole.code.references(&self.clone_folder());
        listed.into_iter().filter(|line| line.contains("refs/bcops")).collect()
    }

    /// The faults in the remains of a finished run. Empty if there are none.
    pub fn litter(&self) -> Vec<String> {
        let mut litter: Vec<String> = self.refs_of_bcops();
        let folder = self.bcops.directory();
        litter.extend(inside(&folder.join("temporary")).iter().map(|path| told("left", path)));
        let locks = self.staging().other_references;
        litter.extend(locks.into_iter().filter(|line| line.contains("refs/bcops/lock")));
        for path in inside(&self.bcops.state_directory()) {
            let mode = fs::metadata(&path).expect("a file").permissions().mode() & 0o777;
            let expected = if path.is_dir() { 0o700 } else { 0o600 };
            if mode != expected {
                litter.push(told(&format!("mode {mode:o} of"), &path));
            }
            if path.extension().is_some_and(|extension| extension == "new") {
                litter.push(told("unfinished", &path));
            }
        }
        let began = Instant::now();
        while !processes_of(folder).is_empty() && began.elapsed() < NOTICED_WITHIN {
            sleep(Duration::from_millis(20));
        }
        litter.extend(processes_of(folder));
        litter
    }
}

fn told(what: &str, path: &Path) -> String {
    format!("{what} {}", path.display())
}

/// Every file and folder below a folder.
fn inside(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(inside(&path));
        }
        found.push(path);
    }
    found
}

/// The command lines of processes that the program started in this folder, if the system shows
/// them.
fn processes_of(folder: &Path) -> Vec<String> {
    let mark = format!("HOME={}\0", folder.join("home").display());
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
        if String::from_utf8_lossy(&environment).contains(&mark) {
            let command = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let command = String::from_utf8_lossy(&command).replace('\0', " ");
            found.push(format!("process {}: {command}", entry.path().display()));
        }
    }
    found
}
