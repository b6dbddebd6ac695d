//! Holds what a step found: facts and tables, for the journal and the report.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Facts in the order in which they were found, and tables for many facts of one kind.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// One line for the screen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<Fact>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<Table>,
}

/// A named fact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fact {
    pub name: String,
    pub value: Value,
    /// The fact names a person. It stays in the journal, which only its owner can read, and does
    /// not appear in reports, which people pass on.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub private: bool,
}

/// Many facts of one kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Table {
    pub title: String,
    pub columns: Vec<String>,
    pub rows: Vec<Vec<Value>>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub private: bool,
}

impl Evidence {
    pub fn new() -> Self {
        Evidence::default()
    }

    /// Evidence that is one sentence.
    pub fn of(summary: impl Into<String>) -> Self {
        Evidence { summary: Some(summary.into()), ..Evidence::default() }
    }

    pub fn fact(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.facts.push(Fact { name: name.into(), value: value.into(), private: false });
        self
    }

    /// A fact that names a person.
    pub fn private_fact(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.facts.push(Fact { name: name.into(), value: value.into(), private: true });
        self
    }

    pub fn table(mut self, table: Table) -> Self {
        self.tables.push(table);
        self
    }

    pub fn is_empty(&self) -> bool {
        self.summary.is_none() && self.facts.is_empty() && self.tables.is_empty()
    }
}

impl Table {
    pub fn new(title: impl Into<String>, columns: &[&str]) -> Self {
        Table {
            title: title.into(),
            columns: columns.iter().map(|&column| column.to_owned()).collect(),
            rows: Vec::new(),
            private: false,
        }
    }

    /// Marks the whole table as one that names people.
    pub fn private(mut self) -> Self {
        self.private = true;
        self
    }

    pub fn row(mut self, values: Vec<Value>) -> Self {
        self.rows.push(values);
        self
    }

    pub fn rows(mut self, rows: impl IntoIterator<Item = Vec<Value>>) -> Self {
        self.rows.extend(rows);
        self
    }
}
