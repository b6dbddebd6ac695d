//! Tests `scrub-pii --dump` and `--manifest`, as a user types them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::command::Bcops;
use crate::pull_data::world::{Needles, sample};
use crate::support::postgres::Cluster;

fn dump<'a>(input: &'a str, output: &'a str) -> [&'a str; 4] {
    ["scrub-pii", "--dump", input, output]
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

#[test]
fn a_copy_of_a_backup_holds_no_personal_data() {
    let bcops = Bcops::new();
    let archive = &sample().archive;
    let run = bcops.run(&[&dump(text(archive), "out.dump")[..], &["--json"]].concat()).exits(0);
    let document = run.json();
    assert_eq!(document["result"]["policy"], "local");
    assert!(
        document["result"]["audit"]
            .as_array()
            .expect("counts")
            .iter()
            .all(|count| count["verdict"] != "finding")
    );
    let out = bcops.directory().join("work/out.dump");
    assert_eq!(fs::metadata(&out).expect("the copy").permissions().mode() & 0o777, 0o600);
    let sql = Cluster::shared().run_tool("pg_restore", &["-f", "-", text(&out)]);
    let left = Needles::of_sample(|_| true).find(sql.as_bytes());
    assert_eq!(left, Vec::<String>::new());
    // No other file was created.
    let names: Vec<_> = fs::read_dir(bcops.directory().join("work")).expect("a folder").collect();
    assert_eq!(names.len(), 1);
}

#[test]
fn standard_input_and_output_are_streams_of_bytes() {
    let bcops = Bcops::new();
    let archive = &sample().archive;
    bcops.run(&dump(text(archive), "out.dump")).exits(0);
    let mut command = Command::new(env!("CARGO_BIN_EXE_bcops"));
    let output = command
        .args(dump("-", "-"))
        .stdin(fs::File::open(archive).expect("the archive"))
        .stdout(Stdio::piped())
        .output()
        .expect("a run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let piped = bcops.directory().join("piped.dump");
    fs::write(&piped, output.stdout).expect("a file");
    let restored = |path: &Path| {
        let sql = Cluster::shared().run_tool("pg_restore", &["-f", "-", text(path)]);
        let lines = sql
            .lines()
            .filter(|line| !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert!(restored(&piped) == restored(&bcops.directory().join("work/out.dump")));
}

#[test]
fn an_existing_file_is_replaced_only_on_request() {
    let bcops = Bcops::new();
    let archive = text(&sample().archive).to_owned();
    bcops.write("out.dump", "precious");
    bcops
        .run(&dump(&archive, "out.dump"))
        .fails(4, &["exists already", "hint: add --force to replace the file"]);
    assert_eq!(fs::read(bcops.directory().join("work/out.dump")).expect("it"), b"precious");
    bcops.run(&[&dump(&archive, "out.dump")[..], &["--force"]].concat()).exits(0);
    bcops
        .run(&[&dump("out.dump", "out.dump")[..], &["--force"]].concat())
        .fails(4, &["the backup itself"]);
    bcops.run(&dump("absent.dump", "new.dump")).fails(3, &["cannot open absent.dump"]);
    assert!(!bcops.directory().join("work/new.dump").exists());
}

#[test]
fn a_damaged_backup_leaves_nothing_behind() {
    let bcops = Bcops::new();
    let mut bytes = fs::read(&sample().archive).expect("the archive");
    bytes.truncate(bytes.len() / 2);
    let half = bcops.directory().join("half.dump");
    fs::write(&half, bytes).expect("a file");
    bcops.run(&dump(text(&half), "out.dump")).fails(1, &["cannot read the backup"]);
    assert_eq!(fs::read_dir(bcops.directory().join("work")).expect("a folder").count(), 0);
}

#[test]
fn a_finding_leaves_no_file_and_names_no_value() {
    let bcops = Bcops::new();
    let manifest = bcops.write(
        "manifest.toml",
        "schema_version = 1\nextends = \"built-in\"\n[tables.feedback_feedbackcomment]\n\
         class = \"operational\"\noperational = [\"action\", \"issue\", \"original_url\"]\n",
    );
    let mut bcops = bcops;
    bcops.set("BCOPS_SCRUB_MANIFEST", text(&manifest));
    let run = bcops
        .run(&dump(text(&sample().archive), "out.dump"))
        .fails(9, &["feedback_feedbackcomment."]);
    assert_eq!(Needles::of_sample(|_| true).find(run.printed().as_bytes()), Vec::<String>::new());
    assert!(!bcops.directory().join("work/out.dump").exists());
}

#[test]
fn the_tools_read_a_backup_file() {
    let mut bcops = Bcops::new();
    let archive = text(&sample().archive).to_owned();
    let tool = |words: &[&'static str]| {
        let mut arguments = vec!["scrub-pii", "--manifest"];
        arguments.extend(words);
        arguments
    };
    let with_file = |words: &[&'static str]| {
        let mut arguments: Vec<String> = tool(words).into_iter().map(str::to_owned).collect();
        arguments.extend(["--file".to_owned(), archive.clone()]);
        arguments
    };
    let run = |bcops: &Bcops, arguments: &[String]| {
        bcops.run(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    };
    run(&bcops, &with_file(&["validate"])).exits(0);
    let explained = run(&bcops, &with_file(&["explain", "users_user"])).exits(0);
    assert!(explained.stdout.contains("password made unusable"), "{}", explained.stdout);
    run(&bcops, &with_file(&["explain", "user_user"])).fails(2, &["did you mean users_user"]);
    run(&bcops, &with_file(&["draw"]))
        .fails(2, &["--manifest validate, --manifest suggest, --manifest explain TABLE"]);

    // An empty manifest: everything is drafted, and the draft is valid.
    let empty = bcops.write("empty.toml", "schema_version = 1\n");
    bcops.set("BCOPS_SCRUB_MANIFEST", text(&empty));
    let mut arguments = with_file(&["validate"]);
    arguments.push("--json".to_owned());
    let document = run(&bcops, &arguments).exits(9).json();
    assert_eq!(document["result"]["valid"], Value::Bool(false));
    let drafted = run(&bcops, &with_file(&["suggest"])).exits(0);
    assert_eq!(Needles::of_sample(|_| true).find(drafted.stdout.as_bytes()), Vec::<String>::new());
    let draft = bcops.write("draft.toml", &drafted.stdout);
    bcops.set("BCOPS_SCRUB_MANIFEST", text(&draft));
    let judged = run(&bcops, &with_file(&["validate"]));
    assert!(!judged.stdout.contains("[unclassified]"), "{}", judged.stdout);
}
