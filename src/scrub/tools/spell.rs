//! Writes entries of a manifest as TOML that `Manifest::parse` reads.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::super::checks::{toml_key, toml_string};
use super::super::patterns::Kind;
use super::super::rules::{
    Class, ColumnAction, ColumnReference, Condition, Edit, Keep, Literal, RowRule, Rule, Test,
    manifest_name,
};
use crate::schema::TableName;

/// A column in a class, with a remark for the reader.
#[derive(Debug, Clone)]
pub struct SpelledColumn {
    pub name: String,
    pub class: Class,
    pub remark: Option<String>,
}

/// `[tables.NAME]` with its class and columns. Remarks are at the ends of the lines.
pub fn table(name: &TableName, class: Class, columns: &[SpelledColumn]) -> String {
    let mut text = format!("[tables.{}]\nclass = \"{class}\"\n", key(name));
    for list in [Class::Personal, Class::Operational, Class::Content] {
        let columns: Vec<_> = columns.iter().filter(|column| column.class == list).collect();
        if columns.is_empty() {
            continue;
        }
        let _ = writeln!(text, "{list} = [");
        for column in columns {
            let remark = column.remark.as_ref().map(|remark| format!(" # {}", one_line(remark)));
            let _ =
                writeln!(text, "    {},{}", toml_string(&column.name), remark.unwrap_or_default());
        }
        text.push_str("]\n");
    }
    text
}

/// `[tables.NAME.policy.POLICY]` with everything that the rule says.
pub fn rule(name: &TableName, policy: &str, rule: &Rule) -> String {
    let mut text = format!("[tables.{}.policy.{}]\n", key(name), toml_key(policy));
    match &rule.rows {
        RowRule::Delete => text.push_str("delete = true\n"),
        RowRule::Keep if rule.columns.is_empty() => text.push_str("keep = true\n"),
        RowRule::Keep => {}
        RowRule::KeepWhere(conditions) => {
            let conditions: Vec<String> = conditions.iter().map(condition).collect();
            let _ = writeln!(text, "keep_where = [{}]", conditions.join(", "));
        }
    }
    columns(&rule.columns, &mut text);
    if let Some(reason) = &rule.reason {
        let _ = writeln!(text, "reason = {}", toml_string(reason));
    }
    if !rule.audit_allow.is_empty() {
        let _ = writeln!(text, "audit_allow = {}", list(&rule.audit_allow));
    }
    text
}

fn columns(actions: &BTreeMap<String, ColumnAction>, text: &mut String) {
    let mut tables: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut lists: BTreeMap<&str, Vec<&String>> = BTreeMap::new();
    for (column, action) in actions {
        let mut member = |word, value| {
            tables.entry(word).or_default().push(format!("{} = {value}", toml_key(column)));
        };
        match action {
            ColumnAction::Set(template) => member("set", toml_string(&template.to_string())),
            ColumnAction::NullUnless(references) => {
                member("null_unless", format!("{{ in = {} }}", lookup(references)));
            }
            ColumnAction::Edit(Edit { keep, remove_members, redact }) => {
                if let Some(Keep::Named(paths)) = keep {
                    member("keep_members", list(paths));
                }
                if !remove_members.is_empty() {
                    member("remove_members", list(remove_members));
                }
                if !redact.is_empty() {
                    member("redact", list(redact.iter().map(|kind| kind_name(*kind))));
                }
            }
            // A manifest cannot express this.
            ColumnAction::Empty(_) => {}
            ColumnAction::Null => lists.entry("null").or_default().push(column),
            ColumnAction::Replace(by) => lists.entry(by.word).or_default().push(column),
        }
    }
    for (word, members) in tables {
        let _ = writeln!(text, "{word} = {{ {} }}", members.join(", "));
    }
    for (word, columns) in lists {
        let _ = writeln!(text, "{word} = {}", list(columns));
    }
}

fn condition(condition: &Condition) -> String {
    let test = match &condition.test {
        Test::In(references) => format!("in = {}", lookup(references)),
        Test::OneOf(literals) => {
            let literals: Vec<String> = literals.iter().map(literal).collect();
            format!("one_of = [{}]", literals.join(", "))
        }
        Test::IsNull => "is_null = true".into(),
        Test::NotNull => "not_null = true".into(),
    };
    format!("{{ column = {}, {test} }}", toml_string(&condition.column))
}

fn literal(literal: &Literal) -> String {
    match literal {
        Literal::Text(text) => toml_string(text),
        Literal::Boolean(_) | Literal::Integer(_) => literal.to_string(),
    }
}

fn lookup(references: &[ColumnReference]) -> String {
    list(references)
}

fn list<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| toml_string(&item.to_string())).collect();
    format!("[{}]", items.join(", "))
}

fn key(name: &TableName) -> String {
    toml_key(&manifest_name(name))
}

/// The kind's name in a manifest.
fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Email => "email",
        Kind::Phone => "phone",
        Kind::Nino => "nino",
        Kind::Postcode => "postcode",
    }
}

/// Replaces control characters. A name in the database can hold a line feed, which would end the
/// comment.
pub fn one_line(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}
