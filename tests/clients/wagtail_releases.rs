//! Proves the names of search indices with three releases of Wagtail: each one's `update_index` builds
//! its index in the same stand-in, as upgrades of one site do, and `bcops search status` reads it.
//!
//! `BCOPS_PYTHON_CLIENTS` names the environments that `tests/install-python-clients.sh` makes. Without
//! it these tests print that they are skipped.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::search::world::{SearchWorld, differences, index};
use crate::standins::elasticsearch::{Fault, Flavour, Rule};

/// A release of Wagtail with the engine of its search backend.
#[derive(Clone, Copy)]
struct Release {
    name: &'static str,
    /// The folder of its environment.
    folder: &'static str,
    engine: &'static str,
    /// The prefix that it makes of `INDEX = "wagtail"`.
    prefix: &'static str,
}

const V7_0: Release =
    Release { name: "7.0", folder: ".", engine: "elasticsearch7", prefix: "wagtail__" };
const V7_4: Release =
    Release { name: "7.4", folder: "wagtail-7.4", engine: "elasticsearch8", prefix: "wagtail_" };
const V8_0: Release =
    Release { name: "8.0", folder: "wagtail-8.0", engine: "elasticsearch9", prefix: "" };

struct Site {
    world: SearchWorld,
    clients: PathBuf,
    data: tempfile::TempDir,
}

impl Site {
    /// The rows of the site's pages and tasks are also in staging's database.
    fn new(flavour: Flavour) -> Option<Site> {
        let Some(clients) = std::env::var_os("BCOPS_PYTHON_CLIENTS").map(PathBuf::from) else {
            eprintln!("skipped: BCOPS_PYTHON_CLIENTS is not set, so there is no Wagtail to run");
            return None;
        };
        let world = SearchWorld::of(flavour);
        world.staging.index_names().iter().for_each(|name| world.staging.remove(name));
        let rows = "DROP TABLE utils_toptask; CREATE TABLE home_toptask (id serial PRIMARY KEY); \
             INSERT INTO home_toptask DEFAULT VALUES";
        world.world.psql(rows);
        Some(Site { world, clients, data: tempfile::tempdir().expect("a directory") })
    }

    fn build(&self, release: Release, index: &str) -> Output {
        let data = self.data.path().join(release.name);
        std::fs::create_dir_all(&data).expect("a folder");
        let script =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/wagtail_site/names.py");
        Command::new(self.clients.join(release.folder).join("bin/python"))
            .arg("-B")
            .arg(&script)
            .current_dir(script.parent().expect("a folder"))
            .env_clear()
            .env("HOME", self.data.path())
            .env("SITE_DATA", &data)
            .env("BONSAI_URL", self.world.staging.url())
            .env("ENGINE", release.engine)
            .env("INDEX", index)
            // The release's own default applies.
            .env("ATOMIC_REBUILD", "")
            .output()
            .expect("Python: run tests/install-python-clients.sh")
    }

    #[track_caller]
    fn builds(&self, release: Release, index: &str) {
        let output = self.build(release, index);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {errors}", release.name);
        let text = String::from_utf8_lossy(&output.stdout);
        let found: Value = serde_json::from_str(text.lines().last().unwrap_or_default())
            .unwrap_or_else(|error| panic!("{}: {error}: {text}{errors}", release.name));
        assert_eq!(found["release"], release.name);
        assert_eq!((&found["rows"]["wagtailcore_page"], &found["found"]), (&5.into(), &4.into()));
    }

    #[track_caller]
    fn status(&self) -> Value {
        self.world.search(&["status", "staging", "--json"]).exits(0).json()
    }

    /// The names of the indices with this use.
    #[track_caller]
    fn used_as(&self, status: &Value, wanted: &str) -> Vec<String> {
        let indices = status["result"]["indices"].as_array().expect("indices").iter();
        let wanted = indices.filter(|index| index["use"] == wanted);
        wanted.map(|index| index["name"].as_str().expect("a name").to_owned()).collect()
    }
}

#[test]
fn status_follows_a_site_through_its_upgrades_on_elasticsearch() {
    upgrades(Flavour::Elasticsearch8, [V7_0, V7_4, V8_0]);
}

#[test]
fn status_follows_a_site_through_its_upgrades_on_opensearch() {
    let later = Release { engine: "opensearch2", ..V7_4 };
    upgrades(Flavour::OpenSearch3, [V7_0, later, Release { engine: "opensearch3", ..V8_0 }]);
}

fn upgrades(flavour: Flavour, releases: [Release; 3]) {
    let Some(site) = Site::new(flavour) else { return };
    let mut left = Vec::new();
    for release in releases {
        site.builds(release, "wagtail");
        let status = site.status();
        assert_eq!(status["result"]["index_prefix"], release.prefix, "{}", release.name);
        assert_eq!(differences(&status), [], "{}", release.name);
        assert_eq!(site.used_as(&status, "left-over"), left, "{}", release.name);
        let alias = format!("{}wagtailcore_page", release.prefix);
        let in_use = site.used_as(&status, "in-use");
        let pages: Vec<&String> = in_use.iter().filter(|name| name.starts_with(&alias)).collect();
        assert_eq!(pages.len(), 1, "{in_use:?}");
        let found = index(&status, pages[0]);
        assert_eq!((&found["documents"], &found["rows"]), (&5.into(), &5.into()));
        match release.name {
            "7.0" => assert_eq!(pages[0], &alias),
            _ => assert_eq!(found["aliases"][0], alias.as_str(), "{found}"),
        }
        // The indices of this release are left over after the next upgrade.
        let names = site.world.staging.index_names();
        let is_this = |name: &String| name.starts_with(release.prefix) && !left.contains(name);
        let names: Vec<String> = names.into_iter().filter(is_this).collect();
        left.extend(names);
        left.sort();
    }
}

#[test]
fn a_site_without_settings_has_bare_names_since_7_2() {
    let Some(site) = Site::new(Flavour::Elasticsearch9) else { return };
    site.builds(Release { engine: "elasticsearch8", ..V7_4 }, "");
    let status = site.status();
    assert_eq!(status["result"]["index_prefix"], "");
    assert_eq!((differences(&status), site.used_as(&status, "left-over")), (vec![], vec![]));
}

#[test]
fn a_rebuild_that_fails_leaves_an_index_that_status_names() {
    let Some(site) = Site::new(Flavour::Elasticsearch8) else { return };
    site.builds(V7_4, "wagtail");
    let before = site.world.staging.index_names();
    site.world.staging.misbehave(Rule::once("_bulk", Fault::BulkErrors));
    let output = site.build(V7_4, "wagtail");
    assert!(!output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let status = site.status();
    assert_eq!(differences(&status), [], "searches still find the old index");
    let left = site.used_as(&status, "left-over");
    assert!(left.len() == 1 && !before.contains(&left[0]), "{left:?}");
    let found = index(&status, &left[0]);
    assert_eq!(found["unused_because"], "left over from an unfinished rebuild");
}
