//! Tests pushing and listing with good and bad servers.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine as _;
use bcops::adapters::git::{GitError, Lease, Limits, Listener, Oid, Pushed, Remote, Update};
use bcops::events::{Event, Reporter};
use bcops::secret::Secret;

use crate::support::git::{World, files};
use crate::support::wait;

#[derive(Default)]
struct Events(Mutex<Vec<Event>>);

impl Reporter for Events {
    fn emit(&self, event: Event) {
        self.0.lock().expect("no panic").push(event);
    }
}

fn update(reference: &str, to: Option<Oid>, lease: Lease) -> Update {
    Update { reference: reference.to_owned(), to, lease }
}

/// A world, and two of its commits: master, and one that diverges.
async fn world() -> (World, Oid, Oid) {
    let world = World::with_clone();
    let first = world.origin_tip("refs/heads/master").expect("master");
    let other = world.commit("other", &[first], &files(&[("a", "a")]), 1);
    world.commit("staging", &[first], &files(&[("b", "b")]), 2);
    (world, first, other)
}

#[tokio::test]
async fn refs_move_only_from_where_they_were_seen() {
    let (world, master, other) = world().await;
    let repository = world.fetched("run").await;
    let origin = repository.origin();
    let staging = world.origin_tip("refs/heads/staging").expect("staging");
    let tips = repository.tips(origin, &["refs/heads/staging", "refs/none"]).await.expect("tips");
    assert_eq!(tips.into_iter().collect::<Vec<_>>(), [("refs/heads/staging".into(), staging)]);

    let to_other = update("refs/heads/staging", Some(other), Lease::At(staging));
    let pushed =
        repository.push(origin, std::slice::from_ref(&to_other), None).await.expect("pushed");
    assert_eq!(pushed, [Pushed::Changed]);
    // Repeated, as after a lost answer.
    let pushed = repository.push(origin, &[to_other], None).await.expect("there already");
    assert_eq!(pushed, [Pushed::AlreadyThere]);

    let late = update("refs/heads/staging", Some(master), Lease::At(staging));
    let error = repository.push(origin, &[late], None).await.expect_err("someone else pushed");
    let GitError::LeaseRejected { expected, now, .. } = &error else { panic!("{error:?}") };
    assert_eq!((expected, now), (&Some(staging.to_string()), &Some(other.to_string())));
    let new = update("refs/heads/staging", Some(master), Lease::Absent);
    let error = repository.push(origin, &[new], None).await.expect_err("it is there");
    assert!(matches!(error, GitError::LeaseRejected { expected: None, .. }), "{error:?}");
    assert_eq!(world.origin_tip("refs/heads/staging"), Some(other));
}

#[tokio::test]
async fn several_refs_move_together_or_not_at_all() {
    let (world, master, other) = world().await;
    let repository = world.fetched("run").await;
    let origin = repository.origin();
    let wrong = Lease::At(master);
    let updates = [
        update("refs/bcops/backup/run", Some(other), Lease::Absent),
        update("refs/heads/staging", Some(other), wrong),
    ];
    let error = repository.push(origin, &updates, None).await.expect_err("one is late");
    assert!(
        matches!(&error, GitError::LeaseRejected { reference, .. } if reference == "refs/heads/staging"),
        "{error:?}"
    );
    assert_eq!(world.origin_tip("refs/bcops/backup/run"), None);
    let staging = world.origin_tip("refs/heads/staging").expect("staging");
    let updates = [
        update("refs/bcops/backup/run", Some(staging), Lease::Absent),
        update("refs/heads/staging", None, Lease::At(staging)),
    ];
    let pushed = repository.push(origin, &updates, None).await.expect("pushed");
    assert_eq!(pushed, [Pushed::Changed, Pushed::Changed]);
    assert_eq!(world.origin_tip("refs/heads/staging"), None);
}

#[tokio::test]
async fn refusals_of_the_server_are_distinguished() {
    let (world, master, _) = world().await;
    let repository = world.fetched("run").await;
    let staging = world.origin_tip("refs/heads/staging").expect("staging");
    let push = async |remote: &Remote, to| {
        let update = update("refs/heads/staging", to, Lease::At(staging));
        repository.push(remote, &[update], None).await.expect_err("refused")
    };
    let origin = repository.origin().clone();
    let refuse = |words: &str| {
        world.hook(&world.origin(), "pre-receive", &format!("echo '{words}' >&2; exit 1"))
    };

    refuse("GitLab: You are not allowed to force push code to a protected branch on this project.");
    let error = push(&origin, Some(master)).await;
    assert!(matches!(error, GitError::ProtectedBranch { .. }), "{error:?}");
    assert!(error.to_string().contains("You are not allowed to force push"), "{error}");

    refuse("The message is too short.");
    let error = push(&origin, Some(master)).await;
    assert!(matches!(error, GitError::HookDeclined { .. }), "{error:?}");

    refuse("-----> Building\n !     Push rejected, failed to compile Python app.");
    let folder = format!("file://{}", world.path("").display());
    std::os::unix::fs::symlink(world.origin(), world.path("the-app.git")).expect("a link");
    let heroku = Remote::heroku("the-app", Some(&folder), Some(&Secret::new("hush")));
    let error = push(&heroku.expect("a remote"), Some(master)).await;
    let GitError::BuildFailed { said, .. } = &error else { panic!("{error:?}") };
    assert!(said.iter().any(|line| line.contains("failed to compile")), "{said:?}");

    std::fs::remove_file(world.origin().join("hooks/pre-receive")).expect("removed");
    world.git(&world.origin(), &["config", "receive.denyDeletes", "true"]);
    let error = push(&origin, None).await;
    assert!(matches!(error, GitError::Refused { .. }), "{error:?}");
    world.git(&world.origin(), &["config", "receive.denyNonFastForwards", "true"]);
    let error = push(&origin, Some(master)).await;
    assert!(matches!(error, GitError::ProtectedBranch { .. }), "{error:?}");
    assert_eq!(world.origin_tip("refs/heads/staging"), Some(staging));
}

#[tokio::test]
async fn a_hanging_server_ends_in_time_and_leaves_no_process() {
    let (world, master, _) = world().await;
    let number = world.path("hook-number");
    world.hook(
        &world.origin(),
        "pre-receive",
        &format!(
            "trap '' TERM\necho $$ > '{}'\necho still here >&2\nsleep 600 & wait",
            number.display()
        ),
    );
    let mut program = world.program();
    program.limits = Limits { silence: Duration::from_millis(700), ..program.limits };
    let repository = world.open_with(program, &world.clone(), None, "run").await.expect("a clone");
    repository.fetch_branches(None).await.expect("fetched");
    let staging = world.origin_tip("refs/heads/staging").expect("staging");
    let begun = Instant::now();
    let update = update("refs/heads/staging", Some(master), Lease::At(staging));
    let error = repository.push(repository.origin(), &[update], None).await.expect_err("hangs");
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    assert!(matches!(error, GitError::TimedOut { .. }) && error.leaves_doubt(), "{error:?}");
    assert!(error.to_string().contains("still here"), "{error}");
    let number: i32 =
        std::fs::read_to_string(number).expect("it ran").trim().parse().expect("a number");
    let gone = || unsafe { libc::kill(number, 0) } != 0 || is_zombie(number);
    wait::within(Duration::from_secs(1), "the program has ended", gone);
    assert_eq!(world.origin_tip("refs/heads/staging"), Some(staging));
}

/// Whether a process has ended, even if its new parent has not reaped it.
fn is_zombie(number: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{number}/stat")).unwrap_or_default();
    stat.contains(") Z ")
}

#[tokio::test]
async fn much_output_of_a_server_is_shown_and_not_kept() {
    let (world, master, _) = world().await;
    let repository = world.fetched("run").await;
    let staging = world.origin_tip("refs/heads/staging").expect("staging");
    world.hook(
        &world.origin(),
        "pre-receive",
        "yes 'a line of a build' | head -c 5000000 >&2\necho the end >&2",
    );
    let events = Events::default();
    let listener = Listener { reporter: &events, step: "push" };
    let update = update("refs/heads/staging", Some(master), Lease::At(staging));
    repository.push(repository.origin(), &[update], Some(listener)).await.expect("pushed");
    let events = events.0.into_inner().expect("no panic");
    let notes = events.iter().filter(|event| matches!(event, Event::Note(_))).count();
    assert_eq!(notes, 10_000);
    assert_eq!(events[0], Event::Note("a line of a build".to_owned()));
}

/// A git host that asks for a password and refuses it. Keeps what it receives.
fn picky_host() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let heard = Arc::new(Mutex::new(Vec::new()));
    let kept = heard.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut reader = BufReader::new(stream.try_clone().expect("a copy"));
            let mut line = String::new();
            while reader.read_line(&mut line).is_ok_and(|count| count > 2) {
                if let Some(header) = line.trim().strip_prefix("Authorization: Basic ") {
                    kept.lock().expect("no panic").push(header.to_owned());
                }
                line.clear();
            }
            let answer = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\n\
                          Content-Length: 0\r\nConnection: close\r\n\r\n";
            stream.write_all(answer.as_bytes()).ok();
        }
    });
    (url, heard)
}

#[tokio::test]
async fn a_token_goes_to_heroku_and_nowhere_else() {
    let (world, _, _) = world().await;
    let (host, heard) = picky_host();
    // The user's own helper, which must not be asked.
    let asked = world.path("asked");
    let helper = format!("!f() {{ touch '{}'; }}; f", asked.display());
    world.git(&world.clone(), &["config", &format!("credential.{host}.helper"), &helper]);
    let (program, log) = world.recorded_program();
    let repository = world.open_with(program, &world.clone(), None, "run").await.expect("a clone");
    let token = Secret::new("HRKU-hush");
    let heroku = Remote::heroku("the-app", Some(&host), Some(&token)).expect("a remote");
    let error = repository.tips(&heroku, &[]).await.expect_err("refused");
    assert!(matches!(error, GitError::Authentication { .. }), "{error:?}");
    let sent = heard.lock().expect("no panic").clone();
    let sent = base64::engine::general_purpose::STANDARD.decode(&sent[0]).expect("base64");
    assert_eq!(sent, b"heroku:HRKU-hush");
    assert!(!asked.exists(), "the user's helper was asked");
    let log = std::fs::read_to_string(log).expect("a log");
    assert!(log.contains("the-app.git"), "{log}");
    for text in [log, error.to_string(), format!("{error:?} {heroku:?}")] {
        assert!(!text.contains("hush"), "{text}");
    }
}

#[tokio::test]
async fn a_host_that_asks_and_a_missing_host() {
    let (world, _, _) = world().await;
    let (host, _) = picky_host();
    let fetch = async |url: &str| {
        world.git(&world.clone(), &["remote", "set-url", "origin", url]);
        let repository = world.open(&world.clone(), "run").await.expect("a clone");
        repository.fetch_branches(None).await.expect_err(url)
    };
    let error = fetch(&format!("{host}/a.git")).await;
    assert!(matches!(error, GitError::Authentication { .. }), "{error:?}");
    let error = fetch("http://127.0.0.1:1/a.git").await;
    assert!(matches!(error, GitError::Unreachable { .. }), "{error:?}");
    let error = fetch("/no/such/repository.git").await;
    assert!(matches!(error, GitError::NoSuchRepository { .. }), "{error:?}");
    let mut program = world.program();
    program.program = "/no/such/git".into();
    let error = world.open_with(program, &world.clone(), None, "run").await.expect_err("no git");
    assert!(matches!(error, GitError::NoGit(_)), "{error:?}");
}
