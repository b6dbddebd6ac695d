//! Tests completion in a real bash: the offers, and that no server is asked.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use serde_json::{Value, json};

use crate::command::Bcops;

/// A world with the binary on the path, and a server that must not be asked.
fn surroundings() -> Bcops {
    let mut bcops = Bcops::new();
    let programs = bcops.directory().join("path");
    symlink(env!("CARGO_BIN_EXE_bcops"), programs.join("bcops")).expect("a link");
    // Once, as a profile does: later offers depend on the working directory at that time.
    let script = bcops.run(&["completions", "bash"]).exits(0).stdout;
    let script = bcops.write("completions.bash", &script);
    bcops.set("SCRIPT", script.to_str().expect("a path"));
    bcops.set("HEROKU_HOST", "http://127.0.0.1:1");
    bcops.set("HEROKU_API_KEY", "HRKU-stand-in-token");
    bcops
}

/// What bash offers at the end of this line, in which every word is the next argument.
#[track_caller]
fn offered(bcops: &Bcops, words: &[&str]) -> Vec<String> {
    let script = "set -u
        PATH=$PROGRAMS:$PATH
        source \"$SCRIPT\"
        [[ $(complete -p bcops) =~ -F\\ ([a-z_]+) ]] || exit 3
        COMP_WORDS=(bcops \"$@\") COMP_CWORD=$# COMP_TYPE=9 COMPREPLY=()
        \"${BASH_REMATCH[1]}\" bcops \"${COMP_WORDS[COMP_CWORD]}\" \"${COMP_WORDS[COMP_CWORD-1]}\"
        for one in ${COMPREPLY+\"${COMPREPLY[@]}\"}; do echo \"$one\"; done";
    let mut shell = Command::new("bash");
    shell.args(["--norc", "-c", script, "bash"]).args(words);
    let shell = bcops.in_its_surroundings(&mut shell);
    let output = shell.env("PROGRAMS", bcops.directory().join("path")).output().expect("bash");
    let messages = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && messages.is_empty(), "{messages}");
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines()
        .map(|line| line.trim_end().to_owned())
        .filter(|one| !one.starts_with('-'))
        .collect()
}

/// A run whose journal holds the beginning, and the end if there is one.
fn add_run(bcops: &Bcops, name: &str, is_done: bool) {
    let folder = bcops.state_directory().join("runs").join(name);
    fs::create_dir_all(&folder).expect("a folder");
    let entry = |sequence: u32, entry: Value| {
        let mut record = json!({
            "schema_version": 1, "sequence": sequence, "at": "2024-03-01T09:00:00Z",
        });
        let fields = entry.as_object().expect("an object").clone();
        record.as_object_mut().expect("an object").extend(fields);
        format!("{record}\n")
    };
    let mut journal = entry(
        1,
        json!({
            "event": "run_started", "run": name, "command": "reset-staging",
            "target": { "name": "buckinghamshire-staging", "identity": {} }, "plan_digest": null,
            "tool_version": "0.1.0", "who": "ada", "host": "desk", "pid": 1, "flags": {},
            "steps": [], "left_out": [],
        }),
    );
    if is_done {
        journal += &entry(2, json!({ "event": "run_finished", "status": "done" }));
    }
    fs::write(folder.join("journal.jsonl"), journal).expect("a file");
}

#[test]
fn runs_are_offered_where_they_apply() {
    let bcops = surroundings();
    let [open, done] = ["r20240301-090000-00ab", "r20240302-090000-00ab"];
    add_run(&bcops, open, false);
    add_run(&bcops, done, true);
    assert_eq!(offered(&bcops, &["runs", "resume", ""]), [open]);
    for work in ["show", "rollback", "unlock"] {
        assert_eq!(offered(&bcops, &["runs", work, "r2024"]), [done, open], "{work}");
    }
    assert_eq!(offered(&bcops, &["runs", "show", "r20240302"]), [done]);
    // An unreadable journal does not hide the others.
    fs::write(bcops.state_directory().join("runs").join(done).join("journal.jsonl"), "?\n?\n")
        .expect("written");
    assert_eq!(offered(&bcops, &["runs", "resume", ""]), [open]);
}

#[test]
fn configured_environments_are_offered() {
    let bcops = surroundings();
    let built_in = ["content-prep", "dev", "production", "staging"];
    assert_eq!(offered(&bcops, &["pull-data", ""]), built_in);
    assert_eq!(offered(&bcops, &["run", "st"]), ["staging"]);
    // Names of fab tasks are offered where they can work: a protected environment is only read.
    assert_eq!(
        offered(&bcops, &["pull-production-"]),
        ["pull-production-data", "pull-production-media", "pull-production-images"]
    );
    assert_eq!(offered(&bcops, &["push-staging-"]), ["push-staging-media", "push-staging-images"]);
    assert_eq!(offered(&bcops, &["reset-"]), ["reset-staging", "reset-dev"]);
    for refused in ["push-production-", "push-content-prep-", "production-sh", "reset-prod"] {
        assert!(offered(&bcops, &[refused]).is_empty(), "{refused}");
    }
    assert_eq!(offered(&bcops, &["push-media", ""]), ["dev", "staging"]);
    bcops.write("bcops.toml", "inherit = false\n[environments.qa]\napp = \"a\"\n");
    assert_eq!(offered(&bcops, &["pull-data", ""]), ["qa"]);
    assert_eq!(offered(&bcops, &["backups", "list", ""]), ["qa"]);
    assert_eq!(offered(&bcops, &["pull-qa-"]).len(), 3);
    bcops.write("other.toml", "inherit = false\n[environments.uat]\napp = \"a\"\n");
    assert_eq!(offered(&bcops, &["--config", "other.toml", "check", ""]), ["uat"]);
    // A broken file must not print its error into the line.
    bcops.write("bcops.toml", "colour = 1\n");
    assert_eq!(offered(&bcops, &["pull-data", ""]), built_in);
    assert!(offered(&bcops, &["runs", "resume", ""]).is_empty());
    assert!(!bcops.state_directory().exists(), "completion writes nothing");
}

/// Completion offers backups that a command saw, because it asks no server.
#[test]
fn known_backups_are_offered() {
    let bcops = surroundings();
    assert!(offered(&bcops, &["backups", "info", "production", ""]).is_empty());
    let folder = bcops.state_directory().join("backups");
    fs::create_dir_all(&folder).expect("a folder");
    let of = |environment: &str, names: &[&str]| {
        let seen: Vec<Value> = names
            .iter()
            .map(|name| json!({ "name": name, "finished_at": "2024-03-01T09:00:00Z" }))
            .collect();
        fs::write(folder.join(format!("{environment}.json")), json!(seen).to_string())
            .expect("a file");
    };
    of("production", &["b102", "b101"]);
    of("staging", &["b007"]);
    assert_eq!(offered(&bcops, &["backups", "info", "production", ""]), ["b102", "b101"]);
    assert_eq!(offered(&bcops, &["pull-staging-data", "--backup", ""]), ["b007"]);
    assert_eq!(offered(&bcops, &["reset-staging", "--backup", ""]), ["b102", "b101", "b007"]);
    fs::write(folder.join("production.json"), "?").expect("a file");
    assert!(offered(&bcops, &["backups", "info", "production", ""]).is_empty());
}
