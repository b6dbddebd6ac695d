//! Names what the approval of a plan depends on, in words that a person can compare.
//!
//! A plan may be made in CI and run on a laptop, so paths, timeouts and other settings of one machine
//! are not part of it. Everything that decides which data reach staging is.

use serde_json::{Value, json};

use crate::adapters::heroku::Transfer;
use crate::reset::{Reset, Survey};
use crate::runbook::Observations;

/// Settings that decide what a reset changes. Those of an environment follow.
const SETTINGS: &[&str] = &[
    "cache.key_prefix",
    "cache.renditions_database",
    "cache.table",
    "commands.makemigrations_check",
    "commands.migrate",
    "commands.migrate_check",
    "local.users_table",
    "media.acl",
    "media.originals",
    "media.prefixes",
    "media.rendition_tables",
    "reset.document_tables",
    "reset.hosts",
    "reset.image_tables",
    "search.index_prefix",
    "search.indices",
    "search.reindex_command",
];

/// Of both environments; `config_vars` stands for all names of config vars.
const OF_ENVIRONMENTS: &[&str] = &["app", "branch", "protected", "sites", "accept", "config_vars"];

pub fn observed(world: &Reset, survey: &Survey) -> Observations {
    let (source, destination) = (&world.source, &world.destination);
    let branches = &world.branches;
    let app = format!("{} ({})", source.app.value, world.source.app_id);
    let database =
        format!("{} ({})", world.source.database.addon_name, world.source.database.addon_id);
    let mut found = Observations::from([
        ("the source's app".to_owned(), json!(app)),
        ("the source's database".to_owned(), json!(database)),
        ("the source's backup".to_owned(), json!(named(&survey.backup))),
        // Approving the newest backup does not approve an old one.
        (format!("the newest backup of {}", source.name), json!(newest(survey))),
        (format!("the tip of {}", branches.master), json!(survey.inventory.master.to_string())),
        (format!("the tip of {}", branches.staging), json!(survey.inventory.staging.to_string())),
    ]);
    for branch in &world.answers.branches {
        found.insert(format!("the tip of {}", branch.name), json!(branch.commit.to_string()));
    }
    if let Some(sides) = &world.media {
        found.insert("the source's bucket".to_owned(), json!(sides.source.place()));
    }
    for (name, value) in settings(world, [&source.name, &destination.name]) {
        found.insert(format!("the setting {name}"), value);
    }
    for (name, value) in world.manifest.described() {
        let name = if name.contains(' ') { name } else { format!("the manifest's {name}") };
        found.insert(name, json!(value));
    }
    found
}

/// Where an older backup was named, it does not matter which newer backups exist.
fn newest(survey: &Survey) -> String {
    let chosen = survey.backup.name();
    match survey.newest.as_ref() == Some(&chosen) {
        true => chosen,
        false => "a newer one than the chosen backup".to_owned(),
    }
}

fn named(backup: &Transfer) -> String {
    let finished = backup.finished_at.map_or_else(String::new, |at| format!(", finished {at:.0}"));
    format!("{}{finished} ({})", backup.name(), backup.uuid)
}

/// Defaults are included, because another version of bcops may have other defaults.
fn settings(world: &Reset, environments: [&String; 2]) -> Vec<(String, Value)> {
    let counts = |name: &str| {
        let of_environment = |environment: &&String| {
            let rest = name
                .strip_prefix("environments.")
                .and_then(|rest| rest.strip_prefix(environment.as_str()))
                .and_then(|rest| rest.strip_prefix('.'));
            rest.and_then(|rest| rest.split('.').next())
                .is_some_and(|key| OF_ENVIRONMENTS.contains(&key))
        };
        SETTINGS.contains(&name) || environments.iter().any(of_environment)
    };
    let all = world.settings.effective_with_defaults().into_iter();
    let counting = all.filter(|one| !one.secret && counts(&one.name));
    counting.map(|one| (one.name, json!(one.value.to_string()))).collect()
}
