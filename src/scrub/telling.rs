//! Which columns need a class. A text can hold anything; of a number or a date it is the name of
//! the column that tells, or the fact that nobody has looked at its table at all.

use crate::schema::{Column, Table};

/// Parts of names that make a number, a date or a place a person's, and what they mean. What begins
/// with an equals sign has to be the whole name, as it is a part of harmless ones.
const TELLING: [(&str, &[&str]); 7] = [
    ("a telephone number", &["phone", "telephone", "tel", "mobile", "fax"]),
    ("a date of birth", &["dob", "birth", "birthday", "born", "=age"]),
    (
        "a number that stands for a person",
        &[
            "nhs",
            "nino",
            "ni_number",
            "national_insurance",
            "passport",
            "employee_number",
            "staff_number",
            "payroll",
        ],
    ),
    ("what somebody earns or owns", &["salary", "income", "wage", "earnings"]),
    ("an account", &["account_number", "sort_code", "card_number", "iban"]),
    ("where somebody is", &["latitude", "longitude", "coordinates", "geolocation", "uprn"]),
    ("a secret", &["otp", "token", "secret", "pin"]),
];

/// Whether the column of a table that is in the manifest has to be classed there.
pub(super) fn needs_class(table: &Table, column: &Column) -> bool {
    !column.generated
        && (column.can_hold_text()
            || (may_be_personal(table, column) && meaning(&column.name).is_some()))
}

/// Whether a table with this column has to be in the manifest.
pub(super) fn may_be_personal(table: &Table, column: &Column) -> bool {
    let is_key = || {
        let primary = table.unique_keys.iter().filter(|key| key.primary).map(|key| &key.columns);
        let foreign = table.foreign_keys.iter().map(|key| &key.columns);
        primary.chain(foreign).any(|columns| columns.contains(&column.name))
    };
    !column.generated && (column.can_hold_text() || !(is_moment_or_flag(column) || is_key()))
}

/// What a name means in a column that holds no text.
pub(super) fn meaning(name: &str) -> Option<&'static str> {
    let name = name.to_lowercase();
    let holds = |parts: &&(&str, &[&str])| parts.1.iter().any(|part| has_part(&name, part));
    TELLING.iter().find(holds).map(|(meaning, _)| *meaning)
}

/// When something happened and whether it did: what a site notes down everywhere.
fn is_moment_or_flag(column: &Column) -> bool {
    let base = column.type_name.trim_end_matches("[]");
    base == "boolean" || base.starts_with("timestamp")
}

/// Whether the words of a name, which underscores separate, contain those of the part.
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
    use crate::schema::{ForeignKey, TableName, UniqueKey};

    fn table() -> Table {
        let column = |name: &str, type_name: &str| Column {
            name: name.into(),
            type_name: type_name.into(),
            not_null: true,
            generated: false,
        };
        Table {
            columns: vec![
                column("id", "bigint"),
                column("page_id", "integer"),
                column("made_at", "timestamp with time zone"),
                column("live", "boolean"),
                column("sort_order", "integer"),
                column("date_of_birth", "date"),
                column("mobile", "bigint"),
                column("label", "text"),
            ],
            unique_keys: vec![UniqueKey {
                name: "p".into(),
                columns: vec!["id".into()],
                partial: false,
                primary: true,
            }],
            foreign_keys: vec![ForeignKey {
                name: "f".into(),
                columns: vec!["page_id".into()],
                references: TableName::public("page"),
                referenced_columns: vec!["id".into()],
            }],
            partition_of: None,
        }
    }

    #[test]
    fn names_tell_in_a_table_that_is_known_and_everything_in_one_that_is_not() {
        let table = table();
        let names = |test: fn(&Table, &Column) -> bool| {
            let columns = table.columns.iter().filter(|column| test(&table, column));
            columns.map(|column| column.name.as_str()).collect::<Vec<_>>()
        };
        assert_eq!(names(needs_class), ["date_of_birth", "mobile", "label"]);
        assert_eq!(names(may_be_personal), ["sort_order", "date_of_birth", "mobile", "label"]);
    }
}
