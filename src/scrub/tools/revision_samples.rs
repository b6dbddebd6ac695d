//! Lists the members of sampled revisions, by model: names and counts, and never a value.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::copy_text::unescape;
use super::super::dropped::shown_name;
use super::super::revisions::{CONTENT, CONTENT_TYPE, CONTENT_TYPE_COLUMNS, ContentType};
use super::super::rules::Step;
use crate::schema::TableName;

/// The most paths that are recorded for one model.
const MOST_PATHS: usize = 2000;

/// Members below this depth are recorded together.
const DEEPEST: usize = 8;

/// By content type: how many revisions hold a value at a path.
type Paths = BTreeMap<Vec<Step>, u64>;

/// The sampled revisions and their models.
#[derive(Debug, Default)]
pub struct RevisionSamples {
    /// The first table of revisions that was read.
    pub(super) table: Option<TableName>,
    pub(super) content_types: Vec<ContentType>,
    pub(super) members: BTreeMap<Vec<u8>, Paths>,
}

impl RevisionSamples {
    /// Whether all rows of the table are needed.
    pub(super) fn wants(table: &TableName) -> bool {
        matches!(table.name.as_str(), "wagtailcore_revision" | "django_content_type")
    }

    /// Reads complete rows of such a table.
    pub(super) fn take(&mut self, table: &TableName, columns: &[String], rows: &[u8]) {
        let position = |name: &str| columns.iter().position(|column| column == name);
        let fields = |row: &[u8]| -> Vec<Vec<u8>> {
            row.split(|byte| *byte == b'\t').map(|field| unescape(field).into_owned()).collect()
        };
        let rows = rows.split(|byte| *byte == b'\n').filter(|row| !row.is_empty());
        if let (Some(content), Some(content_type)) = (position(CONTENT), position(CONTENT_TYPE)) {
            self.table.get_or_insert_with(|| table.clone());
            for row in rows {
                let fields = fields(row);
                let (Some(content), Some(id)) = (fields.get(content), fields.get(content_type))
                else {
                    continue;
                };
                self.revision(id.clone(), content);
            }
            return;
        }
        let [Some(id), Some(app), Some(model)] = CONTENT_TYPE_COLUMNS.map(position) else { return };
        for row in rows {
            let fields = fields(row);
            let text = |index: usize| {
                fields.get(index).map(|field| String::from_utf8_lossy(field).to_lowercase())
            };
            if let (Some(id), Some(app), Some(model)) = (fields.get(id), text(app), text(model)) {
                self.content_types.push(ContentType { id: id.clone(), app, model });
            }
        }
    }

    fn revision(&mut self, content_type: Vec<u8>, content: &[u8]) {
        let Ok(document) = serde_json::from_slice::<Value>(content) else { return };
        let mut found = Paths::new();
        walk(&document, &mut Vec::new(), &mut found);
        let paths = self.members.entry(content_type).or_default();
        for path in found.into_keys() {
            if paths.len() < MOST_PATHS || paths.contains_key(&path) {
                *paths.entry(path).or_default() += 1;
            }
        }
    }
}

/// Records the paths of everything that holds a value. A name that may be a value itself is
/// recorded as `*`.
fn walk(value: &Value, path: &mut Vec<Step>, found: &mut Paths) {
    let mut below = |step: Step, value: &Value| {
        path.push(step);
        walk(value, path, found);
        path.pop();
    };
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let is_plain = shown_name(name.as_bytes()) == *name;
                let step = if is_plain { Step::Member(name.clone()) } else { Step::Any };
                below(step, value);
            }
        }
        Value::Array(elements) => elements.iter().for_each(|one| below(Step::Any, one)),
        Value::Null => {}
        _ => {
            found.insert(path.iter().take(DEEPEST).cloned().collect(), 1);
        }
    }
}
