//! Tests attacks with a file that comes with a clone: each ends with exit 3 before any request to a
//! server.

use crate::pull_data::world::World;

const PRODUCTION_ID: &str = "01234567-89ab-cdef-0123-456789abcdef";

/// An attack's subject, its file, and the keys that must be named.
fn attacks() -> Vec<(&'static str, String, Vec<&'static str>)> {
    let by_id = format!("[environments.staging]\napp = \"{PRODUCTION_ID}\"\n");
    let own = |rest: &str| format!("inherit = false\n{rest}");
    vec![
        ("staging is production's app, by its id", by_id, vec!["environments.staging.app"]),
        (
            "staging is production's app, by its name",
            own("[environments.staging]\napp = \"buckinghamshire-production\"\nprotected = false\n"),
            vec!["inherit", "environments.staging.app", "environments.staging.protected"],
        ),
        (
            "master is force-pushed",
            "[environments.staging]\nbranch = \"master\"\n".to_owned(),
            vec!["environments.staging.branch"],
        ),
        (
            "production is not protected",
            "[environments.production]\nprotected = false\n".to_owned(),
            vec!["environments.production.protected"],
        ),
        (
            "a new environment is production",
            "[environments.qa]\napp = \"x\"\nprotected = false\n".to_owned(),
            vec!["environments.qa.app", "environments.qa.protected"],
        ),
        (
            "staging's data are looked for elsewhere",
            "[environments.staging.config_vars]\ndatabase_url = \"OTHER\"\n".to_owned(),
            vec!["environments.staging.config_vars.database_url"],
        ),
        (
            "the key of the API goes to a listener",
            "[heroku]\nhost = \"http://127.0.0.1:1\"\n".to_owned(),
            vec!["heroku.host"],
        ),
        (
            "a hook of a repository on this machine is run on push",
            "[heroku]\ngit_host = \"file:///tmp/repositories\"\n".to_owned(),
            vec!["heroku.git_host"],
        ),
        ("the code goes elsewhere", "[git]\nurl = \"/tmp/x\"\n".to_owned(), vec!["git.url"]),
        (
            "keys are pushed as media",
            "[media]\nfolder = \"../home/.ssh\"\nprefixes = [\"x\"]\n".to_owned(),
            vec!["media.folder", "media.prefixes"],
        ),
        (
            "rows of another table go as renditions",
            "[media]\nrendition_tables = [\"users_user\"]\n".to_owned(),
            vec!["media.rendition_tables"],
        ),
        (
            "another machine's database counts as local",
            "[local]\ndatabase_url = \"postgres://db.example/x\"\nallowed_hosts = [\"db.example\"]\n"
                .to_owned(),
            vec!["local.allowed_hosts", "local.database_url"],
        ),
        (
            "commands are run on a dyno",
            "[commands]\nmigrate = \"id\"\n[search]\nreindex_command = \"id\"\n".to_owned(),
            vec!["commands.migrate", "search.reindex_command"],
        ),
        (
            "the message goes elsewhere",
            "[slack]\nwebhook_url = \"https://evil.example/secret-hook\"\n".to_owned(),
            vec!["slack.webhook_url"],
        ),
        (
            "GitLab's token goes elsewhere",
            "[gitlab]\nurl = \"https://evil.example\"\n".to_owned(),
            vec!["gitlab.url"],
        ),
    ]
}

#[test]
fn a_file_that_is_not_trusted_stops_every_command_before_a_server_is_asked() {
    let mut world = World::small();
    world.bcops.finds_its_file();
    let commands: [&[&str]; 8] = [
        &["pull-data", "production", "--yes"],
        &["pull-production-data", "--yes"],
        &["push-media", "staging", "--confirm", "buckinghamshire-production"],
        &["scrub-pii", "staging", "--confirm", "buckinghamshire-staging"],
        &["run", "staging", "--", "id"],
        &["search", "reindex", "staging", "--confirm", "buckinghamshire-staging"],
        &["reset-staging", "--attest", "agreed", "--confirm", "buckinghamshire-staging"],
        &["purge-cache", "staging", "--everything", "--confirm", "x"],
    ];
    for (about, text, keys) in attacks() {
        world.bcops.write("bcops.toml", &text);
        for command in commands {
            let run = world.bcops.run(command).fails(3, &["bcops.toml", "bcops config trust"]);
            for key in &keys {
                assert!(run.stderr.contains(&format!("`{key}`")), "{about}: {}", run.printed());
            }
            assert!(!run.printed().contains("secret-hook"), "{about}: {}", run.printed());
        }
    }
    assert!(world.standin.requests().is_empty());
    // A copy further up is found too, also with a stronger setting by variable.
    world.bcops.write("bcops.toml", "[local]\ndatabase_url = \"postgres:///other\"\n");
    world.pull(&["--yes"]).fails(3, &["`local.database_url`", "bcops config trust"]);
    world.bcops.write("bcops.toml", "backup_max_age = \"7d\"\n[network]\ntimeout = \"30s\"\n");
    world.pull(&["--yes"]).exits(0);
}

#[test]
fn commands_of_the_files_own_environments_are_refused_and_not_unknown() {
    let mut world = World::small();
    world.bcops.finds_its_file();
    world.bcops.write("bcops.toml", "inherit = false\n[environments.live]\napp = \"library\"\n");
    for command in [&["pull-live-data"][..], &["reset-live"], &["pull-data", "live"]] {
        world.bcops.run(command).fails(3, &["`environments.live.app`", "bcops config trust"]);
    }
    let document = world.bcops.run(&["pull-live-data", "--json"]).exits(3).json();
    assert_eq!(document["error"]["kind"], "configuration", "{document}");
}

const AFTER: &str = "[[after]]\npolicies = [\"local\", \"staging\"]\n\
    sql = \"COPY (SELECT 1) TO PROGRAM 'touch pwned'\"\n";

const KEEPS_SUBMISSIONS: &str = "[tables.wagtailforms_formsubmission]\nclass = \"personal\"\n\
    personal = [\"form_data\"]\n[tables.wagtailforms_formsubmission.policy.any]\nkeep = true\nreason = \"x\"\n\
    audit_allow = [\"form_data\"]\n";

#[test]
fn an_untrusted_manifest_only_removes() {
    let mut world = World::site();
    world.bcops.finds_its_file();
    world.bcops.write("bcops.toml", "[scrub]\nmanifest = \"scrub.toml\"\n");
    let head = "schema_version = 1\nextends = \"built-in\"\n";
    for (text, key) in [
        (AFTER, "after"),
        (KEEPS_SUBMISSIONS, "tables.wagtailforms_formsubmission.policy.any"),
        ("[audit]\nallow = { email = [\"*\"] }\n", "audit"),
        ("[tables.x]\nclass = \"content\"\n", "tables.x"),
    ] {
        world.bcops.write("scrub.toml", &format!("{head}{text}"));
        let words = ["scrub.toml", "`scrub.manifest`", &format!("`{key}`"), "bcops config trust"];
        world.pull(&["--yes"]).fails(3, &words);
        world.bcops.run(&["scrub-pii", "--yes"]).fails(3, &words);
        let scrub = ["scrub-pii", "staging", "--confirm", "buckinghamshire-staging"];
        world.bcops.run(&scrub).fails(3, &words);
        let doctor = world.bcops.run(&["doctor"]).exits(3);
        assert!(doctor.stdout.contains(&format!("`{key}`")), "{}", doctor.printed());
    }
    // If it is named as in CI, or trusted, it works like any other.
    world.bcops.set("BCOPS_CONFIG", "bcops.toml");
    world.bcops.write("scrub.toml", &format!("{head}[audit]\nallow = {{ email = [\"*\"] }}\n"));
    world.pull(&["--yes"]).exits(0);
    world.bcops.unset("BCOPS_CONFIG");
    world.bcops.run(&["config", "trust", "--yes"]).exits(0);
    world.pull(&["--yes"]).exits(0);
    // Keeping less than the built-in manifest needs no trust.
    let fewer = "[tables.users_user]\nclass = \"personal\"\n\
        personal = [\"password\", \"username\", \"first_name\", \"last_name\", \"email\", \"last_login\"]\n\
        operational = [\"date_joined\", \"id\", \"is_active\", \"is_staff\", \"is_superuser\"]\n\
        [tables.users_user.policy.staging]\ndelete = true\n\
        [tables.users_user.policy.local]\nunusable_password = [\"password\"]\nnull = [\"last_login\"]\n\
        set = { username = \"user.{id}\", first_name = \"\", last_name = \"\", email = \"\" }\n";
    world.bcops.write("scrub.toml", &format!("{head}{fewer}"));
    world.pull(&["--yes"]).exits(0);
    assert_eq!(world.psql("SELECT count(*) FROM users_user WHERE last_name <> ''"), "0");
}
