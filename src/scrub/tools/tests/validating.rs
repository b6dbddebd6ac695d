//! Tests what `validate` finds, and that it finds nothing in the built-in manifest.

use super::super::{Problem, ProblemKind, Severity, validate};
use super::{manifest, pointing_to, schema, schema_of, table};
use crate::schema::Schema;
use crate::scrub::{Manifest, ScrubPlan};

fn small_schema() -> Schema {
    schema(vec![
        ("person", table(&[("email", "text!"), ("bio", "text")])),
        (
            "page",
            pointing_to(
                table(&[("title", "text!"), ("owner_id", "integer")]),
                "owner_id",
                "person",
            ),
        ),
    ])
}

/// (line, kind, beginning of the problem)
#[track_caller]
fn assert_problems(text: &str, expected: &[(Option<usize>, ProblemKind, Severity, &str)]) {
    let problems = validate(&manifest(text), &small_schema());
    let listed: String = problems.iter().map(|problem| format!("{problem}\n")).collect();
    assert_eq!(problems.len(), expected.len(), "{listed}");
    for (problem, (line, kind, severity, words)) in problems.iter().zip(expected) {
        // `manifest` adds two lines before the text.
        let place = problem.place.as_ref().map(|place| place.line - 2);
        assert_eq!((place, problem.kind, problem.severity), (*line, *kind, *severity), "{listed}");
        assert!(problem.to_string().contains(words), "{words}: {listed}");
    }
}

const PAGE: &str = "[tables.page]\nclass = \"content\"\ncontent = [\"title\"]\n";
const PERSON: &str = "[tables.person]\nclass = \"personal\"\npersonal = [\"email\", \"bio\"]\noperational = [\"id\"]\n";
const RULE: &str =
    "[tables.person.policy.any]\nset = { email = \"{id}@example.invalid\" }\nnull = [\"bio\"]\n";

use ProblemKind::{Contradictory, Stale, Unclassified, Unknown};
use Severity::{Error, Warning};

#[test]
fn a_manifest_that_fits_has_no_problems() {
    assert_problems(&format!("{PAGE}{PERSON}{RULE}"), &[]);
}

#[test]
fn a_missing_class_is_reported_once_for_all_policies() {
    assert_problems(PAGE, &[(None, Unclassified, Error, "person: the table is not classified")]);
    let problems = validate(&manifest(PAGE), &small_schema());
    assert_eq!(problems[0].policies, ["local", "staging"]);
    let text = "[tables.person]\nclass = \"personal\"\npersonal = [\"email\"]\noperational = [\"id\"]\n[tables.person.policy.any]\nset = { email = \"{id}\" }\n";
    let words = "own.toml:3: error: person.bio: the column (text) is not classified [unclassified]";
    assert_problems(&format!("{text}{PAGE}"), &[(Some(1), Unclassified, Error, words)]);
}

#[test]
fn misspelt_names_are_separated_from_missing_names() {
    let gone = "[tables.recruitment]\nclass = \"operational\"\noperational = [\"x\"]\n";
    let text = format!("{PERSON}{RULE}{PAGE}{gone}");
    assert_problems(&text, &[(Some(11), Stale, Warning, "recruitment: the database lacks")]);
    let text = PAGE.replace("[tables.page]", "[tables.pag]");
    assert_problems(
        &format!("{text}{PERSON}{RULE}"),
        &[
            (None, Unclassified, Error, "page: the table is not"),
            (Some(1), Unknown, Error, "did you mean page?"),
        ],
    );
    let text = PERSON.replace("\"bio\"", "\"boi\", \"phone\", \"biog\"");
    let rule = RULE.replace("bio", "biog");
    assert_problems(
        &format!("{text}{rule}{PAGE}"),
        &[
            (Some(1), Unclassified, Error, "person.bio: the column"),
            (Some(3), Unknown, Error, "person.biog: the table lacks this column"),
            (Some(3), Unknown, Error, "person.boi: the table lacks this column"),
            (Some(3), Stale, Warning, "person.phone"),
            (Some(5), Unknown, Error, "did you mean bio?"),
        ],
    );
}

#[test]
fn rules_that_the_checks_refuse_are_contradictory() {
    let text = "[tables.person.policy.local]\ndelete = true\n[tables.person.policy.staging]\nnull = [\"email\", \"bio\"]\n";
    assert_problems(
        &format!("{PAGE}{PERSON}{text}"),
        &[
            (Some(8), Contradictory, Error, "the rule drops rows that page.owner_id may point to"),
            (Some(10), Contradictory, Error, "person.email: the column is NOT NULL"),
        ],
    );
    assert_problems(
        &format!("{PAGE}{PERSON}"),
        &[
            (Some(4), Contradictory, Error, "has no rule for the policy `local`"),
            (Some(4), Contradictory, Error, "has no rule for the policy `staging`"),
        ],
    );
}

#[test]
fn statements_without_effect_are_warnings() {
    let page = "[tables.page.policy.any]\nset = { title = \"x\" }\naudit_allow = [\"title\"]\n";
    assert_problems(
        &format!("{PAGE}{page}{PERSON}{RULE}"),
        &[
            (Some(4), Contradictory, Warning, "page.title: the column is classed content"),
            (Some(4), Contradictory, Warning, "audit_allow has no effect"),
        ],
    );
    let page = "[tables.page.policy.any]\nkeep_where = [{ column = \"title\", not_null = true }, { column = \"owner_id\", is_null = true }, { column = \"owner_id\", one_of = [1] }]\n";
    assert_problems(
        &format!("{PAGE}{page}{PERSON}{RULE}"),
        &[
            (Some(4), Contradictory, Warning, "page.owner_id: no row is kept"),
            (Some(4), Contradictory, Warning, "page.title: the condition has no effect"),
        ],
    );
    let page = "[tables.page.policy.any]\nnull_unless = { owner_id = { in = \"person.id\" } }\n";
    let person = "[tables.person.policy.any]\ndelete = true\n";
    assert_problems(
        &format!("{PAGE}{page}{PERSON}{person}"),
        &[(Some(4), Contradictory, Warning, "always null: no value of person.id is kept")],
    );
    let rules = RULE.replace("any", "local") + &RULE.replace("any", "staging") + RULE;
    assert_problems(
        &format!("{PAGE}{PERSON}{rules}"),
        &[(Some(14), Contradictory, Warning, "the rule of `any` is never used")],
    );
}

#[test]
fn the_built_in_manifest_fits_the_site() {
    let Some(schema) = schema_of("bc-small.dump") else { return };
    let manifest = Manifest::built_in().unwrap();
    let problems = validate(&manifest, &schema);
    let listed: Vec<String> = problems.iter().map(Problem::to_string).collect();
    assert!(listed.is_empty(), "{listed:#?}");
}

#[test]
fn a_release_that_changes_the_site_is_reported() {
    let Some(mut schema) = schema_of("bc-small.dump") else { return };
    let users = crate::schema::TableName::public("users_user");
    let user = schema.tables.get_mut(&users).unwrap();
    user.columns.retain(|column| column.name != "first_name");
    user.columns.push(super::column(&("firstname", "text")));
    schema.tables.remove(&crate::schema::TableName::public("postgres_search_indexentry"));
    let manifest = Manifest::built_in().unwrap();
    let problems = validate(&manifest, &schema);
    let listed: Vec<String> = problems.iter().map(Problem::to_string).collect();
    let of = |kind| problems.iter().filter(|problem| problem.kind == kind).count();
    assert_eq!((of(Unclassified), of(Stale)), (1, 1), "{listed:#?}");
    assert!(of(Unknown) >= 2, "{listed:#?}");
    assert!(listed.iter().any(|line| line.contains("did you mean firstname?")), "{listed:#?}");
    for policy in &manifest.policies {
        let error = ScrubPlan::new(&manifest, policy, &schema, &[]).unwrap_err();
        for finding in error.findings {
            let known = |problem: &&Problem| problem.problem == finding.problem;
            assert!(problems.iter().any(|problem| known(&problem)), "{finding}");
        }
    }
}
