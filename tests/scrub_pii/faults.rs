//! Tests failures of `bcops scrub-pii`: killed, interrupted, blocked by locks, too slow, or not
//! clean in the end. The database is then unchanged.

use std::thread;
use std::time::{Duration, Instant};

use crate::pull_data::world::sample;
use crate::scrub_pii::world::{
    Holder, PEOPLE_MANIFEST, local_copy_of, local_with, people, rows, schema, scrub, set_manifest,
    versions, wait_until_alone,
};
use crate::support::postgres::Cluster;
use crate::support::wait;

#[test]
fn killed_at_any_moment_it_has_done_everything_or_nothing() {
    // Some tables of the site: enough work, and quickly recreated.
    let template = Cluster::shared().create_database("small_site");
    Cluster::shared().pg_restore(&template, &sample().small).expect("pg_restore");
    let fresh = || local_copy_of(&template);
    let reference = fresh();
    let before = rows(reference.cluster, &reference.target);
    let started = Instant::now();
    scrub(&reference, &["--yes"]).exits(0);
    let whole = started.elapsed();
    let after = rows(reference.cluster, &reference.target);
    assert_ne!(before, after);

    let mut world = fresh();
    let (mut undone, mut done) = (0, 0);
    // Moments spread over the whole run, most of them over its second half, where it writes.
    for number in 0..20_u32 {
        let part =
            if number < 5 { f64::from(number) / 10.0 } else { 0.3 + f64::from(number) / 26.0 };
        let running = world.bcops.start(&["scrub-pii", "--yes"]);
        thread::sleep(whole.mul_f64(part));
        running.kill();
        wait_until_alone(&world);
        let found = rows(world.cluster, &world.target);
        if found == after {
            done += 1;
            world = fresh();
        } else {
            assert_eq!(found, before, "killed after {part} of a run");
            undone += 1;
        }
    }
    eprintln!("killed runs: {undone} undone, {done} done; one run takes {whole:?}");
    assert!(undone >= 5, "{undone} undone, {done} done");
    scrub(&world, &["--yes"]).exits(0);
    assert_eq!(rows(world.cluster, &world.target), after);
}

#[test]
fn a_foreign_lock_is_waited_for_and_then_named() {
    let world = people();
    let before = versions(world.cluster, &world.target);
    for (sql, table) in [
        ("LOCK TABLE letter", "letter"),
        ("LOCK TABLE person IN SHARE MODE", "person"),
        ("UPDATE person SET note = 'y' WHERE id = 7", "person"),
        // A reader blocks a table that is emptied.
        ("SELECT * FROM letter", "letter"),
    ] {
        let holder = Holder::hold(&world, sql);
        let started = Instant::now();
        let run = scrub(&world, &["--yes", "--lock-timeout", "1s"]);
        let words = [table, "another session holds a lock", "holder of", "--lock-timeout"];
        run.fails(7, &words);
        assert!(started.elapsed() < Duration::from_secs(20), "{sql}");
        drop(holder);
        wait_until_alone(&world);
        assert_eq!(versions(world.cluster, &world.target), before, "{sql}");
    }
    scrub(&world, &["--yes"]).exits(0);
}

#[test]
fn locks_during_the_scrub_are_reported_equally() {
    let world = local_with(
        "CREATE TABLE person (id serial PRIMARY KEY, name text NOT NULL); \
         INSERT INTO person (name) VALUES ('Ann Canary'); \
         CREATE TABLE page (id serial PRIMARY KEY, title text); \
         CREATE RULE stay AS ON DELETE TO person DO INSTEAD NOTHING; \
         CREATE MATERIALIZED VIEW names AS SELECT name FROM person",
        "[tables.person]\nclass = \"personal\"\npersonal = [\"name\"]\noperational = [\"id\"]\n[tables.person.policy.any]\n\
         set = { name = \"User {id}\" }\n[tables.page]\nclass = \"content\"\ncontent = [\"title\"]\n",
    );
    let before = versions(world.cluster, &world.target);
    for (sql, table) in [("SELECT * FROM person", "person"), ("SELECT * FROM names", "names")] {
        let holder = Holder::hold(&world, sql);
        scrub(&world, &["--yes", "--lock-timeout", "1s"])
            .fails(7, &[table, "another session holds a lock", "holder of"]);
        drop(holder);
        wait_until_alone(&world);
        assert_eq!(versions(world.cluster, &world.target), before, "{sql}");
    }
    let holder = Holder::hold(&world, "LOCK TABLE page");
    for arguments in [&["--yes", "--lock-timeout", "1s"][..], &["--check", "--lock-timeout", "1s"]]
    {
        scrub(&world, arguments).fails(7, &["page", "another session holds a lock", "holder of"]);
    }
    drop(holder);
    wait_until_alone(&world);
    assert_eq!(versions(world.cluster, &world.target), before);
}

#[test]
fn a_column_added_during_the_wait_for_a_lock_is_noticed() {
    let world = people();
    // Adding a column takes an exclusive lock. The check before the question is over by then.
    let mut terminal = world.bcops.start_on_terminal(&["scrub-pii", "--lock-timeout", "1m"]);
    terminal.wait_for("to continue: ");
    let holder = Holder::hold(
        &world,
        "ALTER TABLE person ADD COLUMN home text; UPDATE person SET home = 'ann@canary.example'",
    );
    terminal.type_line(&world.target);
    let waits = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = '{}' AND wait_event_type = 'Lock'",
        world.target
    );
    wait::until("the scrub waits for the lock", || world.cluster.psql("postgres", &waits) == "1");
    holder.commit();
    let (code, screen) = terminal.finish();
    assert_eq!(code, Some(9), "the new column was not looked at:\n{screen}");
    assert!(screen.contains("person.home") && !screen.contains("canary.example"), "{screen}");
    assert_eq!(world.psql("SELECT count(*) FROM person WHERE name LIKE 'Ann%'"), "50", "{screen}");
}

#[test]
fn a_statement_that_takes_too_long_ends_it() {
    let world = local_with(
        "CREATE FUNCTION slow() RETURNS boolean LANGUAGE sql AS 'SELECT pg_sleep(5) IS NOT NULL'; \
         CREATE TABLE person (id serial PRIMARY KEY, name text NOT NULL); \
         INSERT INTO person (name) VALUES ('Ann Canary'); \
         ALTER TABLE person ADD CHECK (name LIKE 'Ann%' OR slow())",
        "[tables.person]\nclass = \"personal\"\npersonal = [\"name\"]\noperational = [\"id\"]\n[tables.person.policy.any]\n\
         set = { name = \"User {id}\" }\n",
    );
    let before = versions(world.cluster, &world.target);
    let limited = ["--yes", "--statement-timeout", "1s"];
    scrub(&world, &limited).fails(1, &["person", "longer than", "1 s", "--statement-timeout"]);
    assert_eq!(versions(world.cluster, &world.target), before);

    let world = people();
    let before = versions(world.cluster, &world.target);
    let after = "[[after]]\npolicies = [\"local\"]\nsql = \"SELECT pg_sleep(5)\"\n";
    set_manifest(&world, &format!("{after}{PEOPLE_MANIFEST}"));
    scrub(&world, &limited).fails(1, &["pg_sleep", "--statement-timeout"]);
    assert_eq!(versions(world.cluster, &world.target), before);
}

#[test]
fn ctrl_c_leaves_the_database_unchanged() {
    let world = people();
    let before = versions(world.cluster, &world.target);
    let after = "[[after]]\npolicies = [\"local\"]\nsql = \"SELECT pg_sleep(60)\"\n";
    set_manifest(&world, &format!("{after}{PEOPLE_MANIFEST}"));
    let sleeps = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = '{}' AND query ~ '^SELECT pg_sleep'",
        world.target
    );
    let running = world.bcops.start(&["scrub-pii", "--yes"]);
    wait::until("the rules are applied", || world.cluster.psql("postgres", &sleeps) == "1");
    running.interrupt();
    running.finish().fails(130, &["interrupted; nothing was changed"]);
    wait_until_alone(&world);
    assert_eq!(versions(world.cluster, &world.target), before);

    // While it waits for a lock.
    set_manifest(&world, PEOPLE_MANIFEST);
    let holder = Holder::hold(&world, "LOCK TABLE person IN SHARE MODE");
    let running = world.bcops.start(&["scrub-pii", "--yes", "--lock-timeout", "1m"]);
    let waits = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = '{}' AND wait_event_type = 'Lock'",
        world.target
    );
    wait::until("it waits", || world.cluster.psql("postgres", &waits) == "1");
    running.interrupt();
    running.finish().fails(130, &["nothing was changed"]);
    drop(holder);
    wait_until_alone(&world);
    assert_eq!(versions(world.cluster, &world.target), before);
}

#[test]
fn a_session_that_the_server_ends_is_reported() {
    let world = people();
    let before = versions(world.cluster, &world.target);
    let after = "[[after]]\npolicies = [\"local\"]\nsql = \"SELECT pg_sleep(60)\"\n";
    set_manifest(&world, &format!("{after}{PEOPLE_MANIFEST}"));
    let end = format!(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '{}' \
         AND query ~ '^SELECT pg_sleep'",
        world.target
    );
    let running = world.bcops.start(&["scrub-pii", "--yes"]);
    wait::until("the session is ended", || world.cluster.psql("postgres", &end) == "1");
    running.finish().fails(1, &[]);
    assert_eq!(versions(world.cluster, &world.target), before);
}

#[test]
fn a_finding_of_the_audit_undoes_everything() {
    let world = people();
    world.psql("UPDATE person SET note = 'ask ann.canary@canary.example' WHERE id <= 3");
    let before = (versions(world.cluster, &world.target), schema(world.cluster, &world.target));
    let run = scrub(&world, &["--yes"]);
    let run = run.fails(9, &["personal data remains", "person.note", "e-mail", "3", "nothing was"]);
    assert!(!run.printed().contains("canary.example"), "{}", run.printed());
    let failed = scrub(&world, &["--yes", "--json"]).exits(9);
    assert!(!failed.printed().contains("canary.example"), "{}", failed.printed());
    assert_eq!(failed.json()["error"]["kind"], "personal-data");
    let after = (versions(world.cluster, &world.target), schema(world.cluster, &world.target));
    assert_eq!(after, before);
}

#[test]
fn a_statement_of_the_manifest_cannot_end_the_transaction_unnoticed() {
    let world = people();
    let before = versions(world.cluster, &world.target);
    for (sql, code) in [
        ("ROLLBACK", 9),
        ("ROLLBACK; BEGIN", 9),
        ("SELECT 1 / 0", 1),
        ("INSERT INTO letter (body) VALUES ('again')", 9),
    ] {
        let after = format!("[[after]]\npolicies = [\"local\"]\nsql = \"{sql}\"\n");
        set_manifest(&world, &format!("{after}{PEOPLE_MANIFEST}"));
        scrub(&world, &["--yes"]).fails(code, &[]);
        assert_eq!(versions(world.cluster, &world.target), before, "{sql}");
    }
}
