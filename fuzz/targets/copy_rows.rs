//! Applies rules of most kinds to arbitrary bytes as the rows of a table. The result must not depend on
//! how the bytes are divided, must be rows of the same width, and must have only the rule's value in
//! each column that a rule sets.

use std::sync::LazyLock;

use bcops::schema::{Column, Schema, Table, TableName, UniqueKey};
use bcops::scrub::{Framer, KeySets, Manifest, Rewriter, RowCounts, ScrubPlan};

const COLUMNS: [(&str, &str); 6] = [
    ("id", "integer"),
    ("name", "character varying(20)"),
    ("email", "text"),
    ("parent", "integer"),
    ("data", "jsonb"),
    ("live", "boolean"),
];

const MANIFEST: &str = r#"
schema_version = 1
[audit]
allow = { email = ["*@example.invalid"] }
[tables.t]
class = "personal"
personal = ["email", "name"]
operational = ["id", "parent", "live"]
content = ["data"]
[tables.t.policy.local]
reason = "fuzzing"
keep_where = [{ column = "live", one_of = [true, false] }]
null = ["parent"]
set = { email = "user-{id}@example.invalid" }
redact = { name = ["email", "phone"] }
remove_members = { data = ["comments", "form.*.to"] }
"#;

fn table() -> TableName {
    TableName::public("t")
}

fn columns() -> Vec<String> {
    COLUMNS.iter().map(|(name, _)| (*name).to_owned()).collect()
}

static PLAN: LazyLock<ScrubPlan> = LazyLock::new(|| {
    let column = |(name, type_name): &(&str, &str)| Column {
        name: (*name).to_owned(),
        type_name: (*type_name).to_owned(),
        not_null: *name == "id",
        generated: false,
    };
    let key = UniqueKey {
        name: "pk".to_owned(),
        columns: vec!["id".to_owned()],
        partial: false,
        primary: true,
    };
    let described = Table {
        columns: COLUMNS.iter().map(column).collect(),
        unique_keys: vec![key],
        ..Table::default()
    };
    let schema = Schema {
        tables: [(table(), described)].into(),
        has_large_objects: false,
        ..Schema::default()
    };
    let manifest = Manifest::parse("fuzz.toml", MANIFEST).expect("a manifest");
    ScrubPlan::new(&manifest, "local", &schema, &[]).expect("a plan")
});

/// Rewrites the bytes in portions of this size. `None` if they are not rows.
fn rewritten(bytes: &[u8], portion: usize) -> Option<(Vec<u8>, RowCounts)> {
    let name = table();
    let mut framer = Framer::new(&name);
    let mut rewriter = Rewriter::new(&PLAN, &name, &columns(), &KeySets::default()).ok()?;
    let (mut out, mut counts) = (Vec::new(), RowCounts::default());
    for piece in bytes.chunks(portion) {
        framer.buffer().extend_from_slice(piece);
        if let Some(rows) = framer.complete_rows().ok()? {
            counts += rewriter.rewrite(&rows, &mut out).ok()?;
        }
    }
    framer.check_empty().ok()?;
    Some((out, counts))
}

pub fn run(bytes: &[u8]) {
    let whole = rewritten(bytes, bytes.len().max(1));
    let portion = usize::from(bytes.first().copied().unwrap_or(1)) % 37 + 1;
    assert_eq!(whole, rewritten(bytes, portion));
    let Some((out, counts)) = whole else { return };
    assert_eq!(counts.read, counts.kept + counts.dropped);
    assert_eq!(counts.read, bytes.iter().filter(|byte| **byte == b'\n').count() as u64);
    let rows: Vec<&[u8]> = out.split_inclusive(|byte| *byte == b'\n').collect();
    assert_eq!(rows.len() as u64, counts.kept);
    for row in rows {
        let row = row.strip_suffix(b"\n").expect("a complete row");
        let fields: Vec<&[u8]> = row.split(|byte| *byte == b'\t').collect();
        assert_eq!(fields.len(), COLUMNS.len());
        // NULL stays NULL where a column is set.
        let email = fields[2];
        assert!(email == b"\\N" || email.ends_with(b"@example.invalid"), "{email:?}");
        assert_eq!(fields[3], b"\\N");
    }
}
