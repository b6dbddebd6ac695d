//! `bcops password`: sets the password of a local superuser, and of nothing else.

use std::fs;

use crate::pull_data::world::World;

const SUPERUSERS: &str = "SELECT string_agg(username, ',' ORDER BY username COLLATE \"C\") FROM users_user WHERE is_superuser";

/// How many users have a password that fits, of how many.
const SET: &str = "SELECT count(*) FILTER (WHERE password LIKE 'pbkdf2_sha256$%') FROM users_user";

/// A world with a pulled database, and the names of its superusers.
fn pulled() -> (World, Vec<String>) {
    let world = World::small();
    world.pull(&[]).exits(0);
    let names = world.psql(SUPERUSERS).split(',').map(str::to_owned).collect();
    (world, names)
}

fn hash_of(world: &World, user: &str) -> String {
    world.psql(&format!("SELECT password FROM users_user WHERE username = '{user}'"))
}

#[test]
fn one_superuser_gets_a_generated_password_that_is_printed_once() {
    let (world, names) = pulled();
    let (first, second) = (names[0].as_str(), names[1].as_str());
    // There are several, and no terminal to ask on.
    let run = world.bcops.run(&["password"]);
    run.fails(2, &["several superusers", first, &format!("bcops password --user {first}")]);
    assert_eq!(world.psql(SET), "0");
    let dry_run = world.bcops.run(&["password", "--user", first, "--dry-run"]).exits(0);
    assert!(dry_run.stdout.contains("nothing was changed"), "{}", dry_run.printed());
    assert_eq!(world.psql(SET), "0");

    let run = world.bcops.run(&["password", "--user", first]).exits(0);
    let (_, password) = run.stdout.trim().rsplit_once(": ").expect("a password");
    assert_eq!(password.len(), 19, "{}", run.printed());
    assert!(!run.stderr.contains(password), "{}", run.printed());
    assert_eq!(world.psql(SET), "1");
    assert!(hash_of(&world, first).starts_with("pbkdf2_sha256$"));
    let journal = fs::read_to_string(world.bcops.state_directory().join("journal.jsonl"));
    let journal = journal.expect("the journal");
    assert!(journal.contains("password set") && !journal.contains(password), "{journal}");

    let document = world.bcops.run(&["password", "--user", second, "--json"]).exits(0).json();
    let result = &document["result"];
    assert_eq!((&result["user"], &result["dry_run"]), (&second.into(), &false.into()));
    assert_eq!(result["database"], world.target.as_str());
    assert_eq!(result["password"].as_str().map(str::len), Some(19));
    assert_eq!(world.psql(SET), "2");
}

#[test]
fn a_given_password_is_not_printed() {
    let (mut world, names) = pulled();
    let name = names[0].as_str();
    let line = world.bcops.write("new", "let-me-in-please\n");
    let run = world.bcops.run_reading(&["password", "--user", name, "--stdin"], &line).exits(0);
    assert!(!run.printed().contains("let-me-in"), "{}", run.printed());
    assert!(run.stdout.contains(&format!("set the password of {name}")), "{}", run.printed());
    let first = hash_of(&world, name);
    assert_eq!(world.psql(SET), "1");
    let empty = world.bcops.write("empty", "\n");
    let run = world.bcops.run_reading(&["password", "--user", name, "--stdin"], &empty);
    run.fails(2, &["it holds no password", "--stdin"]);
    // A file that was given by mistake must not give a part of its line.
    let long = world.bcops.write("long", &"x".repeat(5000));
    let run = world.bcops.run_reading(&["password", "--user", name, "--stdin"], &long);
    run.fails(2, &["its first line is too long"]);
    assert_eq!(hash_of(&world, name), first);
    world.bcops.set("BCOPS_LOCAL_PASSWORD", "let-me-in-again");
    let run = world.bcops.run(&["password", "--user", name, "--json"]).exits(0);
    assert!(run.json()["result"]["password"].is_null(), "{}", run.printed());
    assert_ne!(hash_of(&world, name), first);
}

#[test]
fn a_terminal_is_asked_for_the_name_and_twice_for_the_password() {
    let (world, names) = pulled();
    let mut terminal = world.bcops.start_on_terminal(&["password"]);
    terminal.wait_for("Whose password?");
    terminal.type_line("");
    terminal.wait_for(&format!("New password for {}", names[0]));
    terminal.type_hidden_line("let-me-in-please");
    terminal.wait_for("Type it again");
    terminal.type_hidden_line("let-me-in-please");
    let (code, screen) = terminal.finish();
    assert_eq!(code, Some(0), "{screen}");
    assert!(!screen.contains("let-me-in"), "{screen}");
    assert!(hash_of(&world, &names[0]).starts_with("pbkdf2_sha256$"));
    assert_eq!(world.psql(SET), "1");
}

#[test]
fn only_a_superuser_of_the_local_database_is_changed() {
    let (mut world, names) = pulled();
    let missing = format!("{}x", names[0]);
    let near = format!("did you mean {}", names[0]);
    world.bcops.run(&["password", "--user", &missing]).fails(2, &["no superuser", &near]);
    // Someone who is not a superuser.
    let other = world.psql("SELECT min(username) FROM users_user WHERE NOT is_superuser");
    world.bcops.run(&["password", "--user", &other]).fails(2, &["no superuser"]);
    // The only superuser needs no name, and an inactive one cannot log in.
    let all_but_one = format!(
        "UPDATE users_user SET is_superuser = false WHERE is_superuser AND username <> '{}'",
        names[0]
    );
    world.psql(&all_but_one);
    world.bcops.run(&["password"]).exits(0);
    assert_eq!(world.psql(SET), "1");
    world.psql("UPDATE users_user SET is_active = false WHERE is_superuser");
    world.bcops.run(&["password"]).fails(4, &["no superuser", "createsuperuser"]);

    // The guards of a pull: no other machine, no database of the server, none that is missing.
    world.bcops.run(&["password", "--target", "postgres"]).fails(4, &["server's own database"]);
    world.bcops.run(&["password", "--target", "is_missing"]).fails(4, &["there is no database"]);
    world.bcops.run(&["password", "production"]).exits(2);
    world.bcops.set("BCOPS_LOCAL_DATABASE_URL", "postgres://somewhere.example/site");
    world.bcops.run(&["password"]).fails(4, &["is not on this machine"]);
}

#[test]
fn a_database_of_an_environment_is_refused() {
    let (world, names) = pulled();
    let url = world.cluster.url(&world.target);
    world.standin.set_config_var(crate::heroku::world::STAGING, "DATABASE_URL", &url);
    let run = world.bcops.run(&["password", "--user", &names[0]]);
    run.fails(4, &["is the database of staging", "nothing was changed"]);
    assert_eq!(world.psql(SET), "0");
}

#[test]
fn a_table_that_is_not_there_is_named() {
    let mut world = World::small().with_target();
    world.bcops.set("BCOPS_LOCAL_PASSWORD", "let-me-in-please");
    world.bcops.run(&["password"]).fails(3, &["users_user", "local.users_table"]);
}

#[test]
fn a_pull_says_what_to_do_next() {
    let world = World::small();
    let run = world.pull(&[]).exits(0);
    let first = world.psql(SUPERUSERS);
    let first = first.split(',').next().expect("a name");
    let next: Vec<&str> = run.stdout.lines().filter(|line| line.starts_with("next: ")).collect();
    let [password, media] = next.as_slice() else { panic!("{}", run.printed()) };
    assert!(password.starts_with(&format!("next: bcops password --user {first} ")), "{password}");
    assert!(media.starts_with("next: bcops pull-media production "), "{media}");

    // In a checkout of the site, migrations come first.
    world.bcops.write("manage.py", "");
    let document = world.pull(&["--yes", "--json"]).exits(0).json();
    let steps = document["result"]["next"].as_array().expect("steps").clone();
    let kinds: Vec<&str> = steps.iter().filter_map(|one| one["step"].as_str()).collect();
    assert_eq!(kinds, ["migrate", "log-in", "pull-media"]);
    assert_eq!(steps[0]["command"], "python manage.py migrate");

    // A file has no media.
    let file = crate::pull_data::world::sample().small.display().to_string();
    let run = world.bcops.run(&["pull-data", "--file", &file, "--yes"]).exits(0);
    assert!(!run.stdout.contains("pull-media"), "{}", run.printed());
    let journal = fs::read_to_string(world.bcops.state_directory().join("journal.jsonl"));
    assert!(!journal.expect("the journal").contains(first), "no name of a row in the journal");
}
