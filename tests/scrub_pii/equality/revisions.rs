//! Generates revisions: JSON copies of two models, one of which inherits from the other, and of
//! models that the database lacks.

use proptest::prelude::*;
use proptest::sample::select;

use super::generator::{json, literal};

/// The tables in addition to the revisions. Their rows matter little.
const MODELS: &str = "CREATE TABLE django_content_type (id int PRIMARY KEY, app_label text, model text); \
     INSERT INTO django_content_type VALUES (1, 'app', 'alpha'), (2, 'app', 'beta'), (3, 'gone', 'gamma'); \
     CREATE TABLE app_alpha (id int PRIMARY KEY, mail text, name text, user_id int); \
     CREATE TABLE app_beta (alpha_ptr_id int PRIMARY KEY REFERENCES app_alpha, list jsonb); \
     CREATE TABLE wagtailcore_revision (id int PRIMARY KEY, content jsonb, content_type_id int);\n";

pub const TABLES: [&str; 1] = ["wagtailcore_revision"];

#[derive(Debug, Clone)]
pub struct Revisions {
    rows: Vec<(String, String)>,
    named: Vec<&'static str>,
    rule: &'static str,
}

pub fn revisions() -> impl Strategy<Value = Revisions> {
    let content = prop_oneof![
        1 => json(),
        5 => prop::collection::btree_map(
            select(vec!["mail", "name", "list", "user", "pk", "ü \"x\\", "alpha_ptr"]),
            json(),
            0..6,
        )
        .prop_map(|members| {
            members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
        }),
    ];
    let content = content.prop_map(|value: serde_json::Value| literal(&value.to_string()));
    let content_type = select(vec!["1", "1", "2", "2", "3", "4", "NULL"]).prop_map(str::to_owned);
    let rows = prop::collection::vec((content, content_type), 0..8);
    let named = vec![
        "Alpha.ü \"x\\",
        "*.pk",
        "app.Beta.user.*",
        "Beta.mail.*.name",
        "gamma.*",
        "Alpha.list.*.user",
    ];
    let named = proptest::sample::subsequence(named, 0..=4);
    let rule = select(vec![
        "",
        "remove_members = { content = [\"name\", \"*.mail\"] }\n",
        "redact = { content = [\"email\", \"phone\", \"nino\", \"postcode\"] }\n",
        "keep_where = [{ column = \"id\", one_of = [1, 2, 4, 6] }]\n",
    ]);
    (rows, named, rule).prop_map(|(rows, named, rule)| Revisions { rows, named, rule })
}

impl Revisions {
    pub fn script(&self) -> String {
        let mut sql = MODELS.to_owned();
        for (number, (content, content_type)) in self.rows.iter().enumerate() {
            let number = number + 1;
            sql.push_str(&format!(
                "INSERT INTO wagtailcore_revision VALUES ({number}, {content}, {content_type});\n"
            ));
        }
        sql
    }

    /// Manifest entries for these tables, after those of the others.
    pub fn manifest(&self) -> String {
        let named = serde_json::to_string(&self.named).expect("a list");
        let mut text = format!(
            "[revisions]\nkeep_members = {named}\n\
             [tables.django_content_type]\nclass = \"operational\"\noperational = [\"app_label\", \"model\"]\n\
             [tables.app_alpha]\nclass = \"content\"\npersonal = [\"mail\"]\ncontent = [\"name\", \"user_id\"]\n\
             [tables.app_alpha.policy.any]\nnull = [\"mail\"]\n\
             [tables.app_beta]\nclass = \"operational\"\ncontent = [\"list\"]\n\
             [tables.wagtailcore_revision]\nclass = \"content\"\ncontent = [\"content\"]\n"
        );
        if !self.rule.is_empty() {
            text.push_str(&format!("[tables.wagtailcore_revision.policy.any]\n{}", self.rule));
        }
        text
    }
}
