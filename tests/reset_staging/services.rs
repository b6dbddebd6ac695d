//! Tests `reset-staging` with other services: Slack, a search index, Redis, Cloudflare.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

use crate::purge_cache::world::{PRODUCTION_ZONE, STAGING_ZONE, TOKEN, ZONE};
use crate::reset_staging::calm::calm;
use crate::reset_staging::faults_around::behind_cloudflare;
use crate::reset_staging::run::arguments;
use crate::reset_staging::world::World;
use crate::standins::elasticsearch::{ElasticsearchStandIn, Options};
use crate::support::redis::{PASSWORD, RedisServer};
use crate::whole_site::{PRODUCTION, STAGING};

/// A part of the webhook's path, which is the only protection against posts by others.
const HOOK_SECRET: &str = "T000-B000-slack-hook-secret";

/// Slack's side of an incoming webhook, on loopback, for as long as the process lives.
struct Slack {
    url: String,
    posts: Arc<Mutex<Vec<String>>>,
}

impl Slack {
    /// Answers each POST with this status line.
    fn start(status: &'static str) -> Slack {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let posts = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&posts);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if let Some(post) = receive(stream, status) {
                    kept.lock().expect("no panic").push(post);
                }
            }
        });
        Slack { url: format!("http://{address}/services/{HOOK_SECRET}"), posts }
    }

    /// The texts that were posted.
    fn texts(&self) -> Vec<String> {
        let posts = self.posts.lock().expect("no panic");
        let text = |post: &String| {
            let document: Value = serde_json::from_str(post).expect("JSON");
            document["text"].as_str().expect("a text").to_owned()
        };
        posts.iter().map(text).collect()
    }
}

/// The body of one request, which is answered.
fn receive(mut stream: TcpStream, status: &str) -> Option<String> {
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let length = stream.read(&mut buffer).ok()?;
        request.extend_from_slice(&buffer[..length]);
        let text = String::from_utf8_lossy(&request).into_owned();
        let (head, body) = match text.split_once("\r\n\r\n") {
            Some(parts) => parts,
            None if length == 0 => return None,
            None => continue,
        };
        let head = head.to_ascii_lowercase();
        let announced = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if body.len() >= announced?.trim().parse().ok()? {
            let answer =
                format!("HTTP/1.1 {status}\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
            stream.write_all(answer.as_bytes()).ok()?;
            let is_hook = head.starts_with("post /services/");
            return is_hook.then(|| body.to_owned());
        }
    }
}

#[test]
fn colleagues_get_one_message_in_slack() {
    let mut world = World::new();
    let slack = Slack::start("200 OK");
    world.bcops.set("SLACK_WEBHOOK_URL", &slack.url);
    // It is killed when only the opening and the message remain.
    let line = calm("stream").line_of(&["\"step_started\"", "\"open\""]);
    world.kill_at_line(&arguments(&[]), line);
    assert_eq!(slack.texts(), Vec::<String>::new());
    let run = world.bcops(&["runs", "resume", &world.newest_run(), "--json"]).exits(0);
    let texts = slack.texts();
    assert_eq!(texts.len(), 1, "{texts:?}");
    for told in ["staging was reset from production", "feature/footer", "b003", "git fetch"] {
        assert!(texts[0].contains(told), "`{told}` is not in {}", texts[0]);
    }
    assert!(!texts[0].contains('@'), "an address: {}", texts[0]);
    for printed in [run.printed(), world.report().to_string()] {
        assert!(!printed.contains(HOOK_SECRET), "{printed}");
    }
    world.assert_not_in_files(HOOK_SECRET);
    // A finished run posts nothing more.
    let again = world.bcops(&["runs", "resume", &world.newest_run()]);
    assert_eq!(slack.texts().len(), 1, "{}", again.printed());
}

#[test]
fn a_slack_that_refuses_is_a_warning() {
    let mut world = World::new();
    let slack = Slack::start("403 Forbidden");
    world.bcops.set("SLACK_WEBHOOK_URL", &slack.url);
    let run = world.bcops(&arguments(&[])).exits(0).says(&["Slack answered with status 403"]);
    assert!(!run.printed().contains(HOOK_SECRET), "{}", run.printed());
    assert!(run.stdout.contains("--- for colleagues"), "{}", run.printed());
    world.assert_not_in_files(HOOK_SECRET);
    assert_eq!(slack.texts().len(), 1);
}

/// A search cluster for an app.
fn search(world: &World, app: &str, user: &str) -> ElasticsearchStandIn {
    let options = Options { user: user.to_owned(), ..Options::default() };
    let cluster = world.runtime().block_on(ElasticsearchStandIn::start(options));
    world.whole.set_search(app, &cluster.url());
    cluster
}

#[test]
fn the_search_index_is_built_from_the_new_rows() {
    let world = World::new();
    let production = search(&world, PRODUCTION, "production-user");
    let staging = search(&world, STAGING, "staging-user");
    production.fill("wagtail__wagtailcore_page", 3);
    staging.fill("wagtail__wagtailcore_page", 3);
    // Left over with content from before the scrub.
    staging.fill("wagtail__wagtailcore_page_ab12cd3", 3);
    world.bcops(&arguments(&[])).exits(0);
    assert!(!staging.index_names().contains(&"wagtail__wagtailcore_page_ab12cd3".to_owned()));
    let databases = &world.whole.databases;
    for table in ["wagtailcore_page", "images_customimage", "documents_customdocument"] {
        let rows = databases.staging(&format!("SELECT count(*) FROM {table}"));
        let documents = staging.documents(&format!("wagtail__{table}"));
        assert_eq!(documents.len().to_string(), rows, "{table}");
        assert_ne!(rows, "0", "{table}");
    }
    // The page that only staging had is gone from both.
    let ids: Vec<String> =
        staging.documents("wagtail__wagtailcore_page").into_iter().map(|(id, _)| id).collect();
    assert!(!ids.contains(&"90001".to_owned()), "{ids:?}");
    let touched = production.requests().into_iter().filter(|request| request.method != "GET");
    assert_eq!(touched.count(), 0);
    assert_eq!(world.outcome("search"), "done");
    assert!(world.whole.heroku.writes(PRODUCTION).is_empty());
}

#[test]
fn only_stagings_cache_in_redis_is_cleared() {
    let world = World::new();
    let (staging, production) = (RedisServer::start(), RedisServer::start());
    let keys = [":1:wagtail_site_root_paths:2", ":1:a-page"];
    staging.set(0, &keys);
    production.set(0, &keys);
    world.whole.heroku.set_config_var(STAGING, "REDIS_URL", &staging.url());
    world.whole.heroku.set_config_var(PRODUCTION, "REDIS_URL", &production.url());
    world.bcops(&arguments(&[])).exits(0);
    assert_eq!(staging.keys(0), Vec::<String>::new());
    assert_eq!(production.keys(0).len(), 2);
    assert_eq!(world.outcome("cache"), "done");
    world.assert_not_in_files(PASSWORD);
}

#[test]
fn the_zone_of_staging_is_purged_once_after_the_rows_are_new() {
    let (world, cloudflare) = behind_cloudflare();
    world.bcops(&arguments(&["--restore-via", "heroku"])).exits(0);
    let purges = cloudflare.purges();
    assert_eq!(purges.len(), 1, "{purges:?}");
    assert_eq!(
        (purges[0].zone.as_str(), purges[0].kind.as_str()),
        (STAGING_ZONE, "purge_everything")
    );
    assert_eq!(world.outcome("front-end-cache"), "done");
    world.assert_not_in_files(TOKEN);
    // Both apps with one zone: production's pages would be purged.
    world.whole.heroku.set_config_var(STAGING, ZONE, PRODUCTION_ZONE);
    world.bcops(&arguments(&[])).fails(4, &["zone", "production"]);
    assert_eq!(cloudflare.purges().len(), 1);
}
