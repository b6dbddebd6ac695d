//! Deletes the indices that the site never searches in again. They keep old content, personal data
//! included, and use shards of the plan.

use std::collections::BTreeSet;

use super::Counts;
use super::look::Look;
use crate::adapters::elasticsearch::DestinationCluster;
use crate::events::{Event, Reporter};

/// What happened to the left-over indices.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Cleared {
    pub deleted: Vec<String>,
    /// Those that the cluster did not delete, and why.
    pub kept: Vec<(String, String)>,
}

/// Deletes the left-over indices that are also `old`: an index that appeared since then may be a
/// rebuild that is still running.
pub async fn clear(
    cluster: &DestinationCluster,
    look: &Look,
    rows: &Counts,
    old: &BTreeSet<String>,
    reporter: &dyn Reporter,
) -> Cleared {
    let mut cleared = Cleared::default();
    let indices = look.judged(Some(rows));
    for index in indices.iter().filter(|index| index.is_left_over() && old.contains(&index.name)) {
        match cluster.delete(&index.name).await {
            Ok(_) => cleared.deleted.push(index.name.clone()),
            Err(error) => {
                let text = format!("cannot delete the left-over index {}: {error}", index.name);
                reporter.emit(Event::Warning(text));
                cleared.kept.push((index.name.clone(), error.to_string()));
            }
        }
    }
    if !cleared.deleted.is_empty() {
        let names = cleared.deleted.join(", ");
        reporter.emit(Event::Note(format!("Deleted left-over indices: {names}")));
    }
    cleared
}
