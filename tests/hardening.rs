//! Tests tokens and files that another program or another user could reach.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::command::Bcops;
use crate::doctor::good_world;
use crate::media;
use crate::pull_data::world::World;
use crate::reset_staging;
use crate::standins::heroku::Options;
use crate::support::git::{self, files, text};

const TOKEN: &str = "hush-0123456789-hush";

/// A clone whose origin has a token in its query, and a git that records its input.
fn in_a_clone() -> (World, PathBuf) {
    let (world, site) = (good_world(), git::World::new());
    site.commit("master", &[], &files(&[("manage.py", "print")]), 1);
    let work = world.bcops.directory().join("work");
    site.git(&work, &["clone", "-q", &text(&site.origin()), "."]);
    let url = format!("http://127.0.0.1:1/council/bc.git?private_token={TOKEN}&x={TOKEN}x");
    site.git(&work, &["remote", "set-url", "origin", &url]);
    // One file for each run of git, with its arguments and its environment.
    let told = world.bcops.directory().join("told");
    fs::create_dir(&told).expect("a folder");
    let script = format!(
        "#!/bin/sh\nPATH=/usr/local/bin:/usr/bin:/bin\n\
         {{ printf 'arguments: %s\\n' \"$*\"; env; }} > '{}'/$$\nexec git \"$@\"\n",
        told.display()
    );
    let program = world.bcops.directory().join("path/git");
    fs::write(&program, script).expect("a script");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("a program");
    (world, told)
}

#[test]
fn a_token_in_the_query_of_a_remote_is_printed_nowhere() {
    let (world, _) = in_a_clone();
    for arguments in [
        &["doctor"][..],
        &["doctor", "--json"],
        &["reset-staging", "--dry-run"],
        &["reset-staging", "--dry-run", "-v", "--json"],
        &["runs", "unlock", "20240101-000000-abcd", "--environment", "staging"],
    ] {
        let run = world.bcops.run(arguments);
        assert!(!run.printed().contains("hush"), "{arguments:?}: {}", run.printed());
        assert_ne!(run.code, Some(0), "{arguments:?}: the origin cannot be reached");
    }
    let state = world.bcops.state_directory();
    let mut folders = vec![state];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.path() {
                path if path.is_dir() => folders.push(path),
                path => {
                    let text = fs::read(&path).expect("a file");
                    assert!(!String::from_utf8_lossy(&text).contains("hush"), "{path:?}");
                }
            }
        }
    }
}

/// Whether this run of git is for Heroku's repository of an app.
fn asks_heroku(told: &str) -> bool {
    let arguments = told.split("\nPATH=").next().unwrap_or_default();
    arguments.starts_with("arguments: ")
        && arguments.contains("https://git.heroku.com/buckinghamshire-")
}

#[test]
fn git_is_given_no_token_that_is_not_its_own() {
    let (mut world, told) = in_a_clone();
    let secrets = [
        ("GITLAB_TOKEN", "secret-of-gitlab"),
        ("AWS_SECRET_ACCESS_KEY", "secret-of-aws"),
        ("CLOUDFLARE_API_TOKEN", "secret-of-cloudflare"),
        ("SLACK_WEBHOOK_URL", "https://hooks.slack.com/services/secret-of-slack"),
        ("BCOPS_STAGING_DATABASE_URL", "postgres://u:secret-of-staging@127.0.0.1:1/x"),
        ("PGPASSWORD", "secret-of-postgres"),
        ("DATABASE_URL", "postgres://u:secret-of-a-shell@127.0.0.1:1/x"),
        // Variables of the user's credential helper stay.
        ("STAGING_PUSH_TOKEN", "for-git"),
    ];
    for (name, value) in secrets {
        world.bcops.set(name, value);
    }
    world.bcops.run(&["doctor"]);
    let token = world.standin.token();
    let mut to_heroku = 0;
    for run in fs::read_dir(told).expect("what git was given") {
        let told = fs::read_to_string(run.expect("a file").path()).expect("text");
        assert!(told.contains("STAGING_PUSH_TOKEN=for-git"), "{told}");
        assert!(!told.contains("secret-of"), "{told}");
        // Git gets Heroku's token only for Heroku's repository.
        let mut lines = told.lines().filter(|line| line.contains(token));
        let is_helpers = |line: &str| line == format!("BCOPS_GIT_TOKEN={token}");
        assert!(lines.clone().all(is_helpers), "{told}");
        if lines.next().is_some() {
            to_heroku += 1;
            assert!(asks_heroku(&told), "{told}");
        }
    }
    assert!(to_heroku > 0, "doctor asks Heroku's repository");
}

#[test]
fn this_machine_is_reached_without_a_proxy() {
    let proxy = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", proxy.local_addr().expect("an address"));
    let seen = thread::spawn(move || {
        proxy.set_nonblocking(true).expect("a mode");
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(3) {
            if proxy.accept().is_ok() {
                return true;
            }
            thread::sleep(Duration::from_millis(20));
        }
        false
    });
    let mut world = media::world::World::new();
    world.fill(media::world::PRODUCTION, 3);
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"]
    {
        world.bcops.set(name, &url);
    }
    world.pull(&["--yes"]).exits(0);
    world.bcops.set("NO_PROXY", "elsewhere.example");
    world.pull(&["--yes"]).exits(0);
    assert!(!seen.join().expect("the proxy"), "a request for this machine went to the proxy");
}

#[test]
fn a_plan_is_never_written_through_a_link() {
    let world = reset_staging::world::World::new();
    let (elsewhere, plan) = (world.bcops.write("elsewhere", "kept"), "work/plan.json");
    let path = world.bcops.directory().join(plan);
    symlink(&elsewhere, &path).expect("a link");
    let chosen = ["--branches", "none", "--recreate-users", "none"];
    let run = ["reset-staging", "--dry-run", "--plan-out", "plan.json"];
    world.bcops(&[&run[..], &chosen].concat()).exits(0);
    assert_eq!(fs::read_to_string(&elsewhere).expect("a file"), "kept");
    let found = fs::symlink_metadata(&path).expect("a plan");
    assert!(found.is_file() && found.permissions().mode() & 0o777 == 0o600, "{found:?}");
}

#[test]
fn a_state_folder_that_others_can_change_is_refused() {
    let world = World::empty(Options::default());
    let state = world.bcops.state_directory();
    fs::create_dir(&state).expect("a folder");
    let mode =
        |mode| fs::set_permissions(&state, fs::Permissions::from_mode(mode)).expect("a mode");
    mode(0o777);
    let refused = |why: &str| {
        for command in [&["runs", "list"][..], &["backups", "list", "production"]] {
            world.bcops.run(command).fails(3, &["state folder", why, "BCOPS_STATE_DIR"]);
        }
        let doctor = world.bcops.run(&["doctor"]).exits(3).stdout;
        assert!(doctor.contains("fail    state folder") && doctor.contains(why), "{doctor}");
        world.bcops.run(&["config", "show"]).exits(0);
    };
    refused("other users can write to it");
    mode(0o755);
    world.bcops.run(&["runs", "list"]).exits(0);
    // Only root can give a folder away.
    if std::os::unix::fs::chown(&state, Some(12_345), Some(12_345)).is_ok() {
        refused("belongs to the user 12345");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_crash_leaves_no_memory_behind() {
    let server = TcpListener::bind("127.0.0.1:0").expect("a port");
    let mut bcops = Bcops::new();
    let url = format!("http://{}", server.local_addr().expect("an address"));
    bcops.set("HEROKU_HOST", &url);
    bcops.set("HEROKU_API_KEY", "HRKU-stand-in-token");
    let run = bcops.start(&["addons", "production"]);
    // It waits for an answer, long after its start.
    let _waiting = server.accept().expect("a request");
    let limits = fs::read_to_string(format!("/proc/{}/limits", run.id())).expect("limits");
    let core = limits.lines().find(|line| line.starts_with("Max core file size"));
    let words: Vec<&str> = core.expect("a line").split_whitespace().collect();
    assert_eq!(words[4..6], ["0", "0"], "{limits}");
    use std::os::unix::fs::MetadataExt;
    let owner = fs::metadata(format!("/proc/{}/environ", run.id())).expect("a file").uid();
    assert_eq!(owner, 0, "the memory is root's alone");
    run.kill();
}

/// Answers every request for a page of a listing with another page.
fn endless_listing(page: impl Fn(usize) -> String + Send + 'static) -> String {
    let server = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", server.local_addr().expect("an address"));
    thread::spawn(move || {
        let mut count = 0;
        for stream in server.incoming().flatten() {
            answer_all(stream, &page, &mut count);
        }
    });
    url
}

/// One request on each connection.
fn answer_all(stream: TcpStream, page: &impl Fn(usize) -> String, count: &mut usize) {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
        line.clear();
    }
    *count += 1;
    let body = format!(
        "<?xml version=\"1.0\"?><ListBucketResult><IsTruncated>true</IsTruncated>\
         <NextContinuationToken>t{count}</NextContinuationToken>{}</ListBucketResult>",
        page(*count)
    );
    let length = body.len();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    let _ = reader.get_mut().write_all(format!("{head}{body}").as_bytes());
    let _ = reader.get_mut().shutdown(std::net::Shutdown::Write);
    let _ = reader.read_to_string(&mut String::new());
}

#[test]
fn an_endless_listing_fails() {
    let entry = |key: String| {
        format!(
            "<Contents><Key>{key}</Key><LastModified>2024-05-01T10:00:00.000Z</LastModified>\
             <ETag>\"abc\"</ETag><Size>5</Size></Contents>"
        )
    };
    // How many keys are sent before they repeat.
    for (keys, words) in
        [(1, "is listed twice"), (50, "is listed twice"), (0, "pages without an object")]
    {
        let page = move |page: usize| match keys {
            0 => String::new(),
            keys => entry(format!("images/{}.jpg", page % keys)),
        };
        let mut world = media::world::World::new();
        world
            .bcops
            .write("bcops.toml", "[media]\nprefixes = [\"images/\"]\noriginals = \"images/\"\n");
        world.bcops.set("BCOPS_PRODUCTION_AWS_ENDPOINT_URL_S3", &endless_listing(page));
        let started = Instant::now();
        let run = world.pull(&["--yes"]);
        assert!(run.stderr.contains(words) && run.code != Some(0), "{}", run.printed());
        assert!(started.elapsed() < Duration::from_secs(60), "{}", run.printed());
        assert!(!Path::new(&world.media()).join("images/0.jpg").exists());
    }
}
