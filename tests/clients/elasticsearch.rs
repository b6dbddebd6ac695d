//! Proves the Elasticsearch stand-in: the elasticsearch package works with it, and Wagtail's
//! backend builds and searches the index of a small site in it, with the number of documents that
//! bcops expects.
//!
//! `BCOPS_PYTHON_CLIENTS` names the environment that `tests/install-python-clients.sh` makes.
//! Without it these tests print that they are skipped.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use bcops::search::{Counts, Difference, compare};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::standins::elasticsearch::{ElasticsearchStandIn, Fault, Flavour, Options, Rule};

struct Client {
    python: PathBuf,
    standin: ElasticsearchStandIn,
    data: tempfile::TempDir,
    _runtime: Runtime,
}

impl Client {
    fn new() -> Option<Client> {
        Client::of(Flavour::Elasticsearch)
    }

    fn of(flavour: Flavour) -> Option<Client> {
        let Some(folder) = std::env::var_os("BCOPS_PYTHON_CLIENTS").map(PathBuf::from) else {
            eprintln!("skipped: BCOPS_PYTHON_CLIENTS is not set, so there are no clients to run");
            return None;
        };
        let runtime = Runtime::new().expect("a runtime");
        let options = Options { flavour, ..Options::default() };
        let standin = runtime.block_on(ElasticsearchStandIn::start(options));
        let data = tempfile::tempdir().expect("a directory");
        Some(Client { python: folder.join("bin/python"), standin, data, _runtime: runtime })
    }

    fn output(&self, script: &str, variables: &[(&str, &str)]) -> Output {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(script);
        Command::new(&self.python)
            .arg("-B")
            .arg(&script)
            .current_dir(script.parent().expect("a folder"))
            .env_clear()
            .env("HOME", self.data.path())
            .env("SITE_DATA", self.data.path())
            .env("BONSAI_URL", self.standin.url())
            .envs(variables.iter().copied())
            .output()
            .expect("python")
    }

    #[track_caller]
    fn run(&self, script: &str, variables: &[(&str, &str)]) -> Value {
        let output = self.output(script, variables);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        let text = String::from_utf8_lossy(&output.stdout);
        serde_json::from_str(text.lines().last().unwrap_or_default())
            .unwrap_or_else(|error| panic!("not a JSON document ({error}): {text}{errors}"))
    }

    /// Documents by index.
    fn counts(&self) -> Counts {
        let count = |name: String| {
            let documents = self.standin.documents(&name).len() as u64;
            (name, documents)
        };
        self.standin.index_names().into_iter().map(count).collect()
    }
}

fn rows(found: &Value) -> Counts {
    let rows = found["rows"].as_object().expect("rows").iter();
    rows.map(|(index, rows)| (index.clone(), rows.as_u64().expect("a number"))).collect()
}

#[test]
fn the_elasticsearch_package_finds_what_it_put_in() {
    let Some(client) = Client::new() else { return };
    let found = client.run("elasticsearch_client.py", &[]);
    assert_eq!(found["version"], "7.10.2");
    let statuses =
        ["delete_absent", "create_again", "change_mapping", "delete_alias", "unknown_query"];
    let statuses = statuses.map(|name| found[name].as_u64().unwrap_or(0));
    assert_eq!(statuses, [404, 400, 400, 400, 400], "{found}");
    let counts = ["bulk", "count_before_refresh", "count", "matching", "pending", "after_changes"];
    let counts = counts.map(|name| found[name].as_u64().expect("a number"));
    assert_eq!(counts, [240, 0, 240, 120, 240, 240], "{found}");
    assert_eq!(found["scrolled"], json!([120, 120]));
    assert_eq!(found["alias"], json!([true, ["books"], 240, true, false]));
    let line = &found["listing"][0];
    assert_eq!(
        (&line["index"], &line["pri"], &line["rep"]),
        (&"books".into(), &"2".into(), &"1".into())
    );
    assert_eq!(found["health"], "yellow");
    assert!(client.standin.index_names().is_empty());
    let requests = client.standin.requests();
    assert!(requests.iter().all(|one| {
        one.header("user-agent").is_some_and(|agent| agent.starts_with("elasticsearch-py/7.13.4"))
    }));
}

#[test]
fn the_elasticsearch_package_works_with_opensearch() {
    let Some(client) = Client::of(Flavour::OpenSearch) else { return };
    let found = client.run("elasticsearch_client.py", &[]);
    assert_eq!((&found["version"], &found["after_changes"]), (&"2.6.0".into(), &240.into()));
}

#[test]
fn the_elasticsearch_package_understands_failures() {
    let Some(client) = Client::new() else { return };
    for (fault, word) in [
        (Fault::Unauthorized, "AuthenticationException"),
        (Fault::ReadOnly, "AuthorizationException"),
        (Fault::TooManyRequests(None), "429"),
        (Fault::ServerError("it broke"), "it broke"),
        (Fault::HtmlUnavailable, "503"),
        (Fault::CloseBefore, "ConnectionError"),
    ] {
        client.standin.misbehave(Rule::always("/", fault));
        let output = client.output("elasticsearch_client.py", &[]);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && errors.contains(word), "{word}: {errors}");
        client.standin.behave();
    }
    client.standin.misbehave(Rule::once("/_bulk", Fault::BulkErrors));
    let output = client.output("elasticsearch_client.py", &[]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("BulkIndexError: ('240 document(s) failed to index.'"), "{errors}");
}

#[test]
fn wagtail_builds_the_index_that_bcops_expects() {
    let Some(client) = Client::new() else { return };
    let found = client.run("wagtail_site/rebuild.py", &[]);
    // The root, a page of another type, forty of which a third are drafts, and an alias.
    assert_eq!(found["rows"]["wagtail__wagtailcore_page"], 43);
    assert!(
        found["said"].as_str().is_some_and(|text| text.contains("indexed 43 objects")),
        "{found}"
    );
    let mut rows = rows(&found);
    rows.insert("wagtail__home_toptask".to_owned(), 4);
    assert_eq!(compare(&client.counts(), &rows), []);
    assert_eq!(client.counts().keys().collect::<Vec<_>>(), rows.keys().collect::<Vec<_>>());
    assert_eq!((&found["bins"], &found["live_bins"]), (&21.into(), &14.into()), "{found}");
    assert_eq!((&found["both_words"], &found["all_news"]), (&20.into(), &41.into()), "{found}");
    assert_eq!(found["beginning"], json!(["Report a missed bin"]));
    assert_eq!(found["first_by_title"], json!(["news-9", "news-8"]));
    assert_eq!(found["tasks_afterwards"], 4);

    // In the order of Wagtail's work on each index.
    let requests = client.standin.requests();
    let of_pages =
        requests.iter().filter(|one| one.segments().first() == Some(&"wagtail__wagtailcore_page"));
    let of_pages: Vec<String> =
        of_pages.map(|one| format!("{} {}", one.method, one.segments()[1..].join("/"))).collect();
    let rebuild = of_pages.iter().position(|one| one == "DELETE ").expect("a rebuild");
    let refresh = of_pages.iter().position(|one| one == "POST _refresh").expect("a refresh");
    let steps = &of_pages[rebuild..=refresh];
    assert_eq!(steps[1], "PUT ");
    assert!(
        steps.contains(&"PUT _mapping".to_owned()) && steps.contains(&"POST _bulk".to_owned()),
        "{steps:?}"
    );
}

#[test]
fn wagtail_builds_beside_the_old_index_and_moves_the_alias() {
    let Some(client) = Client::new() else { return };
    let found = client.run("wagtail_site/rebuild.py", &[("ATOMIC_REBUILD", "yes")]);
    let names = client.standin.index_names();
    assert_eq!(names.len(), 4, "{names:?}");
    assert!(names.iter().all(|name| name.len() > "wagtail__home_toptask".len() + 7), "{names:?}");
    assert_eq!(found["bins"], 21);
    let pages =
        names.iter().find(|name| name.starts_with("wagtail__wagtailcore_page_")).expect("one");
    assert_eq!(client.standin.documents(pages).len(), 43);
}

#[test]
fn an_incomplete_rebuild_is_noticed_with_and_without_an_error() {
    let Some(client) = Client::new() else { return };
    // Refused documents in a bulk request end the command.
    client.standin.misbehave(Rule::once("wagtailcore_page/_bulk", Fault::BulkErrors));
    let output = client.output("wagtail_site/rebuild.py", &[]);
    assert!(!output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));

    // A bulk request with a false success does not: only the counts show it.
    let client = Client::new().expect("the clients");
    client.standin.misbehave(Rule::once("wagtailcore_page/_bulk", Fault::LostDocument));
    let found = client.run("wagtail_site/rebuild.py", &[]);
    let mut rows = rows(&found);
    rows.insert("wagtail__home_toptask".to_owned(), 4);
    let pages = "wagtail__wagtailcore_page".to_owned();
    let short = Difference::Short { index: pages, documents: 42, rows: 43 };
    assert_eq!(compare(&client.counts(), &rows), [short]);
}
