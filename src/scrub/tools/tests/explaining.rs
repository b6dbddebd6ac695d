//! Tests what `explain` says about tables of the site.

use super::super::explain;
use super::{schema, schema_of, table};
use crate::json::document;
use crate::scrub::Manifest;

#[test]
fn a_table_is_explained_with_and_without_a_database() {
    let built_in = Manifest::built_in().unwrap();
    let manifest = built_in.for_explaining(None);
    let explained = explain(&manifest, None, "users_user").unwrap();
    let text = explained.to_string();
    for words in [
        "users_user: personal (built-in manifest:",
        "  email         personal\n",
        "local: email set to `user.{id}@example.invalid`; ",
        "password made unusable",
        "staging: kept: staff log in to staging with their own accounts (built-in manifest:",
        "the audit expects personal data in email, first_name",
    ] {
        assert!(text.contains(words), "{words}\n{text}");
    }
    assert_eq!(document(&explained)["class"], "personal");
    assert_eq!(document(&explained)["in_database"], serde_json::Value::Null);
    let Some(schema) = schema_of("bc-small.dump") else { return };
    let manifest = built_in.for_explaining(Some(&schema));
    let explained = explain(&manifest, Some(&schema), "public.users_user").unwrap();
    let text = explained.to_string();
    for words in [
        "  email         personal, character varying(254)\n",
        "  is_staff      operational, boolean\n",
        "tables that point to it\n",
        "wagtailcore_page.owner_id -> users_user.id",
    ] {
        assert!(text.contains(words), "{words}\n{text}");
    }
    assert_eq!(document(&explained)["in_database"], true);
    let explained = explain(&manifest, Some(&schema), "wagtailcore_revision").unwrap();
    let text = explained.to_string();
    assert!(text.contains("other rules that look into it\n"), "{text}");
    assert!(text.contains("rows kept where "), "{text}");
}

#[test]
fn tables_that_one_side_lacks_are_explained() {
    let taken = ("django_admin_log", table(&[("name", "text")]));
    let schema = schema(vec![("other", table(&[("name", "text")])), taken]);
    let manifest = Manifest::built_in().unwrap().for_explaining(Some(&schema));
    let explained = explain(&manifest, Some(&schema), "other").unwrap();
    let text = explained.to_string();
    assert!(text.contains("other: not in the manifest"), "{text}");
    assert!(text.contains("name  text, not classified"), "{text}");
    let explained = explain(&manifest, Some(&schema), "django_session").unwrap();
    let text = explained.to_string();
    assert!(text.contains("this database lacks the table"), "{text}");
    let explained = explain(&manifest, Some(&schema), "django_admin_log").unwrap();
    let text = explained.to_string();
    assert!(text.contains("it has the name of a table of the pack django"), "{text}");
}

#[test]
fn similar_names_are_offered_for_an_unknown_table() {
    let manifest = Manifest::built_in().unwrap();
    let error = explain(&manifest, None, "user_user").unwrap_err();
    assert!(error.to_string().contains("did you mean users_user"), "{error}");
    let error = explain(&manifest, None, "jobalert").unwrap_err();
    assert!(error.to_string().contains("recruitment_jobalertsubscription"), "{error}");
    let error = explain(&manifest, None, "entirely different").unwrap_err();
    assert_eq!(error.to_string(), "cannot explain entirely different: there is no such table");
}
