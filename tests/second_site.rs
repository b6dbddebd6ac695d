//! Tests the example of a second site, `examples/second-site/`: other apps, environments and
//! branches, plain Wagtail images and users, and its own manifest on top of the built-in one.

use std::fs;
use std::path::{Path, PathBuf};

use tokio::runtime::Runtime;

use crate::command::{Bcops, Run};
use crate::support::postgres::Cluster;
use crate::support::site;
use crate::whole_site::blueprint::Blueprint;
use crate::whole_site::services::Services;
use crate::whole_site::{Pace, WholeSite, configuration};

const PREVIEW: &str = "library-preview";

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/second-site/bcops.toml")
}

struct Library {
    bcops: Bcops,
    services: Services,
    whole: WholeSite,
    local: String,
    _runtime: Runtime,
}

impl Library {
    fn new() -> Library {
        let runtime = Runtime::new().expect("a runtime");
        let cluster = Cluster::shared();
        let (whole, services) = runtime.block_on(async {
            let blueprint = Blueprint::of_file(&example()).expect("the example");
            let whole = WholeSite::start_site(cluster, Pace::of_tests(), blueprint).await;
            let whole = whole.unwrap_or_else(|error| panic!("{error:#}"));
            let services = Services::start(&whole).await;
            (whole, services)
        });
        whole.complete();
        let local = cluster.create_database("library");
        let mut bcops = Bcops::new();
        for (name, value) in whole.variables().into_iter().chain(services.variables()) {
            bcops.set(name, &value);
        }
        bcops.set("PATH", &std::env::var("PATH").expect("a path"));
        bcops.set("GIT_CONFIG_NOSYSTEM", "1");
        bcops.set("BCOPS_LOCAL_DATABASE_URL", &cluster.url(&local));
        let home = bcops.directory().join("home");
        let git = "[user]\n\tname = Op Erator\n\temail = op@example.test\n";
        fs::write(home.join(".gitconfig"), git).expect("written");
        let folder = home.join(".config/bcops");
        fs::create_dir_all(&folder).expect("a folder");
        let text = configuration::adapted(&example(), &whole).expect("a configuration");
        fs::write(folder.join("config.toml"), text).expect("written");
        whole.code.clone_into(&bcops.directory().join("work"));
        Library { bcops, services, whole, local, _runtime: runtime }
    }

    fn run(&self, arguments: &[&str]) -> Run {
        self.bcops.run(arguments)
    }

    fn local(&self, sql: &str) -> String {
        Cluster::shared().psql(&self.local, sql)
    }
}

#[test]
fn data_and_media_come_to_this_machine_without_people() {
    let library = Library::new();
    let cluster = Cluster::shared();
    let marked = site::marked_columns(cluster, &library.whole.databases.production);
    for place in
        ["auth_user.email", "events_booking.email", "wagtailforms_formsubmission.form_data"]
    {
        assert!(marked.iter().any(|one| one == place), "{place} holds nobody: {marked:?}");
    }
    library.run(&["pull-live-data", "--yes"]).exits(0);
    assert_eq!(site::marked_columns(cluster, &library.local), Vec::<String>::new());
    assert_eq!(library.local("SELECT username FROM auth_user WHERE id = 3"), "user.3");
    assert_eq!(library.local("SELECT count(*) FROM events_booking"), "0");
    let events = "SELECT count(*) FROM events_eventpage";
    assert_eq!(library.local(events), library.whole.databases.production(events));

    // Data that appears later is found and removed.
    library.local(
        "INSERT INTO events_booking (event_id, name, email, seats, made_at) \
         SELECT min(page_ptr_id), 'Late-Canary', 'late@canary.example', 1, now() FROM events_eventpage",
    );
    library.run(&["scrub-pii", "--check"]).exits(9);
    library.run(&["scrub-pii", "--confirm", &library.local]).exits(0);
    assert_eq!(library.local("SELECT count(*) FROM events_booking"), "0");

    library.run(&["pull-live-media", "--yes"]).exits(0);
    let media = library.bcops.directory().join("work/media/original_images");
    assert!(media.join("reading_room_01.jpg").is_file());
}

#[test]
fn the_preview_is_reset_with_search_and_caches() {
    let library = Library::new();
    let preview = library.whole.databases.staging.clone();
    let rows = |sql: &str| Cluster::shared().psql(&preview, sql);
    assert_eq!(rows("SELECT count(*) FROM auth_user WHERE id = 90001"), "1");
    let choices = ["--branches", "feature/footer", "--recreate-users", "all"];
    let fixed = ["reset-preview", "--from", "live", "--attest", "agreed", "--confirm", PREVIEW];
    library.run(&[fixed.as_slice(), &choices].concat()).exits(0);

    assert_eq!(rows("SELECT count(*) FROM wagtailforms_formsubmission"), "0");
    assert_eq!(rows("SELECT count(*) FROM events_booking"), "0");
    assert_eq!(rows("SELECT count(*) FROM auth_user WHERE username = 'preview.tester'"), "1");
    assert_eq!(rows("SELECT hostname FROM wagtailcore_site"), "127.0.0.1");
    assert!(!library.whole.heroku.glance(PREVIEW).maintenance);
    let pages = library.services.search[1].documents("wagtail__wagtailcore_page").len();
    assert_eq!(rows("SELECT count(*) FROM wagtailcore_page"), pages.to_string());
    if let Some(redis) = library.services.redis.get(1) {
        let keys = redis.keys(0);
        assert!(!keys.contains(&":1:wagtail_site_root_paths".to_owned()), "{keys:?}");
    }
    assert!(library.whole.heroku.writes("library-live").is_empty());
}

#[test]
fn doctor_and_the_services_pass() {
    let library = Library::new();
    library.run(&["doctor"]).exits(0);
    library.run(&["search", "status", "preview"]).exits(0);
    library.run(&["check", "preview"]).exits(0);
    let zone = "preview.library.example";
    library.run(&["purge-cache", "preview", "--everything", "--confirm", zone]).exits(0);
    assert_eq!(library.services.cloudflare.purges().len(), 1);
}

#[test]
fn nothing_of_the_built_in_site_remains() {
    let library = Library::new();
    let shown = library.run(&["config", "show"]).exits(0).stdout;
    for word in ["buckinghamshire", "torchbox", "family_information", "users_user"] {
        assert!(!shown.contains(word), "{word} in {shown}");
    }
}
