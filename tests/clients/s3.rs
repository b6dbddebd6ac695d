//! Proves the S3 stand-in: the real aws CLI works with it, and finds what `bcops` wrote.
//!
//! `BCOPS_AWS_CLI` names the executable, which `tests/install-aws-cli.sh` installs. Without it
//! these tests print that they are skipped.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::media::world::{PRODUCTION, SECRET, STAGING, World, bytes, large};

struct Cli {
    executable: PathBuf,
    home: tempfile::TempDir,
    endpoint: String,
}

struct Said {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Cli {
    fn new(world: &World) -> Option<Cli> {
        let Some(executable) = std::env::var_os("BCOPS_AWS_CLI").map(PathBuf::from) else {
            eprintln!("skipped: BCOPS_AWS_CLI is not set, so there is no aws CLI to run");
            return None;
        };
        let home = tempfile::tempdir().expect("a directory");
        Some(Cli { executable, home, endpoint: world.s3.url.clone() })
    }

    fn run_as(&self, key: &str, secret: &str, arguments: &[&str]) -> Said {
        let output = Command::new(&self.executable)
            .args(["--endpoint-url", &self.endpoint])
            .args(arguments)
            .current_dir(self.home.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.home.path())
            .env("AWS_ACCESS_KEY_ID", key)
            .env("AWS_SECRET_ACCESS_KEY", secret)
            .env("AWS_DEFAULT_REGION", "eu-west-2")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_MAX_ATTEMPTS", "1")
            .output()
            .expect("the aws CLI");
        Said {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    #[track_caller]
    fn run(&self, arguments: &[&str]) -> String {
        let said = self.run_as("key-of-tests", SECRET, arguments);
        assert_eq!(said.code, Some(0), "{arguments:?}: {}{}", said.stdout, said.stderr);
        said.stdout
    }
}

#[test]
fn the_cli_writes_lists_copies_and_deletes() {
    let world = World::new();
    let Some(cli) = Cli::new(&world) else { return };
    let tree = cli.home.path().join("tree/images");
    fs::create_dir_all(&tree).expect("a folder");
    for (name, body) in
        [("a b+c.jpg", bytes(3)), ("ü#%.jpg", bytes(4)), ("large.bin", large(20 << 20))]
    {
        fs::write(tree.join(name), body).expect("a file");
    }
    cli.run(&["s3", "sync", "tree", "s3://bc-production", "--only-show-errors"]);
    assert_eq!(world.objects(PRODUCTION).len(), 3);
    let object = world.s3.object(PRODUCTION, "images/large.bin").expect("an object");
    assert_eq!((object.parts.len(), object.body.len()), (3, 20 << 20));
    for number in 0..1100 {
        world.s3.put(PRODUCTION, &format!("documents/n{number:04}"), "n");
    }
    let listed = cli.run(&["s3", "ls", "--recursive", "s3://bc-production"]);
    assert_eq!(listed.lines().count(), 1103, "two pages");
    let copy = ["s3", "sync", "s3://bc-production", "s3://bc-staging", "--only-show-errors"];
    cli.run(&copy);
    world.assert_copied(PRODUCTION, STAGING);
    cli.run(&["s3", "sync", "s3://bc-staging", "back", "--only-show-errors"]);
    assert_eq!(fs::read(cli.home.path().join("back/images/ü#%.jpg")).expect("it"), bytes(4));
    cli.run(&["s3", "rm", "--recursive", "s3://bc-staging", "--only-show-errors"]);
    assert!(world.objects(STAGING).is_empty());
    let head = ["s3api", "head-object", "--bucket", PRODUCTION, "--key", "images/a b+c.jpg"];
    assert!(cli.run(&head).contains("image/jpeg"));
}

#[test]
fn rights_and_signatures_are_checked() {
    let world = World::new();
    let Some(cli) = Cli::new(&world) else { return };
    world.s3.put(PRODUCTION, "images/a.jpg", "a");
    let read = ["s3", "cp", "s3://bc-production/images/a.jpg", "-"];
    let write = ["s3", "cp", "s3://bc-production/images/a.jpg", "s3://bc-production/images/b.jpg"];
    assert_eq!(cli.run_as("key-production", SECRET, &read).stdout, "a");
    let said = cli.run_as("key-production", SECRET, &write);
    assert!(said.code == Some(1) && said.stderr.contains("AccessDenied"), "{}", said.stderr);
    let said = cli.run_as("key-production", "wrong", &read);
    assert_ne!(said.code, Some(0), "{}", said.stdout);
    let said = cli.run_as("key-dev", SECRET, &["s3", "ls", "s3://bc-production"]);
    assert!(said.stderr.contains("AccessDenied"), "{}", said.stderr);
    let missing = ["s3api", "head-object", "--bucket", PRODUCTION, "--key", "none"];
    assert!(cli.run_as("key-production", SECRET, &missing).stderr.contains("404"));
}

#[test]
fn the_cli_finds_both_sides_equal_after_every_command() {
    let world = World::new();
    let Some(cli) = Cli::new(&world) else { return };
    world.fill(PRODUCTION, 60);
    world.s3.remove(PRODUCTION, "elsewhere/keep.txt");
    world.s3.put(PRODUCTION, "documents/large.bin", large(20 << 20));
    world.s3.put(STAGING, "images/stray.jpg", "stray");
    let folder = world.media();
    let folder = folder.to_str().expect("a path");
    // Compares with a fresh download by the CLI, because its sync compares times.
    let same = |bucket: &str, name: &str| {
        let to = cli.home.path().join(name);
        cli.run(&["s3", "sync", &format!("s3://{bucket}"), name, "--only-show-errors"]);
        let diff = Command::new("diff").args(["-r", folder]).arg(&to).output().expect("diff");
        assert!(diff.status.success(), "{}", String::from_utf8_lossy(&diff.stdout));
    };
    world.pull(&[]).exits(0);
    same(PRODUCTION, "after-pull");
    world.copy(&[]).exits(0);
    same(STAGING, "after-copy");
    world.write("images/mine.jpg", "mine");
    fs::remove_file(world.media().join("images/File_0003.jpg")).expect("the file");
    world.push(&[]).exits(0);
    same(STAGING, "after-push");
}
