//! Tests the resumable download with the stand-in's store and all its faults.

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bcops::adapters::download::{
    self, DownloadClient, DownloadError, DownloadOptions, DownloadReader, MintUrl,
};
use futures_util::FutureExt;

use crate::heroku::world::{PRODUCTION, World, count, world_with};
use crate::standins::heroku::{Fault, Options, Outcome, Recorded, Rule, StoreFault};

/// Whether an error is the expected one.
type Expected = fn(&DownloadError) -> bool;

struct Backup {
    world: World,
    bytes: Vec<u8>,
    num: u64,
    _folder: tempfile::TempDir,
}

async fn backup(length: usize) -> Backup {
    backup_with(length, Options::default()).await
}

/// A backup of this length without repeated parts.
async fn backup_with(length: usize, options: Options) -> Backup {
    let world = world_with(options).await;
    let mut seed = 88_172_645_463_325_252_u64;
    let mut next = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed as u8
    };
    let bytes: Vec<u8> = (0..length).map(|_| next()).collect();
    let folder = tempfile::tempdir().expect("a directory");
    let path = folder.path().join("latest.dump");
    std::fs::write(&path, &bytes).expect("written");
    let outcome = Outcome::Completed { warnings: 0 };
    let num = world.standin.add_backup(PRODUCTION, &path, Duration::from_secs(60), outcome);
    Backup { world, bytes, num, _folder: folder }
}

impl Backup {
    fn mint(&self) -> MintUrl {
        let (heroku, num) = (self.world.heroku.clone(), self.num);
        Arc::new(move || {
            let heroku = heroku.clone();
            async move { heroku.public_url(PRODUCTION, num).await }.boxed()
        })
    }

    async fn start(&self, options: DownloadOptions) -> Result<DownloadReader, DownloadError> {
        let client = DownloadClient::new().expect("a client");
        download::start(&client, self.mint(), options).await
    }

    /// Downloads everything that the options ask for, or returns the error.
    async fn fetch(&self, options: DownloadOptions) -> Result<Vec<u8>, DownloadError> {
        let reader = self.start(options).await?;
        let length = reader.length();
        let bytes = read_to_end(reader).await?;
        assert_eq!(bytes.len() as u64, length);
        Ok(bytes)
    }

    fn misbehave(&self, rule: Rule) {
        self.world.standin.misbehave(rule);
    }

    fn store_requests(&self) -> Vec<Recorded> {
        let requests = self.world.standin.requests().into_iter();
        requests.filter(|one| one.path.starts_with("/store/")).collect()
    }

    fn ranges(&self) -> Vec<Option<String>> {
        let requests = self.store_requests();
        requests.iter().map(|one| one.header("range").map(str::to_owned)).collect()
    }

    fn minted(&self) -> usize {
        count(&self.world.standin, "POST", "/public-url")
    }
}

async fn read_to_end(mut reader: DownloadReader) -> Result<Vec<u8>, DownloadError> {
    let read = move || {
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).map(|_| bytes)
    };
    let read = tokio::task::spawn_blocking(read).await.expect("no panic");
    read.map_err(|error| *error.into_inner().expect("a cause").downcast().expect("of a download"))
}

/// The real time limits, a hundred times shorter.
fn quick() -> DownloadOptions {
    let mut options =
        DownloadOptions { stall: Duration::from_millis(300), ..DownloadOptions::default() };
    options.backoff.first = Duration::from_millis(5);
    options.backoff.longest = Duration::from_millis(20);
    options
}

#[tokio::test]
async fn a_download_without_trouble_is_one_plain_get() {
    for length in [0, 1, 3_000_000] {
        let backup = backup(length).await;
        assert!(backup.fetch(quick()).await.expect("all") == backup.bytes, "{length}");
        let requests = backup.store_requests();
        assert_eq!(requests.len(), 1);
        assert_eq!(requests[0].method, "GET");
        assert_eq!(requests[0].header("authorization"), None);
        assert_eq!(requests[0].header("range"), None);
    }
}

#[tokio::test]
async fn a_lost_connection_is_resumed_where_it_stopped() {
    let backup = backup(1_000_000).await;
    backup.misbehave(Rule::once("/store/", StoreFault::CutAfter(300_000)));
    backup.misbehave(Rule::once("/store/", StoreFault::StallAfter(200_000)));
    backup.misbehave(Rule::once("/store/", Fault::CloseBefore));
    let reader = backup.start(quick()).await.expect("started");
    let counters = reader.counters();
    assert_eq!((reader.length(), reader.total_length()), (1_000_000, 1_000_000));
    assert!(read_to_end(reader).await.expect("all") == backup.bytes);
    assert_eq!((counters.received(), counters.connections()), (1_000_000, 3));
    let range = |start: u64| Some(format!("bytes={start}-"));
    assert_eq!(backup.ranges(), [None, range(300_000), range(500_000), range(500_000)]);
    assert_eq!(backup.minted(), 1, "the signed URL is still good");
    let requests = backup.store_requests();
    assert!(requests[1].header("if-range").is_some(), "the object must be the same one");
}

#[tokio::test]
async fn an_early_end_without_an_error_is_not_the_end() {
    let backup = backup(300_000).await;
    backup.misbehave(Rule::once("/store/", StoreFault::CutAfter(100_000)));
    backup.misbehave(Rule::once("/store/", StoreFault::ShortPart(50_000)));
    assert!(backup.fetch(quick()).await.expect("all") == backup.bytes);
    assert_eq!(backup.ranges()[2].as_deref(), Some("bytes=150000-"));
}

#[tokio::test]
async fn an_expired_url_is_replaced() {
    let backup = backup(500_000).await;
    backup.misbehave(Rule::once("/store/", StoreFault::CutAfter(100_000)));
    backup.misbehave(Rule::once("/store/", StoreFault::Expired));
    assert!(backup.fetch(quick()).await.expect("all") == backup.bytes);
    assert_eq!(backup.minted(), 2);

    backup.misbehave(Rule::always("/store/", StoreFault::Expired));
    let error = backup.fetch(quick()).await.expect_err("never");
    assert!(matches!(error, DownloadError::Refused), "{error:?}");
    assert_eq!(backup.minted(), 4, "a fresh one was tried too");
}

#[tokio::test]
async fn a_url_is_not_used_after_its_time() {
    let options = Options { url_lifetime: Duration::from_secs(20), ..Options::default() };
    let backup = backup_with(200_000, options).await;
    backup.misbehave(Rule::once("/store/", StoreFault::CutAfter(100_000)));
    assert!(backup.fetch(quick()).await.expect("all") == backup.bytes);
    assert_eq!(backup.minted(), 2);
    assert_eq!(backup.store_requests().len(), 2, "no request was wasted on the old one");
}

#[tokio::test]
async fn a_server_in_trouble_is_waited_for() {
    let backup = backup(100_000).await;
    backup.misbehave(Rule::times(2, "/store/", Fault::HtmlUnavailable));
    backup.misbehave(Rule::once("/store/", Fault::RateLimited(1)));
    backup.misbehave(Rule::once("/store/", Fault::Hang));
    backup.misbehave(Rule::once("/public-url", Fault::ServerError));
    let started = Instant::now();
    assert!(backup.fetch(quick()).await.expect("all") == backup.bytes);
    assert!(started.elapsed() >= Duration::from_millis(1300));
}

#[tokio::test]
async fn attempts_without_progress_are_counted() {
    let backup = backup(100_000).await;
    backup.misbehave(Rule::always("/store/", Fault::CloseBefore).after(1));
    backup.misbehave(Rule::once("/store/", StoreFault::CutAfter(10)));
    let mut reader = backup.start(quick()).await.expect("started");
    let read = tokio::task::spawn_blocking(move || {
        let mut bytes = Vec::new();
        let error = reader.read_to_end(&mut bytes).expect_err("an end too early");
        let again = reader.read(&mut [0; 10]).expect_err("still no end");
        (bytes.len(), error.to_string(), again.to_string())
    });
    let (length, error, again) = read.await.expect("no panic");
    assert_eq!(length, 10);
    assert!(error.contains("8 attempts") && error.contains("byte 10"), "{error}");
    assert!(again.contains("stopped"), "{again}");
    assert_eq!(backup.store_requests().len(), 1 + 7);

    // Progress restarts the count.
    let patient = self::backup(10_000).await;
    patient.misbehave(Rule::times(20, "/store/", StoreFault::CutAfter(10)));
    assert!(patient.fetch(quick()).await.expect("all") == patient.bytes);
}

#[tokio::test]
async fn a_server_that_ignores_ranges_is_handled() {
    let backup = backup(500_000).await;
    backup.misbehave(Rule::once("/store/", StoreFault::CutAfter(123_456)));
    backup.misbehave(Rule::once("/store/", StoreFault::IgnoreRange));
    assert!(backup.fetch(quick()).await.expect("all") == backup.bytes);
    backup.misbehave(Rule::once("/store/", StoreFault::IgnoreRange));
    let options = DownloadOptions { start: 70_000, end: Some(80_000), ..quick() };
    assert!(backup.fetch(options).await.expect("a part") == backup.bytes[70_000..80_000]);
}

#[tokio::test]
async fn parts_of_another_object_are_never_mixed_in() {
    let cases: [(StoreFault, Expected); 5] = [
        (StoreFault::OtherTag, |e| matches!(e, DownloadError::Changed { .. })),
        (StoreFault::WrongTotal(1), |e| matches!(e, DownloadError::Changed { .. })),
        (StoreFault::Shorter(300_000), |e| matches!(e, DownloadError::Changed { .. })),
        (StoreFault::Shorter(50_000), |e| matches!(e, DownloadError::OutOfRange { at: 100_000 })),
        (StoreFault::WrongStart(5), |e| matches!(e, DownloadError::WrongRange { .. })),
    ];
    for (fault, matches) in cases {
        let backup = backup(500_000).await;
        backup.misbehave(Rule::once("/store/", StoreFault::CutAfter(100_000)));
        backup.misbehave(Rule::once("/store/", fault.clone()));
        let error = backup.fetch(quick()).await.expect_err("not the same");
        assert!(matches(&error), "{fault:?}: {error:?}");
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("X-Amz"), "{shown}");
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_judged_is_refused() {
    let cases: [(Fault, Expected); 4] = [
        (StoreFault::NoLength.into(), |e| matches!(e, DownloadError::UnknownLength)),
        (Fault::NotFound, |e| matches!(e, DownloadError::Status { status: 404, .. })),
        (Fault::Redirect("http://h.test/".into()), |e| matches!(e, DownloadError::Redirected)),
        (Fault::Redirect("/store/x".into()), |e| matches!(e, DownloadError::Redirected)),
    ];
    for (fault, matches) in cases {
        let backup = backup(1000).await;
        backup.misbehave(Rule::always("/store/", fault.clone()));
        let error = backup.fetch(quick()).await.expect_err("refused");
        assert!(matches(&error), "{fault:?}: {error:?}");
    }
    let backup = backup(1000).await;
    backup.misbehave(Rule::once("/public-url", Fault::NotFound));
    let error = backup.fetch(quick()).await.expect_err("no URL");
    assert!(matches!(error, DownloadError::Mint(_)), "{error:?}");
    backup.world.standin.sign_urls_for("http://store.example.test");
    let error = backup.fetch(quick()).await.expect_err("unencrypted");
    assert!(matches!(error, DownloadError::UnencryptedUrl), "{error:?}");
}

#[tokio::test]
async fn a_part_can_be_fetched_again() {
    let backup = backup(500_000).await;
    backup.misbehave(Rule::once("/store/", StoreFault::FlippedByte(250_000)));
    let reader = backup.start(quick()).await.expect("started");
    let version = Some(reader.version().clone());
    let mut bytes = read_to_end(reader).await.expect("all, but not well");
    assert!(bytes != backup.bytes);

    let part = DownloadOptions { start: 249_990, end: Some(250_010), version, ..quick() };
    let again = backup.fetch(part.clone()).await.expect("a part");
    bytes[249_990..250_010].copy_from_slice(&again);
    assert!(bytes == backup.bytes);
    assert_eq!(backup.ranges()[1].as_deref(), Some("bytes=249990-250009"));

    backup.misbehave(Rule::once("/store/", StoreFault::OtherTag));
    let error = backup.fetch(part.clone()).await.expect_err("another object");
    assert!(matches!(error, DownloadError::Changed { .. }), "{error:?}");
    let beyond = DownloadOptions { end: Some(500_001), ..part.clone() };
    let error = backup.fetch(beyond).await.expect_err("beyond the end");
    assert!(matches!(error, DownloadError::TooShort { .. }), "{error:?}");
    let empty = DownloadOptions { end: Some(249_990), ..part };
    let error = backup.fetch(empty).await.expect_err("empty");
    assert!(matches!(error, DownloadError::EmptyRange { .. }), "{error:?}");
}

#[tokio::test]
async fn a_slow_reader_slows_the_download() {
    let backup = backup(64 << 20).await;
    let mut reader = backup.start(quick()).await.expect("started");
    let counters = reader.counters();
    // Longer than the stall limit, because a slow reader is not a fault of the server.
    tokio::time::sleep(Duration::from_millis(800)).await;
    assert!(counters.received() > 0);
    assert!(counters.received() < 24 << 20, "{}", counters.received());
    let read = tokio::task::spawn_blocking(move || {
        let mut start = vec![0; 1000];
        reader.read_exact(&mut start).expect("the start");
        (reader, start)
    });
    let (reader, start) = read.await.expect("no panic");
    let rest = read_to_end(reader).await.expect("the rest");
    assert!([start, rest].concat() == backup.bytes);
    assert_eq!(counters.connections(), 1);
}

/// A server that begins each answer correctly and continues with `body`. Returns its address and
/// its number of requests.
fn strange_server(body: fn(&mut std::net::TcpStream)) -> (std::net::SocketAddr, Arc<AtomicUsize>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            count.fetch_add(1, Ordering::SeqCst);
            std::thread::spawn(move || body(&mut stream));
        }
    });
    (address, asked)
}

async fn error_of(address: std::net::SocketAddr) -> DownloadError {
    let mint: MintUrl = Arc::new(move || {
        let url = bcops::secret::Secret::new(format!("http://{address}/store/1"));
        async move { Ok(bcops::adapters::heroku::SignedUrl { url, expires_at: None }) }.boxed()
    });
    let few = DownloadOptions { attempts_without_progress: 3, ..quick() };
    let client = DownloadClient::new().expect("a client");
    match download::start(&client, mint, few).await {
        Ok(reader) => read_to_end(reader).await.expect_err("no end"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn a_server_that_is_too_slow_or_silent_ends_the_download() {
    let trickle = |stream: &mut std::net::TcpStream| {
        let mut request = [0; 1024];
        let length = stream.read(&mut request).unwrap_or_default();
        let text = String::from_utf8_lossy(&request[..length]).to_ascii_lowercase();
        let first = text.split("bytes=").nth(1).and_then(|rest| rest.split('-').next());
        let head = match first {
            Some(first) => format!(
                "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {first}-9999/10000\r\n\
                 Content-Length: {}\r\n\r\n",
                10_000 - first.parse::<u64>().unwrap_or_default()
            ),
            None => "HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n".to_owned(),
        };
        let _ = stream.write_all(head.as_bytes());
        while stream.write_all(b"x").is_ok() {
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    let silent = |_: &mut std::net::TcpStream| std::thread::sleep(Duration::from_secs(20));
    for (address, asked) in [strange_server(trickle), strange_server(silent)] {
        let error = error_of(address).await;
        let DownloadError::NoProgress { cause, .. } = &error else { panic!("{error:?}") };
        assert!(matches!(**cause, DownloadError::Stalled { .. }), "{error:?}");
        assert_eq!(asked.load(Ordering::SeqCst), 3);
    }
}

#[tokio::test]
async fn dropping_the_reader_ends_the_download() {
    let options = Options { throttle: Some(200_000), ..Options::default() };
    let backup = backup_with(1_000_000, options).await;
    let reader = backup.start(quick()).await.expect("started");
    let counters = reader.counters();
    drop(reader);
    // Bytes in transit have arrived by then, and no more follow.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let received = counters.received();
    tokio::time::sleep(Duration::from_millis(800)).await;
    assert_eq!(counters.received(), received);
}

#[tokio::test]
async fn the_store_holds_all_connections_to_one_rate() {
    let options = Options { throttle: Some(1_000_000), ..Options::default() };
    let backup = backup_with(400_000, options).await;
    let started = Instant::now();
    let (one, other) = tokio::join!(backup.fetch(quick()), backup.fetch(quick()));
    assert!(one.expect("all") == other.expect("all"));
    let elapsed = started.elapsed();
    assert!(
        (Duration::from_millis(750)..Duration::from_secs(10)).contains(&elapsed),
        "{elapsed:?}"
    );
}

#[test]
fn the_end_of_the_runtime_is_not_the_end_of_the_backup() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let backup = runtime.block_on(backup_with(
        1_000_000,
        Options { throttle: Some(100_000), ..Options::default() },
    ));
    let mut reader = runtime.block_on(backup.start(quick())).expect("started");
    runtime.shutdown_background();
    let error = reader.read_to_end(&mut Vec::new()).expect_err("no end");
    assert!(error.to_string().contains("the download stopped at byte"), "{error}");
}

#[tokio::test]
async fn a_real_backup_arrives_complete_over_a_bad_connection() {
    let Some(fixtures) = std::env::var_os("BCOPS_FIXTURES") else {
        eprintln!("skipped: BCOPS_FIXTURES is not set, so there is no real backup to download");
        return;
    };
    let backup = backup(0).await;
    let path = std::path::Path::new(&fixtures).join("bc.dump");
    let outcome = Outcome::Completed { warnings: 0 };
    let num = backup.world.standin.add_backup(PRODUCTION, &path, Duration::from_secs(1), outcome);
    let bytes = std::fs::read(&path).expect("a real backup");
    let backup = Backup { bytes, num, ..backup };
    for megabytes in [3, 20, 1, 0, 15] {
        let fault = StoreFault::CutAfter(megabytes << 20);
        backup.misbehave(Rule::once("/store/", fault));
    }
    assert!(backup.fetch(quick()).await.expect("all") == backup.bytes);
    assert_eq!(backup.store_requests().len(), 6);
}
