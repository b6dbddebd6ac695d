//! Tests accounts that exist only on staging, and restoring them after a reset, on real databases.

use std::collections::BTreeSet;

use bcops::reset::accounts::{
    self, AccountsError, PutBack, Selection, StoredAccount, choose, not_there, put_back, stored,
};

use crate::reset_staging::records_world::{
    ACCOUNTS, backup, database, psql, session, small_site, user,
};
use crate::support::postgres::Cluster;
use crate::support::wait;

const USERS: &str = "users_user";

/// Staging with ann (5), bob (6) and cleo (7), and with links between them and groups.
fn staging() -> String {
    let sql = [
        ACCOUNTS,
        &user(5, "ann", "ann@example.org"),
        &user(6, "bob", ""),
        &user(7, "cleo", "cleo@example.org"),
        "INSERT INTO auth_group VALUES (1, 'Editors'), (2, 'Testers'), (3, 'it''s \"odd\"');
         INSERT INTO django_content_type VALUES (1, 'blogs', 'page'), (2, 'gone', 'thing');
         INSERT INTO auth_permission VALUES (1, 'x', 1, 'add_page'), (2, 'y', 2, 'add_thing');
         INSERT INTO users_user_groups (user_id, group_id) VALUES (5, 1), (5, 2), (6, 3);
         INSERT INTO users_user_user_permissions (user_id, permission_id) VALUES (5, 1), (5, 2);
         INSERT INTO wagtailusers_userprofile (theme, dismissibles, user_id)
             VALUES ('dark', '{\"a\\\\b\": \"c\\td\"}', 5);",
    ];
    database(&sql.concat())
}

/// The new staging: other ids everywhere, the id 5 taken, sequences as after a restore.
fn replaced() -> String {
    let sql = [
        ACCOUNTS,
        &user(1, "dora", "dora@example.org"),
        &user(5, "emil", "ann@example.org"),
        "INSERT INTO auth_group VALUES (11, 'Editors'), (12, 'it''s \"odd\"');
         INSERT INTO django_content_type VALUES (31, 'blogs', 'page');
         INSERT INTO auth_permission VALUES (21, 'x', 31, 'add_page');
         INSERT INTO users_user_groups VALUES (1, 1, 11), (2, 5, 11);
         INSERT INTO wagtailusers_userprofile VALUES (1, 'light', '{}', 1);
         SELECT setval('users_user_id_seq', 5), setval('users_user_groups_id_seq', 2);",
    ];
    database(&sql.concat())
}

fn wanted(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn stored_accounts(names: &[&str]) -> Vec<StoredAccount> {
    let accounts = stored::read(backup(&staging()).as_slice(), &wanted(names), USERS);
    accounts.expect("accounts of the backup")
}

fn pairs(of: &PutBack) -> Vec<(&str, &str)> {
    of.created.iter().map(|(name, id)| (name.as_str(), id.as_str())).collect()
}

#[tokio::test]
async fn accounts_are_compared_by_their_exact_usernames() {
    let (staging, production) = (staging(), database(&[ACCOUNTS, &user(5, "Ann", "")].concat()));
    psql(&production, &user(9, "cleo", "other@example.org"));
    let (one, other) = (session(&staging).await, session(&production).await);
    let found = accounts::staging_only(&one, &other, USERS).await.unwrap();
    let names: Vec<&str> = found.iter().map(|account| account.username.as_str()).collect();
    assert_eq!(names, ["ann", "bob"]);
    let ann = &found[0];
    assert_eq!((ann.email.as_str(), ann.name.as_str()), ("ann@example.org", "First O'ann"));
    assert_eq!((ann.is_superuser, ann.is_active), (true, true));
    assert_eq!(ann.last_login.as_deref(), Some("2026-11-06"));
    assert_eq!(ann.groups, ["Editors", "Testers"]);
    let chosen = choose(&found, &"ANN@example.org".parse::<Selection>().unwrap()).unwrap();
    assert_eq!(chosen, wanted(&["ann"]));
    // The sessions are usable again.
    one.batch_execute("CREATE TABLE x ()").await.unwrap();

    for place in ["production", "staging"] {
        let empty = session(&database("")).await;
        let pair = if place == "staging" { (&empty, &other) } else { (&one, &empty) };
        let error = accounts::staging_only(pair.0, pair.1, USERS).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("{place} has no users table users_user with the columns id and username")
        );
    }
}

#[tokio::test]
async fn accounts_are_restored_completely() {
    let database = replaced();
    let session = session(&database).await;
    let accounts = stored_accounts(&["ann", "bob"]);
    let done = put_back(&session, &accounts, USERS).await.unwrap();
    // Ann's id now belongs to another user, and her new id is not an old one.
    assert_eq!(pairs(&done), [("ann", "7"), ("bob", "6")]);
    assert_eq!(
        done.warnings,
        [
            "ann loses the group Testers, which no longer exists",
            "ann loses the permission gone.add_thing (thing), which no longer exists"
        ]
    );
    assert_eq!(
        psql(&database, "SELECT u.*::text FROM users_user u WHERE username = 'ann'"),
        psql(&staging(), "SELECT u.*::text FROM users_user u WHERE username = 'ann'")
            .replacen("5", "7", 1)
    );
    assert_eq!(
        psql(
            &database,
            "SELECT u.username, g.name FROM users_user_groups l JOIN users_user u ON u.id = user_id \
             JOIN auth_group g ON g.id = group_id WHERE u.id > 5 ORDER BY 1"
        ),
        "ann|Editors\nbob|it's \"odd\""
    );
    assert_eq!(
        psql(&database, "SELECT user_id, permission_id FROM users_user_user_permissions"),
        "7|21"
    );
    assert_eq!(
        psql(
            &database,
            "SELECT theme, dismissibles FROM wagtailusers_userprofile WHERE user_id = 7"
        ),
        r#"dark|{"a\\b": "c\td"}"#
    );
    assert_eq!(
        not_there(&session, &wanted(&["ann", "bob", "cleo"]), USERS).await.unwrap(),
        ["cleo"]
    );

    // The next rows get correct ids from the sequences.
    psql(
        &database,
        "INSERT INTO users_user SELECT nextval('users_user_id_seq'), password, last_login, false, \
           'next', '', '', '', false, true, date_joined FROM users_user WHERE id = 1; \
         INSERT INTO users_user_groups (user_id, group_id) VALUES (1, 12); \
         INSERT INTO users_user_user_permissions (user_id, permission_id) VALUES (1, 21); \
         INSERT INTO wagtailusers_userprofile (theme, dismissibles, user_id) VALUES ('', '{}', 6)",
    );

    // A repeat changes nothing.
    let before = crate::scrub_pii::world::versions(Cluster::shared(), &database);
    let again = put_back(&session, &accounts, USERS).await.unwrap();
    assert_eq!(again.already_there, ["ann", "bob"]);
    assert!(again.created.is_empty() && again.warnings.is_empty());
    assert_eq!(crate::scrub_pii::world::versions(Cluster::shared(), &database), before);
}

#[tokio::test]
async fn an_outdated_sequence_does_no_harm() {
    let database = replaced();
    psql(&database, "SELECT setval('users_user_id_seq', 1, false)");
    let session = session(&database).await;
    let done = put_back(&session, &stored_accounts(&["ann"]), USERS).await.unwrap();
    assert_eq!(pairs(&done), [("ann", "6")]);
    assert_eq!(psql(&database, "SELECT nextval('users_user_id_seq')"), "7");
}

#[tokio::test]
async fn migrations_may_have_changed_the_columns() {
    let database = replaced();
    psql(
        &database,
        "ALTER TABLE users_user ADD phone text NOT NULL DEFAULT 'none', ADD note text, \
           ADD shout text GENERATED ALWAYS AS (upper(username)) STORED, DROP last_name, \
           ALTER last_login SET DEFAULT now(), ADD dropped text NOT NULL DEFAULT ''; \
         ALTER TABLE users_user DROP dropped; \
         ALTER TABLE wagtailusers_userprofile ADD density text; \
         UPDATE wagtailusers_userprofile SET density = ''; \
         ALTER TABLE wagtailusers_userprofile ALTER density SET NOT NULL",
    );
    let session = session(&database).await;
    let mut source = stored_accounts(&["ann"]);
    let done = put_back(&session, &source, USERS).await.unwrap();
    assert_eq!(
        psql(&database, "SELECT phone, note IS NULL, shout FROM users_user WHERE username = 'ann'"),
        "none|t|ANN"
    );
    assert_eq!(
        done.warnings[0],
        "users_user no longer has the column last_name; its values are lost"
    );
    assert_eq!(
        done.warnings.last().unwrap(),
        "the profile of ann is skipped: wagtailusers_userprofile.density needs a value, and the \
         backup has none"
    );

    psql(&database, "ALTER TABLE users_user ALTER phone DROP DEFAULT");
    source.extend(stored_accounts(&["bob"]));
    let error = put_back(&session, &source, USERS).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "users_user.phone needs a value, and neither a default nor the backup has one; no \
         account was put back"
    );
    assert_eq!(not_there(&session, &wanted(&["bob"]), USERS).await.unwrap(), ["bob"]);
}

#[tokio::test]
async fn a_value_that_no_longer_fits_is_not_cut_off_silently() {
    let database = replaced();
    psql(
        &database,
        "ALTER TABLE users_user ALTER password TYPE varchar(8) USING left(password, 8)",
    );
    let session = session(&database).await;
    let error = put_back(&session, &stored_accounts(&["ann", "bob"]), USERS).await.unwrap_err();
    let AccountsError::Insert { source, .. } = &error else { panic!("{error}") };
    assert!(source.to_string().contains("value too long"), "{source}");
    assert_eq!(psql(&database, "SELECT count(*) FROM users_user"), "2");
}

#[tokio::test]
async fn ids_of_every_kind() {
    // An identity column that only the server may fill.
    let identity = replaced();
    psql(
        &identity,
        "ALTER TABLE users_user ALTER id DROP DEFAULT; DROP SEQUENCE users_user_id_seq; \
         ALTER TABLE users_user ALTER id ADD GENERATED ALWAYS AS IDENTITY",
    );
    let one = session(&identity).await;
    let done = put_back(&one, &stored_accounts(&["ann", "bob"]), USERS).await.unwrap();
    assert_eq!(pairs(&done), [("ann", "7"), ("bob", "6")]);

    // No sequence: a free id works, a taken id is an error.
    let without = replaced();
    psql(&without, "ALTER TABLE users_user ALTER id DROP DEFAULT; DROP SEQUENCE users_user_id_seq");
    let two = session(&without).await;
    let done = put_back(&two, &stored_accounts(&["bob"]), USERS).await.unwrap();
    assert_eq!(pairs(&done), [("bob", "6")]);
    let error = put_back(&two, &stored_accounts(&["ann"]), USERS).await.unwrap_err();
    assert!(matches!(error, AccountsError::NoNewId { .. }), "{error}");

    // A sequence that the default uses but no column owns.
    let loose = replaced();
    psql(
        &loose,
        "ALTER SEQUENCE users_user_id_seq OWNED BY NONE; SELECT setval('users_user_id_seq', 2)",
    );
    let three = session(&loose).await;
    let done = put_back(&three, &stored_accounts(&["ann", "bob"]), USERS).await.unwrap();
    assert_eq!(pairs(&done), [("ann", "7"), ("bob", "6")]);
}

#[tokio::test]
async fn killed_in_the_middle_it_has_done_nothing() {
    let database = replaced();
    psql(
        &database,
        "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS \
           'BEGIN PERFORM pg_catalog.pg_sleep(60); RETURN NEW; END'; \
         CREATE TRIGGER wait BEFORE INSERT ON wagtailusers_userprofile FOR EACH ROW EXECUTE FUNCTION wait()",
    );
    let accounts = stored_accounts(&["ann", "bob"]);
    let (task_accounts, task_session) = (accounts.clone(), session(&database).await);
    let task = tokio::spawn(async move { put_back(&task_session, &task_accounts, USERS).await });
    let sleeping = format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
         WHERE datname = '{database}' AND wait_event = 'PgSleep'"
    );
    wait::until_async("it waits", || psql("postgres", &sleeping) == "t").await;
    assert!(task.await.unwrap().is_err());
    assert_eq!(psql(&database, "SELECT count(*) FROM users_user"), "2");
    assert_eq!(psql(&database, "SELECT count(*) FROM users_user_groups"), "2");

    psql(&database, "DROP TRIGGER wait ON wagtailusers_userprofile");
    let done = put_back(&session(&database).await, &accounts, USERS).await.unwrap();
    assert_eq!(done.created.len(), 2);
    assert_eq!(psql(&database, "SELECT count(*) FROM users_user_groups"), "4");
}

#[tokio::test]
async fn a_site_with_only_users() {
    let bare =
        database("CREATE TABLE users_user (id int PRIMARY KEY, username text NOT NULL UNIQUE)");
    let session = session(&bare).await;
    let done = put_back(&session, &stored_accounts(&["ann"]), USERS).await.unwrap();
    assert_eq!(pairs(&done), [("ann", "5")]);
    assert!(done.warnings.iter().any(|warning| warning.contains("the group Editors")));
    assert!(
        done.warnings.iter().any(|warning| warning.contains("no longer has the column password"))
    );
    let error = put_back(&session, &[], "auth_user").await.unwrap_err();
    assert!(matches!(error, AccountsError::NoUsersTable { .. }), "{error}");
}

#[tokio::test]
async fn the_real_sites_accounts_are_restored() {
    let Some((database, archive)) = small_site() else { return };
    let session = session(&database).await;
    let names: BTreeSet<String> =
        psql(&database, "SELECT username FROM users_user").lines().map(str::to_owned).collect();
    let accounts = stored::read(archive.as_slice(), &names, USERS).unwrap();
    assert_eq!(accounts.len(), names.len());
    let links = "SELECT count(*) FROM users_user_groups";
    let (linked, profiles) =
        (psql(&database, links), psql(&database, "SELECT count(*) FROM wagtailusers_userprofile"));
    // Every id is taken by a user with another name.
    let shape = "SELECT string_agg(to_jsonb(u)::jsonb - 'id' #>> '{}', ';' ORDER BY username) \
                 FROM users_user u";
    let before = psql(&database, shape);
    psql(&database, "UPDATE users_user SET username = 'moved ' || id");
    let done = put_back(&session, &accounts, USERS).await.unwrap();
    assert_eq!(done.created.len(), names.len());
    assert!(done.warnings.is_empty(), "{:?}", done.warnings);
    let moved = "WHERE username NOT LIKE 'moved %'";
    assert_eq!(psql(&database, &format!("{shape} {moved}")), before);
    let twice = |count: &str| (count.parse::<u32>().unwrap() * 2).to_string();
    assert_eq!(psql(&database, links), twice(&linked));
    let count = "SELECT count(*) FROM wagtailusers_userprofile";
    assert_eq!(psql(&database, count), twice(&profiles));
}
