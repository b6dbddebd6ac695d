//! What was seen of a cluster, for people and for programs.

use serde_json::{Value, json};

use crate::search::{Difference, IndexStatus, Role, Status};
use crate::settings::Environment;
use crate::words;

/// What somebody should look at. What is broken is told by the result itself.
pub fn warnings(status: &Status) -> Vec<String> {
    let mut warnings: Vec<String> = status.differences.iter().map(Difference::to_string).collect();
    if let Some(why) = &status.without_aliases {
        warnings.push(format!("the other names of the indices are not known: {why}"));
    }
    if status.is_over_limit()
        && let Some(limit) = &status.shard_limit
    {
        warnings.push(format!(
            "{} are more than the {} that the plan allows: the provider will stop changes",
            words::plural(status.shards, "shard"),
            limit.shards
        ));
    }
    warnings
}

pub fn text(environment: &Environment, place: &str, plan: Option<&str>, status: &Status) -> String {
    let mut lines = vec![
        format!("{} ({}): {place}", environment.name, environment.app.value),
        format!(
            "{} {}, {}, {}",
            status.info.distribution,
            status.info.version,
            status.health.status.name(),
            words::plural(status.health.number_of_nodes, "node")
        ),
        shards(plan, status),
    ];
    if !status.indices.is_empty() {
        lines.push(format!(
            "{:<48} {:>11} {:>11} {:>10}  {:<7}",
            "index", "documents", "rows", "size", "health"
        ));
    }
    lines.extend(status.indices.iter().map(index_line));
    for difference in status.differences.iter().filter(|one| one.lacks_rows()) {
        lines.push(format!("wrong: {difference}"));
    }
    let is_uncounted = status.indices.iter().any(|index| index.problem.is_some());
    if is_uncounted || status.differences.iter().any(Difference::lacks_rows) {
        lines.push(format!("to build it anew: {}", mend(environment)));
    }
    lines.join("\n")
}

/// Only the site's own staff may write to a protected environment.
fn mend(environment: &Environment) -> String {
    if environment.protected {
        format!("`python manage.py update_index` on {}", environment.app.value)
    } else {
        format!("bcops search reindex {}", environment.name)
    }
}

fn shards(plan: Option<&str>, status: &Status) -> String {
    let used = words::plural(status.shards, "shard");
    let plan = plan.map_or_else(|| "the plan".to_owned(), |plan| format!("the plan {plan}"));
    match &status.shard_limit {
        Some(limit) => format!("{used} of {} that {plan} allows ({})", limit.shards, limit.source),
        None => format!(
            "{used}; how many {plan} allows is not known here, set search.shard_limit in bcops.toml"
        ),
    }
}

fn index_line(index: &IndexStatus) -> String {
    let number = |number: Option<u64>| number.map_or_else(|| "-".to_owned(), words::count);
    let size = index.bytes.map_or_else(|| "-".to_owned(), words::bytes);
    let health = index.health.map_or("-", |health| health.name());
    let mut line = format!(
        "{:<48} {:>11} {:>11} {size:>10}  {health:<7}",
        index.name,
        number(index.documents),
        number(index.rows)
    );
    if !index.aliases.is_empty() {
        line.push_str(&format!(" as {}", index.aliases.join(", ")));
    }
    if let Some(problem) = &index.problem {
        line.push_str(&format!(" {problem}"));
    }
    if index.documents.is_none() && index.problem.is_none() && index.role == Role::InUse {
        line.push_str(" closed");
    }
    match &index.role {
        Role::Unused(why) => line.push_str(&format!(" unused: {why}")),
        Role::System => line.push_str(" the cluster's own"),
        Role::InUse => {}
    }
    line.trim_end().to_owned()
}

pub fn json(
    environment: &Environment,
    place: &str,
    plan: Option<&str>,
    status: &Status,
    compared: bool,
) -> Value {
    let indices = status.indices.iter().map(|index| {
        let why = match &index.role {
            Role::Unused(why) => Some(*why),
            _ => None,
        };
        json!({
            "name": index.name,
            "aliases": index.aliases,
            "health": index.health.map(|health| health.name()),
            "documents": index.documents,
            "problem": index.problem,
            "rows": index.rows,
            "rows_of": index.rule.as_ref().map(ToString::to_string),
            "bytes": index.bytes,
            "shards": index.shards,
            "use": index.role.name(),
            "unused_because": why,
        })
    });
    json!({
        "environment": environment.name,
        "app": environment.app.value,
        "host": place,
        "cluster": status.info.cluster_name,
        "distribution": status.info.distribution,
        "version": status.info.version,
        "health": status.health.status.name(),
        "nodes": status.health.number_of_nodes,
        "plan": plan,
        "shards": {
            "used": status.shards,
            "unassigned": status.health.unassigned_shards,
            "limit": status.shard_limit.as_ref().map(|limit| limit.shards),
            "limit_source": status.shard_limit.as_ref().map(|limit| limit.source.clone()),
        },
        "compared_with_database": compared,
        "indices": indices.collect::<Vec<_>>(),
        "differences": status.differences.iter().map(difference).collect::<Vec<_>>(),
    })
}

/// One difference between an index and its table.
pub fn difference(difference: &Difference) -> Value {
    let (documents, rows) = match difference {
        Difference::Missing { rows, .. } => (None, *rows),
        Difference::Empty { rows, .. } => (Some(0), *rows),
        Difference::Short { documents, rows, .. } | Difference::Surplus { documents, rows, .. } => {
            (Some(*documents), *rows)
        }
    };
    json!({
        "index": difference.index(),
        "kind": difference.kind(),
        "documents": documents,
        "rows": rows,
    })
}
