//! Tests that the draft of `bcops scrub-pii --manifest suggest`, used unchanged, removes all
//! personal data.

mod cases;
mod generated;
mod generator;

use std::path::Path;

use crate::command::Run;
use crate::pull_data::world::World;
use crate::standins::heroku::Options;
use crate::support::site;

/// A separate site, with an empty manifest.
pub const NOTHING: &str = "schema_version = 1\npolicies = [\"local\", \"staging\"]\n";

/// Another site, with a database from this SQL as `site.dump`.
#[track_caller]
pub fn world(sql: &str) -> World {
    let world = World::empty(Options::default());
    let source = world.cluster.create_database("suggest");
    let script = world.bcops.write("setup.sql", sql);
    world.cluster.run_script(&source, &script).unwrap_or_else(|error| panic!("{error:#}\n{sql}"));
    let archive = world.bcops.directory().join("work/site.dump");
    site::back_up(world.cluster, &source, &archive).expect("a backup");
    let drop = format!("DROP DATABASE \"{source}\"");
    world.cluster.psql("postgres", &drop);
    configure(&world, NOTHING);
    world
}

pub fn configure(world: &World, manifest: &str) {
    let site = "inherit = false\n[environments.live]\napp = \"live\"\nprotected = true\n\
                [scrub]\nmanifest = \"scrub.toml\"\n";
    world.bcops.write("bcops.toml", site);
    world.bcops.write("scrub.toml", manifest);
}

/// The draft for a backup.
#[track_caller]
pub fn suggest(world: &World, file: &str) -> String {
    let arguments = ["scrub-pii", "--manifest", "suggest", "--file", file, "--json"];
    let document = world.bcops.run(&arguments).exits(0).json();
    document["result"]["manifest"].as_str().expect("a draft").to_owned()
}

/// Uses a draft unchanged, and pulls.
pub fn pull(world: &World, draft: &str) -> Run {
    configure(world, draft);
    world.bcops.run(&["pull-data", "--file", "site.dump", "--yes"])
}

/// Everything that the database holds, as text.
pub fn contents(world: &World) -> String {
    world.cluster.run_tool("pg_dump", &["-d", &world.target])
}

/// A draft's class and remark for a column.
#[track_caller]
pub fn line<'d>(draft: &'d str, column: &str) -> &'d str {
    let column = format!("    \"{column}\",");
    let found = draft.lines().find(|line| line.starts_with(&column));
    found.unwrap_or_else(|| panic!("{column}\n{draft}"))
}

pub fn case(name: &str) -> Option<String> {
    let folder = crate::pull_data::archives::fixtures()?;
    let path: &Path = &folder.join("cases").join(name).join("setup.sql");
    Some(std::fs::read_to_string(path).expect("the case"))
}
