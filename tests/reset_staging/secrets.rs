//! Tests that no secret and no personal data of production is in the files or the output of a
//! reset, or in the list of processes while it runs.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use crate::purge_cache::world::{BEARER, STAGING_ZONE, TOKEN, ZONE};
use crate::reset_staging::fault_cases::runs;
use crate::reset_staging::world::World;
use crate::standins::cloudflare::{CloudflareStandIn, Login, Plan};
use crate::standins::elasticsearch::{ElasticsearchStandIn, Options};
use crate::whole_site::STAGING;

const SLACK: &str = "T000/B000/planted-slack-secret";
const GIT: &str = "planted-git-password";

/// Values that must not appear anywhere.
const SECRETS: [&str; 9] = [
    "HRKU-stand-in-token",
    "db-password",
    "s3-secret-key",
    "planted-slack-secret",
    "planted-git-password",
    "cf-secret-token",
    "bonsai-password",
    "X-Amz-Signature",
    "django-secret",
];

/// The marks of personal data in production's database.
const PEOPLE: [&str; 2] = ["-Canary", "canary.example"];

/// Accounts of staff, who are named in the journal, but not in messages to others.
const STAFF: [&str; 2] = ["staging.tester@torchbox.example", "trainee@council.example"];

struct Furnished {
    world: World,
    posted: Arc<Mutex<Vec<String>>>,
    _cloudflare: CloudflareStandIn,
    _search: ElasticsearchStandIn,
}

fn furnished() -> Furnished {
    let mut world = World::new();
    let cloudflare = world.runtime().block_on(CloudflareStandIn::start(Plan::Pro, 10.0));
    cloudflare.add_zone(STAGING_ZONE, "staging.torchbox.com");
    cloudflare.add_login(Login::token(TOKEN));
    let search = world.runtime().block_on(ElasticsearchStandIn::start(Options {
        password: "bonsai-password".to_owned(),
        ..Options::default()
    }));
    world.whole.set_search(STAGING, &search.url());
    world.whole.heroku.set_config_var(STAGING, BEARER, TOKEN);
    world.whole.heroku.set_config_var(STAGING, ZONE, STAGING_ZONE);
    world.bcops.set("CLOUDFLARE_BASE_URL", &cloudflare.url);
    let (port, posted) = slack();
    world.bcops.set("SLACK_WEBHOOK_URL", &format!("http://127.0.0.1:{port}/services/{SLACK}"));
    let url = format!("https://ci:{GIT}@git.example.test/buckinghamshire-council/bc.git");
    let text = format!("{}\n[git]\nurl = \"{url}\"\n", world.config());
    world.configure(&text);
    Furnished { world, posted, _cloudflare: cloudflare, _search: search }
}

/// Accepts messages like Slack.
fn slack() -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let posted = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&posted);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut text = Vec::new();
            let mut buffer = [0; 16 * 1024];
            // The request is complete once the JSON is closed.
            while let Ok(length @ 1..) = stream.read(&mut buffer) {
                text.extend_from_slice(&buffer[..length]);
                if text.ends_with(b"}") {
                    break;
                }
            }
            kept.lock().expect("no panic").push(String::from_utf8_lossy(&text).into_owned());
            let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    (port, posted)
}

/// Every file below a folder with its text, after its mode was checked.
fn files(folder: &Path, found: &mut Vec<(String, String)>) {
    let mode = fs::metadata(folder).expect("a folder").permissions().mode() & 0o777;
    assert_eq!(mode, 0o700, "{}", folder.display());
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, found);
            continue;
        }
        let mode = entry.metadata().expect("a file").permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", path.display());
        let text = String::from_utf8_lossy(&fs::read(&path).expect("a file")).into_owned();
        found.push((path.display().to_string(), text));
    }
}

#[track_caller]
fn assert_clean(place: &str, text: &str, words: &[&str]) {
    for word in words {
        let line = text.lines().find(|line| line.contains(word));
        assert!(line.is_none(), "`{word}` is in {place}: {}", line.unwrap_or_default());
    }
}

/// Checks the arguments of every process until it is stopped. Returns forbidden values.
fn watch_processes(go_on: Arc<AtomicBool>) -> std::thread::JoinHandle<Vec<String>> {
    std::thread::spawn(move || {
        let mut seen = Vec::new();
        while go_on.load(Ordering::Relaxed) {
            let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
            for process in processes {
                let arguments = fs::read(process.path().join("cmdline")).unwrap_or_default();
                let arguments = String::from_utf8_lossy(&arguments).replace('\0', " ");
                // Dynos are Heroku's machines, and the dumps of the stand-in are Heroku's own.
                let is_ours = ["bcops", "git"].iter().any(|name| {
                    let program = arguments.split(' ').next().unwrap_or_default();
                    program == *name || program.ends_with(&format!("/{name}"))
                });
                if is_ours && SECRETS.iter().any(|secret| arguments.contains(secret)) {
                    seen.push(arguments);
                }
            }
            std::thread::sleep(std::time::Duration::from_millis(3));
        }
        seen
    })
}

fn assert_kept(way: &str, first: &[&str]) {
    let furnished = furnished();
    let world = &furnished.world;
    let go_on = Arc::new(AtomicBool::new(true));
    let watcher = watch_processes(Arc::clone(&go_on));
    let chosen = "feature/footer,feature/search-page";
    let arguments = ["reset-staging", "--attest", "agreed", "--branches", chosen];
    let more = ["--recreate-users", "all", "--restore-via", way, "--confirm", STAGING];
    let run = world.bcops(&[first, &arguments[..], &more[..]].concat()).exits(0);
    go_on.store(false, Ordering::Relaxed);
    let seen = watcher.join().expect("the watcher");
    assert!(seen.is_empty(), "in the list of processes: {seen:?}");
    let id = &runs(world)[0];
    let shown = world.bcops(&["runs", "show", id, "--json"]).exits(0);
    let mut printed = format!("{}{}", run.printed(), shown.printed());
    let back = world.bcops(&["-vv", "runs", "rollback", id, "--confirm", STAGING]).exits(0);
    printed.push_str(&back.printed());
    for shown in ["http: GET ", "http: PATCH ", "http: POST ", "/config-vars", " < [", " > ["] {
        assert!(printed.contains(shown), "no `{shown}`: {printed}");
    }
    assert_clean("the output", &printed, &SECRETS);
    assert_clean("the output", &printed, &PEOPLE);

    let mut kept = Vec::new();
    files(&world.bcops.state_directory(), &mut kept);
    for name in ["journal.jsonl", "report.md", "messages.md"] {
        assert!(kept.iter().any(|(path, _)| path.ends_with(name)), "no {name}: {kept:?}");
    }
    for (path, text) in &kept {
        assert_clean(path, text, &SECRETS);
        assert_clean(path, text, &PEOPLE);
        if path.ends_with(".md") {
            assert_clean(path, text, &STAFF);
        }
    }
    let posted = furnished.posted.lock().expect("no panic").join("\n");
    assert!(!posted.is_empty(), "nothing was posted");
    let (_, body) = posted.split_once("\r\n\r\n").expect("a body");
    assert_clean("the message", body, &SECRETS);
    assert_clean("the message", body, &PEOPLE);
    assert_clean("the message", body, &STAFF);
    world.assert_production_untouched();
}

#[test]
fn a_reset_by_stream_shows_no_secret() {
    assert_kept("stream", &["-vv"]);
}

#[test]
fn a_reset_by_heroku_shows_no_secret() {
    assert_kept("heroku", &["--json", "-vv"]);
}

#[test]
fn a_plan_holds_no_secret() {
    let furnished = furnished();
    let world = &furnished.world;
    let path = world.bcops.directory().join("plan.json");
    let file = path.to_str().expect("a path");
    let chosen = ["--branches", "none", "--recreate-users", "none", "--plan-out", file];
    let run = world.bcops(&[&["-vv", "reset-staging"], &chosen[..]].concat()).exits(0);
    assert_clean("the output", &run.printed(), &SECRETS);
    let text = fs::read_to_string(&path).expect("the plan");
    assert_clean("the plan", &text, &SECRETS);
    assert_clean("the plan", &text, &PEOPLE);
    assert_eq!(fs::metadata(&path).expect("the plan").permissions().mode() & 0o777, 0o600);
    assert!(runs(world).is_empty());
}
