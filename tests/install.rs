//! Tests `scripts/install.sh` with the files of a release that holds the binary of this build.

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
        self.install_with(&[])
    }

    fn install_with(&self, arguments: &[&str]) -> Output {
        Command::new("sh")
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/install.sh"))
            .args(["--from", "dist", "--to", "bin"])
            .args(arguments)
            .current_dir(self.folder.path())
            .env_remove("BCOPS_RELEASES")
            .env_remove("BCOPS_RELEASE_KEY")
            .output()
            .unwrap()
    }

    /// Installs, and expects this message and nothing left behind.
    #[track_caller]
    fn assert_refused(&self, reason: &str) {
        self.assert_refused_with(&[], reason);
    }

    #[track_caller]
    fn assert_refused_with(&self, arguments: &[&str], reason: &str) {
        let output = self.install_with(arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(reason), "{said}");
        assert!(!self.path("bin").exists());
    }

    #[track_caller]
    fn ssh_keygen(&self, arguments: &[&str]) {
        let mut command = Command::new("ssh-keygen");
        let output = command.args(arguments).current_dir(self.folder.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Makes a pair of keys in a file of this name, and returns the public one.
    fn new_key(&self, name: &str) -> String {
        self.ssh_keygen(&["-q", "-t", "ed25519", "-N", "", "-C", "a test", "-f", name]);
        fs::read_to_string(self.path(&format!("{name}.pub"))).unwrap()
    }

    /// Runs `scripts/sign-release.sh` with this key and a list that holds the other one.
    fn sign_by_script(&self, key: &str, listed: &str) -> Output {
        let line = format!("bcops namespaces=\"bcops-release\" {listed}");
        fs::write(self.path("listed"), line).unwrap();
        Command::new("bash")
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/sign-release.sh"))
            .env("BCOPS_DIST", self.path("dist"))
            .env("BCOPS_RELEASE_SIGNERS", self.path("listed"))
            .env("BCOPS_SIGNING_KEY", self.path(key))
            .output()
            .unwrap()
    }

    fn sign(&self, key: &str, namespace: &str) {
        let _ = fs::remove_file(self.path("dist/SHA256SUMS.sig"));
        self.ssh_keygen(&["-Y", "sign", "-q", "-f", key, "-n", namespace, "dist/SHA256SUMS"]);
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
fn a_wrong_or_missing_checksum_installs_nothing() {
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

#[test]
fn a_signed_release_is_installed_with_its_key_alone() {
    if !is_linux() {
        return;
    }
    let release = Release::new();
    let key = release.new_key("key");
    let other = release.new_key("other");
    release.sign("key", "bcops-release");
    let unsigned = "SHA256SUMS has no signature of this key; nothing was installed";
    release.assert_refused_with(&["--key", &other], unsigned);
    release.assert_refused_with(&["--key", "missing.pub"], "--key holds no public key");
    // In the form of scripts/release-signers.
    let listed = format!("# keys\nbcops namespaces=\"bcops-release\" {key}");
    fs::write(release.path("signers"), listed).unwrap();
    for key in [key.as_str(), "key.pub", "signers"] {
        let output = release.install_with(&["--key", key]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{key}: {said}");
        assert!(!said.contains("not checked"), "{said}");
        fs::remove_dir_all(release.path("bin")).unwrap();
    }
    let output = release.install();
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("not checked: the signature"));
}

#[test]
fn a_signature_of_other_sums_or_for_another_purpose_installs_nothing() {
    if !is_linux() {
        return;
    }
    let release = Release::new();
    let key = release.new_key("key");
    let unsigned = "SHA256SUMS has no signature of this key; nothing was installed";
    release.assert_refused_with(&["--key", &key], "dist has no SHA256SUMS.sig");
    release.sign("key", "git");
    release.assert_refused_with(&["--key", &key], unsigned);
    release.sign("key", "bcops-release");
    let sums = release.path("dist/SHA256SUMS");
    let more = fs::read_to_string(&sums).unwrap() + &format!("{}  more\n", "0".repeat(64));
    fs::write(&sums, more).unwrap();
    release.assert_refused_with(&["--key", &key], unsigned);
}

#[test]
fn the_script_signs_a_release_with_a_listed_key_alone() {
    if !is_linux() {
        return;
    }
    let release = Release::new();
    let key = release.new_key("key");
    let other = release.new_key("other");
    let refused = release.sign_by_script("key", &other);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("does not list the key. Add the line: bcops"), "{said}");
    assert!(!release.path("dist/SHA256SUMS.sig").exists());

    let signed = release.sign_by_script("key", &key);
    assert!(signed.status.success(), "{}", String::from_utf8_lossy(&signed.stderr));
    let installed = release.install_with(&["--key", "listed"]);
    assert!(installed.status.success(), "{}", String::from_utf8_lossy(&installed.stderr));

    fs::write(release.path("dist/more"), "a file without a sum").unwrap();
    let refused = release.sign_by_script("key", &key);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("holds files that its SHA256SUMS does not name"), "{said}");
}
