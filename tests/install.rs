//! `scripts/install.sh`, with the files of a release that holds the binary of this build.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The files of a release, and a folder to install into.
struct Release {
    folder: tempfile::TempDir,
}

impl Release {
    fn new() -> Release {
        let release = Release { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(release.path("dist")).unwrap();
        symlink(env!("CARGO_BIN_EXE_bcops"), release.path("dist").join(name())).unwrap();
        let sums = Command::new("sha256sum")
            .args(["--", &name()])
            .current_dir(release.path("dist"))
            .output();
        fs::write(release.path("dist/SHA256SUMS"), sums.unwrap().stdout).unwrap();
        release
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn install(&self) -> Output {
        Command::new("sh")
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/install.sh"))
            .args(["--from", "dist", "--to", "bin"])
            .current_dir(self.folder.path())
            .env_remove("BCOPS_RELEASES")
            .output()
            .unwrap()
    }

    /// Installs, and expects that this is said and nothing is left behind.
    #[track_caller]
    fn assert_refused(&self, reason: &str) {
        let output = self.install();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(reason), "{said}");
        assert!(!self.path("bin").exists());
    }
}

fn name() -> String {
    format!("bcops-{VERSION}-{}-linux", std::env::consts::ARCH)
}

fn is_linux() -> bool {
    cfg!(target_os = "linux")
}

#[test]
fn a_release_is_installed_and_installed_again() {
    if !is_linux() {
        return;
    }
    let release = Release::new();
    for _ in 0..2 {
        let output = release.install();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        assert!(said.contains(&format!("installed bcops {VERSION} as")), "{said}");
        let installed = Command::new(release.path("bin/bcops")).arg("--version").output().unwrap();
        assert_eq!(installed.stdout, format!("bcops {VERSION}\n").into_bytes());
        let files: Vec<_> = fs::read_dir(release.path("bin")).unwrap().collect();
        assert_eq!(files.len(), 1, "{files:?}");
    }
}

#[test]
fn another_sum_or_none_installs_nothing() {
    if !is_linux() {
        return;
    }
    let release = Release::new();
    let sums = release.path("dist/SHA256SUMS");
    fs::write(&sums, format!("{}  {}\n", "0".repeat(64), name())).unwrap();
    release.assert_refused("is not what SHA256SUMS says; nothing was installed");
    fs::write(&sums, format!("{}  {}.cdx.json\n", "0".repeat(64), name())).unwrap();
    release.assert_refused("has no binary for");
    fs::remove_file(&sums).unwrap();
    release.assert_refused("dist has no SHA256SUMS");
}
