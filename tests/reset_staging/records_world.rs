//! Builds the world for tests of `reset_records`: databases with the tables of a small site,
//! sessions in them, and a backup.

use bcops::adapters::postgres::{DatabaseUrl, Defaults, Session, SslMode, connect};

use crate::support::postgres::Cluster;

/// The account tables of Django.
pub const ACCOUNTS: &str = "
    CREATE TABLE users_user (id serial PRIMARY KEY, password varchar(128) NOT NULL,
        last_login timestamptz, is_superuser boolean NOT NULL, username varchar(150) NOT NULL UNIQUE,
        first_name varchar(150) NOT NULL, last_name varchar(150) NOT NULL, email varchar(254) NOT NULL,
        is_staff boolean NOT NULL, is_active boolean NOT NULL, date_joined timestamptz NOT NULL);
    CREATE TABLE auth_group (id serial PRIMARY KEY, name varchar(150) NOT NULL UNIQUE);
    CREATE TABLE django_content_type (id serial PRIMARY KEY, app_label varchar(100) NOT NULL,
        model varchar(100) NOT NULL, UNIQUE (app_label, model));
    CREATE TABLE auth_permission (id serial PRIMARY KEY, name varchar(255) NOT NULL,
        content_type_id integer NOT NULL REFERENCES django_content_type DEFERRABLE INITIALLY DEFERRED,
        codename varchar(100) NOT NULL, UNIQUE (content_type_id, codename));
    CREATE TABLE users_user_groups (id serial PRIMARY KEY,
        user_id integer NOT NULL REFERENCES users_user DEFERRABLE INITIALLY DEFERRED,
        group_id integer NOT NULL REFERENCES auth_group DEFERRABLE INITIALLY DEFERRED,
        UNIQUE (user_id, group_id));
    CREATE TABLE users_user_user_permissions (id serial PRIMARY KEY,
        user_id integer NOT NULL REFERENCES users_user DEFERRABLE INITIALLY DEFERRED,
        permission_id integer NOT NULL REFERENCES auth_permission DEFERRABLE INITIALLY DEFERRED,
        UNIQUE (user_id, permission_id));
    CREATE TABLE wagtailusers_userprofile (id serial PRIMARY KEY, theme varchar(40) NOT NULL,
        dismissibles jsonb NOT NULL,
        user_id integer NOT NULL UNIQUE REFERENCES users_user DEFERRABLE INITIALLY DEFERRED);";

/// The statement that makes a user.
pub fn user(id: i32, username: &str, email: &str) -> String {
    format!(
        "INSERT INTO users_user VALUES ({id}, 'pbkdf2$hash{id}', '2026-11-0{} 12:00+00', \
         {id} = 5, '{username}', 'First', 'O''{username}', '{email}', true, true, \
         '2020-02-29 23:59:59.123456+00');",
        id % 9 + 1
    )
}

/// A new database that this SQL fills.
#[track_caller]
pub fn database(sql: &str) -> String {
    let cluster = Cluster::shared();
    let database = cluster.create_database("records");
    cluster.psql(&database, sql);
    database
}

pub async fn session(database: &str) -> Session {
    session_as(database, None).await
}

/// As another role of the server.
pub async fn session_as(database: &str, role: Option<&str>) -> Session {
    let defaults = Defaults { variable: &|_| None, home: None, ssl_mode: SslMode::Disable };
    let url = Cluster::shared().url(database);
    let url = match role {
        Some(role) => url.replace("postgres@", &format!("{role}@")),
        None => url,
    };
    connect(&DatabaseUrl::parse(&url, &defaults).expect("a URL")).await.expect("a session")
}

#[track_caller]
pub fn psql(database: &str, sql: &str) -> String {
    Cluster::shared().psql(database, sql)
}

/// The database in pg_dump's custom format.
#[track_caller]
pub fn backup(database: &str) -> Vec<u8> {
    let mut dump = Cluster::shared().tool("pg_dump");
    let output = dump.args(["-Fc", "-d", database]).output().expect("pg_dump");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// The small sample of the real site, if it is there, in a new database.
#[track_caller]
pub fn small_site() -> Option<(String, Vec<u8>)> {
    let Some(fixtures) = std::env::var_os("BCOPS_FIXTURES") else {
        eprintln!("skipped: BCOPS_FIXTURES is not set");
        return None;
    };
    let archive = std::path::Path::new(&fixtures).join("bc-small.dump");
    let database = database("CREATE SCHEMA heroku_ext");
    Cluster::shared().pg_restore(&database, &archive).expect("restored");
    Some((database, std::fs::read(archive).expect("the archive")))
}
