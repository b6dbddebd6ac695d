//! Loads an archive with `pg_restore` and with `bcops`, and reports how the two databases differ.

use std::path::Path;

use crate::pull_data::world::World;

use super::fingerprint;

const UNSCRUBBED: [&str; 3] = ["--no-scrub", "--i-need-personal-data", "comparison"];

/// The result of a comparison without a difference.
#[derive(Debug)]
pub enum Outcome {
    Equal,
    /// `pg_restore` had errors: bcops refused as well, or had warnings of its own.
    BothComplain(String),
}

/// Loads the archive both ways. `Err` is a difference, for a person to read.
pub fn compare(world: &World, archive: &Path) -> Result<Outcome, String> {
    compare_as(world, archive, None)
}

/// Like [`compare`], with both programs logged in as a role that may create databases.
pub fn compare_as(world: &World, archive: &Path, role: Option<&str>) -> Result<Outcome, String> {
    let cluster = world.cluster;
    let reference = cluster.create_database("equal_reference");
    let _dropped = Dropped(world, &reference);
    if let Some(role) = role {
        cluster.psql("postgres", &format!("ALTER DATABASE {reference} OWNER TO {role}"));
    }
    let mut command = cluster.tool("pg_restore");
    if let Some(role) = role {
        command.env("PGUSER", role);
    }
    let restored = command
        .args(["--no-owner", "--no-acl", "-d", &reference])
        .arg(archive)
        .output()
        .map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&restored.stderr).into_owned();
    let run = load(world, archive);
    let printed = run.printed();
    let both = || {
        let errors = said.lines().filter(|line| line.contains("ERROR:")).take(3);
        let answer = printed.lines().filter(|line| line.starts_with("error: ")).take(1);
        let code = run.code;
        let lines: Vec<&str> = errors.chain(answer).collect();
        Outcome::BothComplain(format!("exit {code:?}: {}", lines.join(" | ")))
    };
    if run.code != Some(0) {
        return match (restored.status.success(), run.code) {
            // A crash, a hang and a signal are always failures.
            (false, Some(1 | 3 | 4)) if !printed.contains("panicked") => Ok(both()),
            (false, _) => Err(format!("pg_restore: {said}\nbcops: {printed}")),
            // Rows that need something skipped: refused by design, before anything is done.
            (true, Some(4)) if printed.contains("rows would be lost") => Ok(both()),
            (true, _) => Err(format!("pg_restore loads it, bcops does not:\n{printed}")),
        };
    }
    fingerprint::drop_skipped(cluster, &reference)?;
    let theirs = fingerprint::of(cluster, &reference)?;
    let ours = fingerprint::of(cluster, &world.target)?;
    let document: serde_json::Value =
        serde_json::from_str(&run.stdout).map_err(|error| format!("{error}: {printed}"))?;
    let warnings = document["warnings"].as_array().map_or(0, Vec::len);
    match (restored.status.success(), theirs == ours) {
        (true, true) => Ok(Outcome::Equal),
        (true, false) => {
            let warnings = &document["warnings"];
            Err(format!("{}warnings: {warnings:#}", fingerprint::difference(&theirs, &ours)))
        }
        // bcops may do more than pg_restore could, but nothing else may be missing.
        (false, _)
            if theirs.iter().filter(|item| was_done(item)).all(|item| ours.contains(item)) =>
        {
            Ok(both())
        }
        (false, _) if warnings > 0 => Ok(both()),
        (false, _) => Err(format!(
            "pg_restore complains and bcops does not: {said}\n{}",
            fingerprint::difference(&theirs, &ours)
        )),
    }
}

/// Whether an item of a fingerprint comes from what `pg_restore` did, and not from its failures.
fn was_done(item: &str) -> bool {
    !(item.starts_with("rows of ") && item.ends_with(": 0 0") || item.starts_with("not populated"))
}

fn load(world: &World, archive: &Path) -> crate::command::Run {
    let archive = archive.to_str().expect("a path in UTF-8");
    let arguments =
        ["pull-data", "--file", archive, "--yes", "--allow-old", "--no-keep-previous", "--json"];
    world.bcops.run(&[&arguments[..], &UNSCRUBBED].concat())
}

/// Drops a database at the end of a comparison, with any result.
struct Dropped<'a>(&'a World, &'a str);

impl Drop for Dropped<'_> {
    fn drop(&mut self) {
        let drop = format!("DROP DATABASE IF EXISTS \"{}\" WITH (FORCE)", self.1);
        let _ = self.0.cluster.try_psql("postgres", &drop);
    }
}
