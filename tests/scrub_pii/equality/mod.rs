//! Tests that all executions of a rule give the same database: rewriting rows during a load, SQL on
//! an existing database, and rewriting a backup file.
//!
//! `BCOPS_EQUALITY_CASES` sets a higher number of cases.

mod generator;
mod revisions;
mod rules;

use std::path::Path;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use crate::command::{Bcops, Run};
use crate::scrub_pii::world::versions;
use crate::support::postgres::Cluster;
use crate::support::site;

use generator::Table;
use revisions::Revisions;

const CASES: u32 = 25;

#[derive(Clone)]
struct Case {
    tables: Vec<Table>,
    revisions: Revisions,
    manifest: String,
    policy: &'static str,
}

impl std::fmt::Debug for Case {
    /// In a form for use by hand.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sql = self.script();
        write!(f, "policy {}\n{sql}\n{}", self.policy, self.manifest)
    }
}

impl Case {
    fn script(&self) -> String {
        generator::script(&self.tables) + &self.revisions.script()
    }

    fn names(&self) -> Vec<&str> {
        let tables = self.tables.iter().map(|table| table.name.as_str());
        tables.chain(revisions::TABLES).collect()
    }
}

fn case() -> impl Strategy<Value = Case> {
    let tables = generator::tables();
    let with_manifest = tables.prop_flat_map(|tables| (rules::manifest(&tables), Just(tables)));
    let policies = proptest::sample::select(vec!["local", "staging"]);
    (with_manifest, revisions::revisions(), policies).prop_map(
        |((manifest, tables), revisions, policy)| {
            let manifest = manifest + &revisions.manifest();
            Case { tables, revisions, manifest, policy }
        },
    )
}

/// Every row of every table, as COPY writes it.
fn contents(cluster: &Cluster, database: &str, tables: &[&str]) -> String {
    let read = |table: &&str| {
        let sql = format!("\\copy (SELECT * FROM {} ORDER BY id) TO STDOUT", table);
        format!("{}:\n{}\n", table, cluster.psql(database, &sql))
    };
    tables.iter().map(read).collect()
}

/// The databases of one case, which are dropped with it.
struct Databases(Vec<String>);

impl Drop for Databases {
    fn drop(&mut self) {
        for name in &self.0 {
            for name in [name.clone(), format!("{name}_previous")] {
                let drop = format!("DROP DATABASE IF EXISTS \"{name}\" WITH (FORCE)");
                let _ = Cluster::shared().try_psql("postgres", &drop);
            }
        }
    }
}

fn fails(message: String, case: &Case, runs: &[&Run]) -> TestCaseError {
    let said: Vec<String> = runs.iter().map(|run| run.printed()).collect();
    TestCaseError::fail(format!("{message}\n{case:?}\n{}", said.join("\n")))
}

/// Whether the manifest was accepted.
fn check(case: &Case) -> Result<bool, TestCaseError> {
    let cluster = Cluster::shared();
    let live = cluster.create_database("equal");
    let pulled = format!("{live}_pulled");
    let _databases = Databases(vec![live.clone(), pulled.clone()]);
    let mut bcops = Bcops::new();
    let script = bcops.write("schema.sql", &case.script());
    let made = cluster.run_script(&live, &script);
    made.map_err(|error| fails(format!("{error:#}"), case, &[]))?;
    let archive = bcops.directory().join("work/case.dump");
    site::back_up(cluster, &live, &archive).expect("a backup");
    bcops.write("manifest.toml", &case.manifest);
    // A pull of a file always uses the policy `local`.
    let for_pulls = match case.policy {
        "local" => case.manifest.clone(),
        _ => case
            .manifest
            .replace(".policy.local]", ".policy.spare]")
            .replace(".policy.staging]", ".policy.local]")
            .replace(".policy.spare]", ".policy.staging]"),
    };
    bcops.write("for_pulls.toml", &for_pulls);
    let before = versions(cluster, &live);

    bcops.write("bcops.toml", "[scrub]\nmanifest = \"for_pulls.toml\"\n");
    bcops.set("BCOPS_LOCAL_DATABASE_URL", &cluster.url(&pulled));
    let pull = bcops.run(&["pull-data", "--file", "case.dump", "--yes", "--json"]);
    bcops.write("bcops.toml", "[scrub]\nmanifest = \"manifest.toml\"\n");
    bcops.set("BCOPS_LOCAL_DATABASE_URL", &cluster.url(&live));
    let arguments = ["scrub-pii", "--yes", "--json", "--policy", case.policy];
    let scrub = bcops.run(&arguments);
    if pull.code != scrub.code || !matches!(pull.code, Some(0 | 9)) {
        return Err(fails("one of them fails".into(), case, &[&pull, &scrub]));
    }
    if scrub.code == Some(9) {
        if versions(cluster, &live) != before {
            return Err(fails("it failed and changed something".into(), case, &[&scrub]));
        }
        return Ok(!scrub.stdout.contains("does not fit"));
    }
    let (one, other) =
        (contents(cluster, &live, &case.names()), contents(cluster, &pulled, &case.names()));
    if one != other {
        let message = format!("scrubbed in place:\n{one}\nscrubbed on the way:\n{other}");
        return Err(fails(message, case, &[]));
    }
    rewritten(&bcops, case, &archive, &one)?;
    let scrubbed = versions(cluster, &live);
    let again = bcops.run(&arguments);
    if again.code != Some(0) || versions(cluster, &live) != scrubbed {
        return Err(fails("a second run changes something".into(), case, &[&again]));
    }
    Ok(true)
}

/// The third execution: the backup is rewritten as a file, which the real `pg_restore` then loads.
fn rewritten(
    bcops: &Bcops,
    case: &Case,
    archive: &Path,
    expected: &str,
) -> Result<(), TestCaseError> {
    let cluster = Cluster::shared();
    let archive = archive.to_str().expect("a path");
    let arguments = ["scrub-pii", "--dump", archive, "scrubbed.dump", "--policy", case.policy];
    let run = bcops.run(&arguments);
    if run.code != Some(0) {
        return Err(fails("the backup is not rewritten".into(), case, &[&run]));
    }
    let restored = cluster.create_database("equal_restored");
    let _databases = Databases(vec![restored.clone()]);
    let loaded = cluster.pg_restore(&restored, &bcops.directory().join("work/scrubbed.dump"));
    loaded.map_err(|error| fails(format!("{error:#}"), case, &[&run]))?;
    let found = contents(cluster, &restored, &case.names());
    if found != expected {
        let message = format!("scrubbed in place:\n{expected}\nscrubbed as a file:\n{found}");
        return Err(fails(message, case, &[&run]));
    }
    Ok(())
}

#[test]
fn every_execution_of_a_rule_gives_the_same_database() {
    let cases = std::env::var("BCOPS_EQUALITY_CASES").ok().and_then(|text| text.parse().ok());
    let cases = cases.unwrap_or(CASES);
    let fitting = std::cell::Cell::new(0);
    let config =
        Config { cases, max_shrink_iters: 40, failure_persistence: None, ..Config::default() };
    let result = TestRunner::new(config).run(&case(), |case| {
        fitting.set(fitting.get() + u32::from(check(&case)?));
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
    eprintln!("{} of {cases} manifests fit", fitting.get());
    assert!(fitting.get() * 4 > cases, "{} of {cases} manifests fit", fitting.get());
}
