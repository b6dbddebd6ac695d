//! Tests `scrub-pii` with conflicting flags, and without Heroku.

use crate::scrub_pii::world::{local_with, people, scrub, versions};

#[test]
fn no_flag_is_silently_ignored() {
    let world = people();
    let before = versions(world.cluster, &world.target);
    let file = ["--file", "x.dump"];
    for others in [&["--check"][..], &["--yes"], &["--dry-run"], &["--vacuum", "--yes"]] {
        scrub(&world, &[&file[..], others].concat()).exits(2).says(&["--file"]);
        scrub(&world, &[&["--force"][..], others].concat()).exits(2).says(&["--force"]);
    }
    scrub(&world, &["--check", "--dry-run"]).exits(2);
    scrub(&world, &["--yes", "--policy", "nonsense"])
        .fails(2, &["no policy `nonsense`", "local, staging"]);
    scrub(&world, &["production", "--yes"]).fails(4, &["protected"]);
    scrub(&world, &["staging", "--yes"]).fails(2, &["--confirm"]);
    assert_eq!(versions(world.cluster, &world.target), before);
}

#[test]
fn production_in_variables_is_recognized_without_heroku() {
    let mut world = people();
    let before = versions(world.cluster, &world.target);
    let url = world.cluster.url(&world.target).replace("127.0.0.1", "localhost");
    world.bcops.set("BCOPS_PRODUCTION_DATABASE_URL", &url);
    scrub(&world, &["--yes"]).fails(4, &["production", "nothing was changed"]);
    world.bcops.unset("HEROKU_API_KEY");
    scrub(&world, &["--yes"]).fails(4, &["production", "nothing was changed"]);
    world.bcops.set("HEROKU_API_KEY", "HRKU-stand-in-token");
    world.bcops.set("HEROKU_HOST", "http://127.0.0.1:9");
    scrub(&world, &["--yes"]).fails(4, &["production", "nothing was changed"]);
    assert_eq!(versions(world.cluster, &world.target), before);
}

#[test]
fn errors_of_the_server_hold_no_values() {
    let world = local_with(
        "CREATE TABLE person (id serial PRIMARY KEY, name text NOT NULL, code text); \
         INSERT INTO person (name, code) VALUES ('Ann', '1'); \
         CREATE MATERIALIZED VIEW codes AS SELECT code::int FROM person; \
         UPDATE person SET code = 'ann.canary@inbox.example'",
        "[tables.person]\nclass = \"personal\"\npersonal = [\"name\", \"code\"]\noperational = [\"id\"]\n\
         [tables.person.policy.any]\nset = { name = \"User {id}\" }\nreason = \"a test\"\n\
         audit_allow = [\"code\"]\n",
    );
    let run = scrub(&world, &["--yes"]).fails(1, &["invalid input syntax for type integer"]);
    assert!(!run.printed().contains("inbox.example"), "{}", run.printed());
}
