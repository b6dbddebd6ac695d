//! Audits an archive's definitions: comments, defaults, checks, labels, and the bodies of views and
//! functions. A load runs them, so their text ends up in the database.
//!
//! They are the site's own code, and no rule changes them. What looks like personal data in them
//! has to be removed at the source, or allowed by `audit.allow` in the manifest.

use super::audit::{AuditCount, Verdict};
use super::copy_text::escape_into;
use super::encoded::{Effort, Form, look_into};
use super::patterns::Strength;
use super::plan::ScrubPlan;
use super::tally::{AllowList, Tally};
use crate::archive::TocEntry;

/// What these entries' definitions hold, by entry and kind. Weak matches are not findings here,
/// because code is full of numbers.
pub fn audit_definitions<'a>(
    plan: &ScrubPlan,
    entries: impl Iterator<Item = &'a TocEntry>,
) -> Vec<AuditCount> {
    let allow = AllowList::new(plan.allow.clone());
    entries.flat_map(|entry| audit_entry(entry, &allow)).collect()
}

fn audit_entry(entry: &TocEntry, allow: &AllowList) -> Vec<AuditCount> {
    let names = [Some(&entry.tag), entry.namespace.as_ref()];
    let texts = [&entry.definition, &entry.drop_statement, &entry.copy_statement];
    let in_names = tally(names.into_iter().flatten(), allow);
    let mut tally = tally(texts.into_iter().flatten(), allow);
    // A name is in the definition as well, unless only a comment's tag has it.
    if tally.is_empty() {
        tally = in_names;
    }
    // A name that holds such a value must not be shown.
    let place = match in_names.is_empty() {
        true => entry.describe(),
        false => format!("{} {}", entry.entry_type, entry.id),
    };
    let count = |(kind, strength, [unknown, allowed]): (_, _, [u64; 2])| {
        let verdict = match strength {
            Strength::Strong => Verdict::Finding,
            Strength::Weak => Verdict::Content,
        };
        [(unknown, verdict), (allowed, Verdict::Allowed)].map(|(count, verdict)| AuditCount {
            table: entry.table_name(),
            column: String::new(),
            definition: Some(place.clone()),
            kind,
            strength,
            count,
            verdict,
            rows: Vec::new(),
        })
    };
    tally.by_strength().flat_map(count).filter(|one| one.count > 0).collect()
}

fn tally<'a>(texts: impl Iterator<Item = &'a String>, allow: &AllowList) -> Tally {
    let mut result = Tally::default();
    for text in texts {
        let mut field = Vec::with_capacity(text.len());
        escape_into(text.as_bytes(), &mut field);
        result.add(allow.tally(&field));
        result.add(look_into(&field, Form::Any, Effort::Everything, allow).tally);
    }
    result
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::path::Path;

    use super::super::Manifest;
    use super::*;
    use crate::archive::{ArchiveReader, read_schema};

    #[test]
    fn the_sites_own_definitions_hold_no_personal_data() {
        let Some(fixtures) = std::env::var_os("BCOPS_FIXTURES") else {
            eprintln!("skipped: BCOPS_FIXTURES is not set");
            return;
        };
        let file = File::open(Path::new(&fixtures).join("bc-small.dump")).unwrap();
        let reader = ArchiveReader::open(file).unwrap();
        let schema = read_schema(reader.toc()).unwrap();
        let plan = ScrubPlan::new(&Manifest::built_in().unwrap(), "local", &schema, &[]).unwrap();
        assert_eq!(audit_definitions(&plan, reader.toc().entries().iter()), []);
    }
}
