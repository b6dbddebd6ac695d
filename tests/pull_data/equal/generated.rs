//! Tests generated databases: made from a number, dumped in some way, loaded both ways.
//!
//! `BCOPS_SOAK=1` tries 500, `BCOPS_SOAK=60` tries 60, `BCOPS_SOAK=17..18` tries these numbers. The
//! failure names the folder with the SQL and the archive of each database that differs.

use std::env;
use std::fs;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use super::compare::{Outcome, compare};
use crate::pull_data::world::World;
use crate::standins::heroku::Options;
use crate::support::generator::{Recipe, Server, recipe};
use crate::support::postgres::Cluster;

const IN_THE_SUITE: Range<u64> = 0..20;
const IN_A_LONG_RUN: Range<u64> = 0..500;
const AT_A_TIME: usize = 3;

fn seeds() -> Range<u64> {
    let Ok(asked) = env::var("BCOPS_SOAK") else { return IN_THE_SUITE };
    let number = |text: &str| text.trim().parse().expect("BCOPS_SOAK is COUNT or FIRST..END");
    match asked.split_once("..") {
        Some((first, end)) => number(first)..number(end),
        None => match number(&asked) {
            // The value that other long runs use.
            1 => IN_A_LONG_RUN,
            count => 0..count,
        },
    }
}

#[test]
fn generated_databases_equal_pg_restores() {
    let seeds = seeds();
    let next = AtomicU64::new(seeds.start);
    let (different, alike) = (Mutex::new(Vec::new()), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                let world = World::empty(Options::default());
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        break;
                    }
                    match try_seed(&world, seed) {
                        Ok(Outcome::Equal) => drop(alike.fetch_add(1, Ordering::Relaxed)),
                        Ok(Outcome::BothComplain(why)) => eprintln!("seed {seed}: {why}"),
                        Err(difference) => {
                            let text = format!("seed {seed}: {difference}");
                            eprintln!("{text}");
                            different.lock().expect("the list").push(text);
                        }
                    }
                }
            });
        }
    });
    let different = different.into_inner().expect("the list");
    let alike = alike.into_inner();
    eprintln!(
        "{} databases, {alike} of them equal, {} different",
        seeds.end - seeds.start,
        different.len()
    );
    assert!(
        different.is_empty(),
        "{} databases differ:\n{}",
        different.len(),
        different.join("\n")
    );
    // Little is compared if pg_restore complains, so that must stay rare.
    let count = seeds.end - seeds.start;
    assert!(count < 10 || alike * 3 >= count * 2, "only {alike} of {count} were compared");
}

fn try_seed(world: &World, seed: u64) -> Result<Outcome, String> {
    let folder = env::temp_dir().join(format!("bcops-generated-{}", std::process::id()));
    fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let recipe = recipe(seed, &server(world.cluster));
    let script = folder.join(format!("{seed}.sql"));
    fs::write(&script, &recipe.sql).map_err(|error| error.to_string())?;
    let archive = folder.join(format!("{seed}.dump"));
    let cluster = world.cluster;
    let database = cluster.create_database("generated");
    let outcome = make(cluster, &database, &recipe, &script, &archive)
        .and_then(|()| compare(world, &archive));
    let drop = format!("DROP DATABASE IF EXISTS \"{database}\" WITH (FORCE)");
    cluster.psql("postgres", &drop);
    if outcome.is_ok() {
        for file in [&script, &archive] {
            let _ = fs::remove_file(file);
        }
        let _ = fs::remove_dir(&folder);
    }
    outcome.map_err(|difference| format!("(kept in {}) {difference}", folder.display()))
}

fn server(cluster: &Cluster) -> Server {
    let names = cluster.psql("postgres", "SELECT name FROM pg_available_extensions");
    Server { version: version(cluster), extensions: names.lines().map(str::to_owned).collect() }
}

/// The major version of a server.
pub fn version(cluster: &Cluster) -> u32 {
    let number: u32 =
        cluster.psql("postgres", "SHOW server_version_num").parse().expect("a version");
    number / 10_000
}

fn make(
    cluster: &Cluster,
    database: &str,
    recipe: &Recipe,
    script: &PathBuf,
    archive: &PathBuf,
) -> Result<(), String> {
    let mut psql = cluster.tool("psql");
    psql.args(["-AtXq", "-v", "ON_ERROR_STOP=1", "-d", database, "-f"]).arg(script);
    let made = psql.output().map_err(|error| error.to_string())?;
    if !made.status.success() {
        return Err(format!("the generator's SQL: {}", String::from_utf8_lossy(&made.stderr)));
    }
    let mut dump = cluster.tool("pg_dump");
    dump.args(["-Fc", "-d", database]).args(&recipe.dump_options);
    if !recipe.piped {
        dump.arg("-f").arg(archive);
    }
    let dumped = dump.output().map_err(|error| error.to_string())?;
    if !dumped.status.success() {
        let said = String::from_utf8_lossy(&dumped.stderr);
        return Err(format!("pg_dump {:?}: {said}", recipe.dump_options));
    }
    if recipe.piped {
        fs::write(archive, dumped.stdout).map_err(|error| error.to_string())?;
    }
    Ok(())
}
