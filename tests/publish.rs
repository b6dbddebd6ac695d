//! Tests `scripts/publish-release.sh` with stand-ins of `curl` and `glab` that write down what they get.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const TAG: &str = "v1.2.3";
const PROGRAM: &str = "bcops-1.2.3-x86_64-linux";
const JOB_TOKEN: &str = "glcbt-of-the-job";

/// A clone of the project with the signed files of a release.
struct Clone(tempfile::TempDir);

impl Clone {
    fn new() -> Clone {
        let clone = Clone(tempfile::tempdir().unwrap());
        let project = Path::new(env!("CARGO_MANIFEST_DIR"));
        for folder in ["scripts", "dist", "bin"] {
            fs::create_dir(clone.path(folder)).unwrap();
        }
        for name in ["publish-release.sh", "release-notes.sh"] {
            let name = format!("scripts/{name}");
            fs::copy(project.join(&name), clone.path(&name)).unwrap();
        }
        fs::write(clone.path("CHANGELOG.md"), "## 1.2.3\n\n- New\n").unwrap();
        fs::write(clone.path("dist").join(PROGRAM), "a program").unwrap();
        // The config of curl comes through standard input: the token is not among the arguments.
        clone.standin("curl", "cat > /dev/null; echo \"curl $*\" >> \"$LOG\"");
        clone.standin("glab", "echo \"glab $*\" >> \"$LOG\"");
        clone.ssh_keygen(&["-q", "-t", "ed25519", "-N", "", "-C", "a test", "-f", "key"]);
        let public = fs::read_to_string(clone.path("key.pub")).unwrap();
        let line = format!("bcops namespaces=\"bcops-release\" {public}");
        fs::write(clone.path("scripts/release-signers"), line).unwrap();
        clone.sign();
        clone
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn standin(&self, name: &str, script: &str) {
        let path = self.path("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[track_caller]
    fn ssh_keygen(&self, arguments: &[&str]) {
        let output = Command::new("ssh-keygen").args(arguments).current_dir(&self.0).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Signs the sums of the files that are there.
    fn sign(&self) {
        let dist = self.path("dist");
        let sums =
            "rm -f SHA256SUMS SHA256SUMS.sig; sha256sum -- * > ../sums; mv ../sums SHA256SUMS";
        let done = Command::new("sh").args(["-ec", sums]).current_dir(dist).status();
        assert!(done.unwrap().success());
        self.ssh_keygen(&[
            "-Y",
            "sign",
            "-q",
            "-f",
            "key",
            "-n",
            "bcops-release",
            "dist/SHA256SUMS",
        ]);
    }

    fn publish(&self) -> Output {
        let path = std::env::var("PATH").unwrap();
        Command::new("sh")
            .arg(self.path("scripts/publish-release.sh"))
            .env("PATH", format!("{}:{path}", self.path("bin").display()))
            .env("LOG", self.path("log"))
            .env("BCOPS_DIST", self.path("dist"))
            .env_remove("BCOPS_RELEASE_SIGNERS")
            .envs([("CI_COMMIT_TAG", TAG), ("CI_JOB_TOKEN", JOB_TOKEN)])
            .envs([("CI_PROJECT_PATH", "web/bcops"), ("PACKAGE", "https://gitlab.test/p")])
            .output()
            .unwrap()
    }

    /// Expects this message, and that no file was uploaded.
    #[track_caller]
    fn assert_refused(&self, reason: &str) {
        let output = self.publish();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(&format!("publish: cannot publish {TAG}: ")), "{said}");
        assert!(said.contains(reason), "{said}");
        assert!(!self.path("log").exists(), "{:?}", fs::read_to_string(self.path("log")));
    }
}

#[test]
fn the_signed_files_are_published_and_the_list_comes_last() {
    let clone = Clone::new();
    let output = clone.publish();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let log = fs::read_to_string(clone.path("log")).unwrap();
    assert!(!log.contains(JOB_TOKEN), "{log}");
    let uploads: Vec<&str> = log
        .lines()
        .filter(|line| line.starts_with("curl "))
        .map(|line| line.rsplit(' ').next().unwrap())
        .collect();
    let at = |name: &str| format!("https://gitlab.test/p/{name}");
    assert_eq!(uploads, [at(PROGRAM), at("SHA256SUMS"), at("SHA256SUMS.sig")]);
    let release = log.lines().last().unwrap();
    assert!(release.starts_with("glab release create v1.2.3 --repo web/bcops "), "{log}");
    let (_, rest) = release.split_once("--assets-links ").unwrap();
    let (links, _) = rest.rsplit_once(" --no-close-milestone").unwrap();
    let links: serde_json::Value = serde_json::from_str(links).unwrap();
    assert_eq!(links[0]["name"], PROGRAM);
    assert_eq!(links.as_array().unwrap().len(), 3);
}

#[test]
fn nothing_else_than_the_signed_files_is_published() {
    let clone = Clone::new();
    let extra = clone.path("dist/bcops-1.2.3-aarch64-linux");
    fs::write(&extra, "a file without a sum").unwrap();
    clone.assert_refused("holds other files than SHA256SUMS names");
    fs::remove_file(extra).unwrap();

    fs::write(clone.path("dist").join(PROGRAM), "another program").unwrap();
    clone.assert_refused("a file is not what SHA256SUMS says");

    // Its sums fit, and nobody signed them.
    let signature = fs::read(clone.path("dist/SHA256SUMS.sig")).unwrap();
    clone.sign();
    fs::write(clone.path("dist/SHA256SUMS.sig"), signature).unwrap();
    clone.assert_refused("SHA256SUMS has no valid signature");
    fs::remove_file(clone.path("dist/SHA256SUMS.sig")).unwrap();
    clone.assert_refused("has no signed list of sums");
}

#[test]
fn files_of_another_version_are_not_published() {
    let clone = Clone::new();
    for other in ["bcops-1.2.4-x86_64-linux", "bcops-1x2.3-x86_64-linux", "bcops-1.2.3-a\"b"] {
        fs::write(clone.path("dist").join(other), "a program").unwrap();
        clone.sign();
        clone.assert_refused("SHA256SUMS names files of another version");
        fs::remove_file(clone.path("dist").join(other)).unwrap();
    }
    clone.sign();
    assert!(clone.publish().status.success());
}
