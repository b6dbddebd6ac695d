//! Reads which branches to merge: typed names, or a list to pick from that typed words narrow.

use crate::adapters::git::inventory::BranchReport;
use crate::commands::Context;
use crate::ui::Answer;
use crate::words;

/// A branch that can be merged, as the list shows it.
pub fn line(one: &BranchReport, conflicting: &[String]) -> String {
    let mark = match (one.landed.is_some(), one.stale) {
        (true, _) => ", already on master",
        (false, true) => ", stale",
        (false, false) => "",
    };
    let conflict = if conflicting.contains(&one.name) { ", CONFLICTS with master" } else { "" };
    format!("{}  ({}, {} old{mark}{conflict})", one.name, one.author, words::duration(one.age))
}

/// The names that the answer means, with commas. An empty answer, or words that are only parts of names,
/// show the list.
///
/// # Errors
/// The reason why nothing was picked.
pub fn names(
    context: &Context,
    answer: &str,
    branches: &[BranchReport],
    conflicting: &[String],
) -> Result<String, String> {
    let Some(found) = to_pick_from(answer, branches) else { return Ok(answer.to_owned()) };
    let lines: Vec<String> = found.iter().map(|one| line(one, conflicting)).collect();
    let question = "Space selects, Enter confirms, Esc goes back";
    let prompter = context.ui.prompter();
    match tokio::task::block_in_place(|| prompter.several(question, &lines)) {
        Answer::Given(chosen) => {
            let names = chosen.into_iter().filter_map(|at| found.get(at));
            let names: Vec<&str> = names.map(|one| one.name.as_str()).collect();
            Ok(if names.is_empty() { "none".to_owned() } else { names.join(",") })
        }
        Answer::Declined | Answer::CannotAsk => Err("nothing was picked".to_owned()),
    }
}

/// The branches of the list. `None` for an answer that needs no list: all, none, or whole names.
fn to_pick_from<'a>(answer: &str, branches: &'a [BranchReport]) -> Option<Vec<&'a BranchReport>> {
    let open: Vec<&BranchReport> = branches.iter().filter(|one| one.landed.is_none()).collect();
    let words: Vec<String> = answer
        .split([',', ' '])
        .map(|word| word.trim().to_lowercase())
        .filter(|word| !word.is_empty())
        .collect();
    if words.is_empty() {
        return (!open.is_empty()).then_some(open);
    }
    let is_name = |word: &String| {
        matches!(word.as_str(), "all" | "none")
            || branches.iter().any(|one| one.name.to_lowercase() == *word)
    };
    if words.iter().any(is_name) {
        return None;
    }
    let fits = |one: &&BranchReport| {
        let name = one.name.to_lowercase();
        words.iter().any(|word| name.contains(word))
    };
    let found: Vec<&BranchReport> = open.into_iter().filter(fits).collect();
    (!found.is_empty()).then_some(found)
}
