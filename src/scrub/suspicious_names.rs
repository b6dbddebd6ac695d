//! Decides which columns need a class of their own.
//!
//! The rule lists what is harmless, not what is suspicious. In a personal table every column must
//! be listed. In other tables a number, a time or a flag need not be, unless its name or comment
//! suggests a person. Every other type can hold anything and must be listed.

use super::personal_words::{is_about_people, meaning_of_comment};
use super::rules::Class;
use crate::schema::{Column, Table};

pub(super) use super::personal_words::meaning;

/// Whether a column must be listed in the manifest, in a table of this class.
pub(super) fn needs_class(table: &Table, column: &Column, class: Class) -> bool {
    !column.generated && (class == Class::Personal || why_suspicious(table, column).is_some())
}

/// Why a column must be listed in any table, if there is a reason.
pub(super) fn why_suspicious(table: &Table, column: &Column) -> Option<&'static str> {
    if !column.is_plain_value() {
        return Some("its type can hold anything");
    }
    if let Some(meaning) = meaning(&column.name) {
        return Some(meaning);
    }
    // The table that a foreign key points to has a class of its own, and a flag identifies no one.
    let is_key = table.foreign_keys.iter().any(|key| key.columns.contains(&column.name));
    if is_about_people(&column.name) && !is_key && column.type_name != "boolean" {
        return Some("a number that stands for a person");
    }
    table.comments.get(&column.name).and_then(|comment| meaning_of_comment(comment))
}

/// Whether the words of a name, separated by underscores, contain the words of the part.
pub(super) fn has_part(name: &str, part: &str) -> bool {
    if let Some(whole) = part.strip_prefix('=') {
        return name == whole;
    }
    name.match_indices(part).any(|(start, _)| {
        let before = name.get(..start).unwrap_or_default();
        let after = name.get(start + part.len()..).unwrap_or_default();
        (before.is_empty() || before.ends_with('_'))
            && (after.is_empty()
                || after.starts_with('_')
                || after.bytes().all(|b| b.is_ascii_digit()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{ForeignKey, TableName};

    fn table() -> Table {
        let column = |name: &str, type_name: &str| Column {
            name: name.into(),
            type_name: type_name.into(),
            not_null: true,
            generated: name == "computed",
        };
        let mut table = Table {
            columns: vec![
                column("id", "bigint"),
                column("owner_id", "integer"),
                column("person_ref", "integer"),
                column("made_at", "timestamp with time zone"),
                column("live", "boolean"),
                column("sort_order", "integer"),
                column("date_of_birth", "date"),
                column("mobile", "bigint"),
                column("label", "text"),
                column("numbers", "integer[]"),
                column("place", "point"),
                column("code", "integer"),
                column("computed", "text"),
            ],
            foreign_keys: vec![ForeignKey {
                name: "f".into(),
                columns: vec!["owner_id".into()],
                references: TableName::public("users_user"),
                referenced_columns: vec!["id".into()],
            }],
            ..Table::default()
        };
        table.comments.insert("code".into(), "the diagnosis, by its number".into());
        table
    }

    #[test]
    fn only_harmless_plain_values_pass_and_none_in_a_personal_table() {
        let table = table();
        let names = |class: Class| {
            let columns = table.columns.iter();
            let needed = columns.filter(|column| needs_class(&table, column, class));
            needed.map(|column| column.name.as_str()).collect::<Vec<_>>()
        };
        let telling =
            ["person_ref", "date_of_birth", "mobile", "label", "numbers", "place", "code"];
        assert_eq!(names(Class::Content), telling);
        assert_eq!(names(Class::Operational), telling);
        assert_eq!(names(Class::Personal).len(), table.columns.len() - 1);
    }
}
