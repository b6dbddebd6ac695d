//! Tests that drafts parse, leave nothing unclassified, and never hide a gap.

use std::collections::BTreeMap;

use super::super::{ColumnSample, ProblemKind, RowSamples, Samples, Severity, suggest, validate};
use super::{column, manifest, pointing_to, schema, schema_of, table};
use crate::schema::{Schema, TableName, UniqueKey};
use crate::scrub::{Class, Kind, Manifest};

/// The same number of values everywhere, and hits in some columns.
struct Sampled(u64, BTreeMap<(&'static str, &'static str), (Kind, u64)>);

impl Samples for Sampled {
    fn column(&self, table: &TableName, column: &str) -> ColumnSample {
        let hits = self.1.get(&(table.name.as_str(), column)).copied().into_iter().collect();
        ColumnSample { values: self.0, hits, ..ColumnSample::default() }
    }
}

fn none_sampled() -> Sampled {
    Sampled(0, BTreeMap::new())
}

#[track_caller]
fn parse(text: &str) -> Manifest {
    Manifest::parse("draft.toml", text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// The errors that remain with the draft. None may be about a missing class.
#[track_caller]
fn errors_left(manifest: &Manifest, schema: &Schema, draft: &str) -> Vec<String> {
    let problems = validate(manifest, schema);
    for problem in &problems {
        assert_ne!(problem.kind, ProblemKind::Unclassified, "{problem}\n{draft}");
    }
    let errors = problems.iter().filter(|problem| problem.severity == Severity::Error);
    errors.map(ToString::to_string).collect()
}

#[test]
fn an_empty_draft_is_a_valid_manifest() {
    let Some(schema) = schema_of("bc-small.dump") else { return };
    let built_in = Manifest::built_in().unwrap();
    let text = suggest(&schema, &built_in, &none_sampled());
    assert!(text.contains("Everything that needs a class has one."), "{text}");
    assert!(errors_left(&parse(&text), &schema, &text).is_empty());
}

#[test]
fn a_table_and_a_column_of_a_new_release_are_drafted_over_the_built_in_manifest() {
    let Some(mut schema) = schema_of("bc-small.dump") else { return };
    let users = schema.tables.get_mut(&TableName::public("users_user")).unwrap();
    users.columns.push(column(&("mobile", "character varying(20)!")));
    let notices = table(&[
        ("headline", "text"),
        ("slug", "character varying(50)"),
        ("contact_email", "text"),
    ]);
    schema.tables.insert(TableName::public("notices_notice"), notices);
    let hits = BTreeMap::from([(("notices_notice", "headline"), (Kind::Email, 37))]);
    let text = suggest(&schema, &Manifest::built_in().unwrap(), &Sampled(200, hits));
    for words in [
        "extends = \"built-in\"",
        "\"headline\", # 37 of 200 values hold an e-mail address",
        "\"contact_email\", # by its name, an e-mail address",
        "\"slug\", # no sign of personal data in 200 values: confirm",
        "[tables.notices_notice.policy.any]\ndelete = true",
        "# Replaces the entry at built-in manifest:",
        "\"mobile\", # by its name, a telephone number",
    ] {
        assert!(text.contains(words), "{words}\n{text}");
    }
    let fixed = parse(&text);
    let errors = errors_left(&fixed, &schema, &text);
    assert!(errors.is_empty(), "{errors:#?}\n{text}");
    // The entry keeps everything that it said before.
    let rules = |manifest: &Manifest, policy| {
        let users = manifest.tables.get(&TableName::public("users_user")).unwrap();
        users.rule(policy).unwrap().columns.clone()
    };
    for policy in ["local", "staging"] {
        let mut drafted = rules(&fixed, policy);
        assert!(drafted.remove("mobile").is_some(), "{text}");
        assert_eq!(drafted, rules(&Manifest::built_in().unwrap(), policy));
    }
}

#[test]
fn entries_of_the_built_in_manifest_are_written_unchanged() {
    let Some(mut schema) = schema_of("bc-small.dump") else { return };
    for table in schema.tables.values_mut() {
        table.columns.push(column(&("new_thing", "character varying(20)")));
    }
    let built_in = Manifest::built_in().unwrap();
    let text = suggest(&schema, &built_in, &Sampled(100, BTreeMap::new()));
    let drafted = parse(&text);
    assert!(errors_left(&drafted, &schema, &text).is_empty());
    for (name, entry) in &built_in.tables {
        let again = &drafted.tables[name];
        assert_eq!(again.class, entry.class);
        assert_eq!(again.columns.len(), entry.columns.len() + 1, "{name}");
        // The names of some tables make the new column personal, so it needs a rule.
        let personal = drafted.tables[name].columns["new_thing"].0 == Class::Personal;
        for policy in &built_in.policies {
            let rule = entry.rule(policy);
            let mut again = again.rule(policy).cloned();
            let ruled = again.as_mut().and_then(|rule| rule.columns.remove("new_thing"));
            if personal && rule.is_none() {
                continue;
            }
            assert!(personal || ruled.is_none(), "{name}");
            assert_eq!(rule.is_some(), again.is_some(), "{name}");
            let Some((rule, again)) = rule.zip(again) else { continue };
            assert_eq!((&rule.rows, &rule.columns), (&again.rows, &again.columns), "{name}");
            assert_eq!((&rule.reason, &rule.audit_allow), (&again.reason, &again.audit_allow));
        }
    }
}

#[test]
fn the_whole_site_and_another_database_can_be_drafted_from_nothing() {
    for archive in ["bc-small.dump", "archives/varied_pg17.pipe.dump"] {
        let Some(schema) = schema_of(archive) else { return };
        let empty = Manifest::parse("empty.toml", "schema_version = 1").unwrap();
        for rows in [0, 100] {
            let text = suggest(&schema, &empty, &Sampled(rows, BTreeMap::new()));
            let errors = errors_left(&parse(&text), &schema, &text);
            // A person decides about keys that cannot be rewritten.
            for error in &errors {
                assert!(
                    error.contains("does not change it") || error.contains("has no rule"),
                    "{error}\n{text}"
                );
            }
        }
    }
}

#[test]
fn rows_that_others_point_to_are_rewritten_instead() {
    let unique = UniqueKey {
        name: "u".into(),
        columns: vec!["email".into()],
        partial: false,
        primary: false,
    };
    let mut person = table(&[
        ("email", "character varying(40)!"),
        ("password", "character varying(128)!"),
        ("surname", "text!"),
        ("answers", "jsonb!"),
        ("phone", "text"),
        ("signature", "bytea!"),
    ]);
    person.unique_keys.push(unique);
    let page = pointing_to(table(&[("title", "text")]), "owner_id", "person");
    let mut page = page;
    page.columns.push(column(&("owner_id", "integer")));
    let mut note = pointing_to(table(&[("note", "text!")]), "page_id", "person");
    note.columns.push(column(&("page_id", "integer!")));
    let schema = schema(vec![("person", person), ("page", page), ("note", note)]);
    let own = manifest("[tables.page]\nclass = \"content\"\ncontent = [\"title\"]\n");
    let text = suggest(&schema, &own, &Sampled(5, BTreeMap::new()));
    assert!(text.starts_with("# Add these entries to your manifest."), "{text}");
    for words in [
        "# Rows stay, because other tables point to them: note, page.",
        "# No rule fits signature (bytea)",
        "set = { answers = \"{{}}\", email = \"removed-{id}\", surname = \"\" }",
        "null = [\"phone\"]\nunusable_password = [\"password\"]",
        "[tables.note.policy.any]\ndelete = true",
    ] {
        assert!(text.contains(words), "{words}\n{text}");
    }
    let both =
        manifest(&format!("[tables.page]\nclass = \"content\"\ncontent = [\"title\"]\n{text}"));
    let errors = errors_left(&both, &schema, &text);
    assert_eq!(errors.len(), 1, "{errors:#?}");
    assert!(
        errors[0].contains("signature: the column is personal and the rule does not change it")
    );
}

#[test]
fn a_chain_of_personal_tables_is_deleted_as_a_whole() {
    let mut reply = pointing_to(table(&[("message", "text")]), "comment_id", "comment");
    reply.columns.push(column(&("comment_id", "integer!")));
    let schema = schema(vec![("comment", table(&[("comment", "text")])), ("reply", reply)]);
    let text = suggest(&schema, &manifest(""), &none_sampled());
    assert_eq!(text.matches("delete = true").count(), 2, "{text}");
    assert!(errors_left(&parse(&text), &schema, &text).is_empty());
}

#[test]
fn published_rows_and_parts_of_other_rows_are_not_deleted() {
    let mut person = pointing_to(table(&[("email", "text!")]), "id", "page");
    person.columns.push(column(&("notes", "text")));
    let schema = schema(vec![
        ("page", table(&[("title", "text"), ("contact_phone", "text")])),
        ("personpage", person),
        ("cache", table(&[("cache_key", "text!"), ("value", "text!"), ("until", "date")])),
    ]);
    let text = suggest(&schema, &manifest(""), &Sampled(30, BTreeMap::new()));
    for words in [
        "# Rows stay, because they also hold published content.\n[tables.page]",
        "# Rows stay, because each is a part of a row of page.\n[tables.personpage]",
        "\"value\", # cached values, which can hold anything",
        "[tables.cache.policy.any]\ndelete = true",
    ] {
        assert!(text.contains(words), "{words}\n{text}");
    }
    assert_eq!(text.matches("delete = true").count(), 1, "{text}");
    assert!(errors_left(&parse(&text), &schema, &text).is_empty(), "{text}");
}

#[test]
fn names_cannot_break_out_of_a_draft() {
    let odd = table(&[("a\"]\nx = [\"", "text"), ("naïve name", "text")]);
    let schema = schema(vec![("odd\n[tables.x]", odd)]);
    let text = suggest(&schema, &manifest(""), &none_sampled());
    assert!(errors_left(&parse(&text), &schema, &text).is_empty(), "{text}");
}

#[test]
fn members_of_sampled_revisions_are_drafted_by_model_and_path() {
    let mut home = pointing_to(table(&[("title", "text"), ("mail", "text")]), "id", "page");
    home.columns.push(column(&("owner_id", "integer")));
    let schema = schema(vec![
        ("page", table(&[("slug", "text")])),
        ("home_homepage", home),
        ("django_content_type", table(&[("app_label", "text"), ("model", "text")])),
        ("wagtailcore_revision", table(&[("content", "jsonb"), ("content_type_id", "integer")])),
    ]);
    let own = manifest(
        "[revisions]\nkeep_members = [\"HomePage.known.*.a\"]\n\
         [tables.page]\nclass = \"content\"\ncontent = [\"slug\"]\n\
         [tables.home_homepage]\nclass = \"content\"\ncontent = [\"title\", \"mail\", \"owner_id\"]\n\
         [tables.django_content_type]\nclass = \"operational\"\noperational = [\"app_label\", \"model\"]\n\
         [tables.wagtailcore_revision]\nclass = \"content\"\ncontent = [\"content\"]\n\
         [tables.wagtailcore_revision.policy.any]\nremove_members = { content = [\"comments\"] }\n",
    );
    let mut samples = RowSamples::default();
    let names = |all: &[&str]| all.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let content = r#"{"pk": 1, "title": "Canary", "slug": "s", "owner": 3, "known": [{"a": 1}], "comments": [{"text": "x"}], "hero_items": [{"heading": "Canary", "phone": "07700 900123", "more": []}], "tags": ["Canary"], "ann@canary.example": 1}"#;
    let revisions = format!("1\t{content}\t4\n2\t{content}\t4\n");
    let table = TableName::public("wagtailcore_revision");
    samples.take(&table, &names(&["id", "content", "content_type_id"]), revisions.as_bytes());
    let types = TableName::public("django_content_type");
    samples.take(&types, &names(&["id", "app_label", "model"]), b"4\thome\thomepage\n");
    let text = suggest(&schema, &own, &samples);
    for words in [
        "[revisions]\nkeep_members = [\n",
        "\"Homepage.hero_items.*.heading\", # in 2 revisions",
        "# \"Homepage.hero_items.*.phone\", # by its name, a telephone number: it is dropped",
        "\"Homepage.tags.*\", # in 2 revisions",
    ] {
        assert!(text.contains(words), "{words}\n{text}");
    }
    for absent in ["Canary", "canary", "comments", "known", "title", "owner", "slug", "07700"] {
        assert!(!text.contains(absent), "{absent}\n{text}");
    }
    let drafted = parse(&format!("schema_version = 1\n{text}"));
    assert_eq!(drafted.revision_members.len(), 2);
}
