//! Tests Wagtail sites from pip: a fresh `wagtail start`, and one with many other apps. With only
//! the lines that `suggest` drafts, a pull of them holds no personal data, and the sites start.
//!
//! `BCOPS_PYTHON_CLIENTS` names the environment that `tests/install-python-clients.sh` makes. Without
//! it these tests are skipped.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::pull_data::world::{Needles, World};
use crate::standins::heroku::Options;
use crate::suggest;
use crate::support::site;

/// The database of a project, and the interpreter that runs it.
struct Project {
    python: PathBuf,
    folder: PathBuf,
    settings: &'static str,
    port: u16,
}

impl Project {
    fn command(&self, program: &Path, database: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.folder).env("SITE_DATABASE", database);
        command.env("SITE_DATA", &self.folder).env("SITE_PORT", self.port.to_string());
        command.env("DJANGO_SETTINGS_MODULE", self.settings).stdin(Stdio::null());
        command
    }

    #[track_caller]
    fn python(&self, database: &str, arguments: &[&str]) -> String {
        let output = self.command(&self.python, database).args(arguments).output().expect("python");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
        eprintln!("{arguments:?}: {}", said.lines().last().unwrap_or_default());
        String::from_utf8(output.stdout).expect("UTF-8")
    }
}

fn environment() -> Option<PathBuf> {
    let folder = std::env::var_os("BCOPS_PYTHON_CLIENTS").map(PathBuf::from);
    if folder.is_none() {
        eprintln!("skipped: BCOPS_PYTHON_CLIENTS is not set, so there is no site to make");
    }
    folder
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/pip_sites")
}

#[track_caller]
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder").flatten() {
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        match path.is_dir() {
            true => copy(&path, &target),
            false => drop(fs::copy(&path, &target).expect("a file")),
        }
    }
}

/// Migrates and fills the project, drafts a manifest for it, and pulls.
#[track_caller]
fn pulls_and_starts(world: &World, project: &Project, manifest: &str) {
    let database = world.cluster.create_database("pip_site");
    project.python(&database, &["manage.py", "makemigrations", "home"]);
    project.python(&database, &["manage.py", "migrate"]);
    let planted = project.python(&database, &["fill.py"]);
    assert!(planted.lines().count() > 100, "{planted}");
    let archive = world.bcops.directory().join("work/site.dump");
    site::back_up(world.cluster, &database, &archive).expect("a backup");
    suggest::configure(world, manifest);
    let draft = suggest::suggest(world, "site.dump");
    suggest::pull(world, &draft).exits(0);

    let needles = Needles::new(planted.lines());
    let before = world.cluster.run_tool("pg_dump", &["-d", &database]);
    assert!(!needles.find(before.as_bytes()).is_empty(), "nobody was there");
    let mut table = "";
    for line in suggest::contents(world).lines() {
        if line.starts_with("COPY ") {
            table = line.split(" (").next().unwrap_or_default();
        }
        let found = needles.find(line.as_bytes());
        assert!(found.is_empty(), "{table}: {found:?}\n{draft}");
    }
    project.python(&world.target, &["manage.py", "check"]);
    project.python(&world.target, &["manage.py", "migrate", "--check"]);
    let kept = "SELECT count(*) FROM wagtailcore_page";
    assert_eq!(world.psql(kept), world.cluster.psql(&database, kept));
    assert_eq!(world.psql("SELECT count(*) FROM wagtailforms_formsubmission"), "0");
}

#[test]
fn a_site_with_many_other_apps_is_pulled_with_only_its_draft() {
    let Some(environment) = environment() else { return };
    let world = World::empty(Options::default());
    let folder = world.bcops.directory().join("site");
    copy(&source(), &folder);
    let python = environment.join("bin/python");
    let project = Project { python, folder, settings: "settings", port: world.cluster.port() };
    pulls_and_starts(&world, &project, suggest::NOTHING);
}

#[test]
fn a_fresh_project_is_pulled_with_only_its_draft() {
    let Some(environment) = environment() else { return };
    let world = World::empty(Options::default());
    let folder = world.bcops.directory().join("site");
    fs::create_dir_all(&folder).expect("a folder");
    let python = environment.join("bin/python");
    let settings = "mysite.settings.base";
    let project = Project { python, folder, settings, port: world.cluster.port() };
    let wagtail = environment.join("bin/wagtail");
    let mut start = project.command(&wagtail, "none");
    start.env_remove("DJANGO_SETTINGS_MODULE").args(["start", "mysite", "."]);
    let made = start.output().expect("wagtail start");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let base = project.folder.join("mysite/settings/base.py");
    let mut text = fs::read_to_string(&base).expect("settings");
    text.push_str(
        "\nSECRET_KEY = \"for tests only\"\nDATABASES = {\"default\": {\"ENGINE\": \
         \"django.db.backends.postgresql\", \"HOST\": \"127.0.0.1\", \"USER\": \"postgres\", \
         \"PORT\": os.environ[\"SITE_PORT\"], \"NAME\": os.environ[\"SITE_DATABASE\"]}}\n",
    );
    fs::write(&base, text).expect("settings");
    fs::copy(source().join("fill.py"), project.folder.join("fill.py")).expect("a file");
    let built_in = "schema_version = 1\nextends = \"built-in\"\n";
    pulls_and_starts(&world, &project, built_in);
}
