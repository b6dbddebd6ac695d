//! Tests rules on rows of COPY text.

use proptest::prelude::*;

use super::*;
use crate::schema::{Column, Schema, Table, TableName, UniqueKey};

const COLUMNS: [(&str, &str); 6] = [
    ("id", "integer"),
    ("name", "character varying(20)"),
    ("email", "text"),
    ("parent", "integer"),
    ("data", "jsonb"),
    ("live", "boolean"),
];

fn schema() -> Schema {
    let column = |(name, type_name): &(&str, &str)| Column {
        name: (*name).into(),
        type_name: (*type_name).into(),
        not_null: *name == "id",
        generated: false,
    };
    let key =
        UniqueKey { name: "pk".into(), columns: vec!["id".into()], partial: false, primary: true };
    let table = |columns: Vec<Column>| Table {
        columns,
        unique_keys: vec![key.clone()],
        ..Table::default()
    };
    let main = table(COLUMNS.iter().map(column).collect());
    let other = table(vec![column(&("id", "integer"))]);
    Schema {
        tables: [("t", main), ("other", other)]
            .map(|(name, table)| (TableName::public(name), table))
            .into(),
        has_large_objects: false,
        ..Schema::default()
    }
}

fn plan(rule: &str) -> ScrubPlan {
    let text = format!(
        "schema_version = 1\n[audit]\nallow = {{ email = [\"*@example.invalid\"] }}\n\
         [tables.other]\nclass = \"operational\"\n[tables.t]\nclass = \"personal\"\n\
         personal = [\"email\", \"name\"]\noperational = [\"id\", \"parent\", \"live\"]\ncontent = [\"data\"]\n[tables.t.policy.local]\n\
         reason = \"test\"\n{rule}"
    );
    let manifest = Manifest::parse("test.toml", &text).unwrap_or_else(|error| panic!("{error}"));
    ScrubPlan::new(&manifest, "local", &schema(), &[]).unwrap_or_else(|error| panic!("{error}"))
}

fn columns() -> Vec<String> {
    COLUMNS.iter().map(|(name, _)| name.to_string()).collect()
}

fn rewrite_with(
    plan: &ScrubPlan,
    keys: &KeySets,
    rows: &str,
) -> Result<(String, RowCounts), ScrubError> {
    let mut rewriter = Rewriter::new(plan, &TableName::public("t"), &columns(), keys)?;
    let mut out = Vec::new();
    let counts = rewriter.rewrite(rows.as_bytes(), &mut out)?;
    Ok((String::from_utf8(out).unwrap(), counts))
}

fn rewrite(rule: &str, rows: &str) -> String {
    rewrite_with(&plan(rule), &KeySets::default(), rows).unwrap().0
}

/// The keys 1 and 3 of the table `other`.
fn keys(plan: &ScrubPlan) -> KeySets {
    let mut keys = KeySets::default();
    let columns = ["id".to_string()];
    let mut rewriter = Rewriter::new(plan, &TableName::public("other"), &columns, &keys).unwrap();
    let mut out = Vec::new();
    rewriter.rewrite(b"1\n3\n", &mut out).unwrap();
    assert_eq!(out, b"1\n3\n");
    rewriter.finish(&mut keys);
    keys
}

#[test]
fn columns_are_set_from_templates_and_null_stays_null() {
    let rule = "set = { name = \"user\\t{id}\", email = \"{{{id}}}@example.invalid\" }";
    let rows = "7\tAnn\ta@b.example\t\\N\t{}\tt\n8\t\\N\t\t2\t{}\tf\n";
    let expected =
        "7\tuser\\t7\t{7}@example.invalid\t\\N\t{}\tt\n8\t\\N\t{8}@example.invalid\t2\t{}\tf\n";
    assert_eq!(rewrite(rule, rows), expected);
}

#[test]
fn rows_are_kept_by_every_kind_of_condition() {
    let rows = "1\ta\tx\t1\t{}\tt\n2\tb\\\\\tx\t2\t{}\tf\n3\tc\tx\t\\N\t{}\t\\N\n";
    for (condition, kept) in [
        ("column = \"parent\", in = \"other.id\"", "1"),
        ("column = \"parent\", equals = 2", "2"),
        ("column = \"parent\", is_null = true", "3"),
        ("column = \"parent\", not_null = true", "12"),
        ("column = \"name\", one_of = [\"a\", \"b\\\\\"]", "12"),
        ("column = \"live\", equals = true", "1"),
        ("column = \"live\", one_of = [true, false]", "12"),
        ("column = \"id\", in = [\"other.id\"] }, { column = \"live\", equals = true", "1"),
    ] {
        let plan = plan(&format!("keep_where = [{{ {condition} }}]"));
        let (out, counts) =
            rewrite_with(&plan, &keys(&plan), rows).unwrap_or_else(|error| panic!("{error}"));
        let ids: String = out.lines().map(|row| &row[..1]).collect();
        assert_eq!(ids, kept, "{condition}");
        let kept = kept.len() as u64;
        assert_eq!(counts, RowCounts { read: 3, kept, changed: 0, dropped: 3 - kept });
    }
}

#[test]
fn references_to_dropped_rows_are_nulled() {
    let plan = plan("null_unless = { parent = { in = \"other.id\" } }");
    let rows = "1\ta\tx\t1\t{}\tt\n2\tb\tx\t2\t{}\tf\n3\tc\tx\t\\N\t{}\tt\n";
    let (out, counts) = rewrite_with(&plan, &keys(&plan), rows).unwrap();
    assert_eq!(out, rows.replace("x\t2", "x\t\\N"));
    assert_eq!(counts.changed, 1);
}

#[test]
fn passwords_become_unusable_and_nulls_are_written() {
    let rule = "unusable_password = [\"email\"]\nnull = [\"parent\"]";
    let out = rewrite(rule, "1\ta\thash\t4\t{}\tt\n");
    assert_eq!(out, "1\ta\t!password-removed-by-bcops\t\\N\t{}\tt\n");
}

#[test]
fn members_are_removed_and_the_rest_of_the_document_keeps_its_bytes() {
    let row = r#"1	a	x	4	{"a": "q\\"\\n", "comments": [{"text": "t\\\\"}], "z": "\\u00e9 1.50"}	t"#;
    let out = rewrite("remove_members = { data = [\"comments\"] }", &format!("{row}\n"));
    assert_eq!(out, "1\ta\tx\t4\t{\"a\": \"q\\\\\"\\\\n\", \"z\": \"\\\\u00e9 1.50\"}\tt\n");
    let error = rewrite_with(
        &plan("remove_members = { data = [\"comments\"] }"),
        &KeySets::default(),
        "1\ta\tx\t4\t{\"a\": 1\tt\n",
    );
    assert!(matches!(error, Err(ScrubError::InvalidJson { row: 1, .. })), "{error:?}");
}

#[test]
fn redaction_keeps_json_valid_and_respects_the_limit() {
    let rule = "redact = { name = [\"phone\"], data = [\"email\", \"phone\"] }";
    let row = "1\tring 07700900123 now\tx\t4\t{\"t\": \"a\\\\nfoo@b.example, 020 7946 0123\"}\tt\n";
    let expected =
        "1\tring [phone removed]\tx\t4\t{\"t\": \"a\\\\n[email removed], [phone removed]\"}\tt\n";
    assert_eq!(rewrite(rule, row), expected);
}

#[test]
fn a_deleted_table_leaves_nothing() {
    let text = "schema_version = 1\n[tables.other]\nclass = \"operational\"\n[tables.t]\n\
                class = \"personal\"\npersonal = [\"email\", \"name\", \"data\"]\n\
                operational = [\"id\", \"parent\", \"live\"]\n\
                [tables.t.policy.any]\ndelete = true";
    let manifest = Manifest::parse("test.toml", text).unwrap();
    let plan = ScrubPlan::new(&manifest, "local", &schema(), &[]).unwrap();
    let rows = "1\ta\tx\t1\t{}\tt\n";
    let (out, counts) = rewrite_with(&plan, &KeySets::default(), rows).unwrap();
    assert_eq!((out.as_str(), counts.dropped), ("", 1));
}

#[test]
fn damaged_rows_are_errors_that_name_the_row() {
    let plan = plan("null = [\"parent\"]");
    for (rows, expected) in [
        ("1\ta\tx\t1\t{}\tt\n2\ta\n", "row 2 of public.t has 2 columns instead of 6"),
        ("1\ta\tx\t1\t{}\tt\textra\n", "has 7 columns instead of 6"),
        ("1\ta\tx\t1\t{}\tt", "row 1 of public.t does not end in a line feed"),
    ] {
        let error = rewrite_with(&plan, &KeySets::default(), rows).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
    let missing =
        Rewriter::new(&plan, &TableName::public("t"), &columns()[..2], &KeySets::default());
    assert!(matches!(missing, Err(ScrubError::MissingColumn { .. })));
    let unknown = Rewriter::new(&plan, &TableName::public("u"), &columns(), &KeySets::default());
    assert!(matches!(unknown, Err(ScrubError::UnknownTable { .. })));
}

fn audit(rows: &str) -> Vec<(String, Kind, u64, Verdict)> {
    let plan = plan("audit_allow = [\"name\"]\nnull = [\"parent\"]");
    let mut audit = TableAudit::new(&plan, &TableName::public("t"), &columns()).unwrap();
    audit.scan(rows.as_bytes());
    let counts = audit.finish().into_iter();
    counts.map(|count| (count.column, count.kind, count.count, count.verdict)).collect()
}

#[test]
fn the_audit_separates_findings_allowed_values_and_content() {
    let rows = "1\tann@b.example\tx@example.invalid, Y@EXAMPLE.INVALID, z@b.example\t1\t{}\tt\n\
                2\ta\t07700 900123\\n07700 900124\t1\t{\"a\": \"HP19 8FF\"}\tt\n";
    assert_eq!(
        audit(rows),
        [
            ("name".to_string(), Kind::Email, 1, Verdict::Allowed),
            ("email".to_string(), Kind::Email, 1, Verdict::Finding),
            ("email".to_string(), Kind::Email, 2, Verdict::Allowed),
            ("email".to_string(), Kind::Phone, 2, Verdict::Finding),
            ("data".to_string(), Kind::Postcode, 1, Verdict::Content),
        ]
    );
}

#[test]
fn the_audit_decodes_escapes() {
    let rows = "1\ta\t\\\\u0061nn\\\\u0040b.example bob@b.example\t1\t{}\tt\n\
                2\ta\t?mail=ann%40b.example&tel=07700%20900123\t1\t{}\tt\n";
    assert_eq!(
        audit(rows),
        [
            ("email".to_string(), Kind::Email, 3, Verdict::Finding),
            ("email".to_string(), Kind::Phone, 1, Verdict::Finding),
        ]
    );
}

proptest! {
    #![proptest_config(crate::property_test::config(256))]

    /// A damaged archive gives a result or an error, and no panic.
    #[test]
    fn no_bytes_cause_a_panic(
        bytes in prop::collection::vec(
            prop_oneof![
                any::<u8>(),
                prop::sample::select(b"\\\t\n@.+%0449u{}[]\",: aHP\xC2\xA0-()".to_vec()),
            ],
            0..200,
        ),
    ) {
        let mut row = bytes.clone();
        row.push(b'\n');
        let plan = plan(
            "keep_where = [{ column = \"name\", one_of = [\"x\"] }]\nset = { email = \"{id}\" }\n\
             remove_members = { data = [\"a.*.b\"] }\nredact = { data = [\"email\", \"phone\"] }",
        );
        let mut rewriter =
            Rewriter::new(&plan, &TableName::public("t"), &columns(), &KeySets::default()).unwrap();
        let _ = rewriter.rewrite(&row, &mut Vec::new());
        let _ = rewriter.rewrite(&bytes, &mut Vec::new());
        let mut audit = TableAudit::new(&plan, &TableName::public("t"), &columns()).unwrap();
        audit.scan(&row);
        let paths = [rules::MemberPath::parse("a.*").unwrap()];
        let tree = keep_tree::KeepTree::new(paths.iter().map(|path| path.steps.as_slice()));
        for (remove, keep) in [(&paths[..], None), (&[], Some(&tree))] {
            let members = json_edit::Members { remove, keep, dropped: &mut |_, _| {} };
            let _ = json_edit::edit_members(&bytes, members);
        }
    }

    /// The result equals that of a plain split, however the rows are cut into blocks.
    #[test]
    fn rewriting_equals_a_plain_split(
        rows in prop::collection::vec((0..9_i64, "[a-z@.\\\\\\\\nt]{0,8}", prop::option::of(0..5_i64)), 0..12),
        cut in 0..12_usize,
    ) {
        let plan = plan("keep_where = [{ column = \"id\", in = \"other.id\" }]\nset = { name = \"u{id}\" }\n\
                         null_unless = { parent = { in = \"other.id\" } }");
        let keys = keys(&plan);
        let field = |parent: &Option<i64>| parent.map_or("\\N".to_string(), |parent| parent.to_string());
        let line = |(id, text, parent): &(i64, String, Option<i64>)| {
            let mut escaped = Vec::new();
            copy_text::escape_into(text.as_bytes(), &mut escaped);
            let text = String::from_utf8(escaped).unwrap();
            format!("{id}\t{text}\tmail\t{}\t{{}}\tt\n", field(parent))
        };
        let expected: String = rows
            .iter()
            .filter(|(id, _, _)| [1, 3].contains(id))
            .map(|(id, _, parent)| {
                let parent = parent.filter(|parent| [1, 3].contains(parent));
                format!("{id}\tu{id}\tmail\t{}\t{{}}\tt\n", field(&parent))
            })
            .collect();
        let mut rewriter = Rewriter::new(&plan, &TableName::public("t"), &columns(), &keys).unwrap();
        let (first, second) = rows.split_at(cut.min(rows.len()));
        let mut out = Vec::new();
        let mut counts = RowCounts::default();
        for part in [first, second] {
            let block: String = part.iter().map(line).collect();
            counts += rewriter.rewrite(block.as_bytes(), &mut out).unwrap();
        }
        prop_assert_eq!(String::from_utf8(out).unwrap(), expected);
        prop_assert_eq!(counts.read, rows.len() as u64);
        prop_assert_eq!(counts.kept + counts.dropped, counts.read);
    }
}
