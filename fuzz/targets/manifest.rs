//! Reads arbitrary text as a manifest and plans it for a small schema. Neither may panic, and every error
//! must have a message.

use bcops::schema::{Column, Schema, Table, TableName};
use bcops::scrub::{Manifest, ScrubPlan};

fn schema() -> Schema {
    let column = |name: &str, type_name: &str| Column {
        name: name.to_owned(),
        type_name: type_name.to_owned(),
        not_null: false,
        generated: false,
    };
    let columns = vec![column("id", "integer"), column("email", "text"), column("data", "jsonb")];
    let table = Table { columns, ..Table::default() };
    Schema {
        tables: [(TableName::public("t"), table)].into(),
        has_large_objects: false,
        ..Schema::default()
    }
}

pub fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Manifest::parse("fuzz.toml", text) {
        Ok(manifest) => {
            for policy in ["local", "staging", "any"] {
                if let Err(error) = ScrubPlan::new(&manifest, policy, &schema(), &[]) {
                    assert!(!error.to_string().is_empty());
                }
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
