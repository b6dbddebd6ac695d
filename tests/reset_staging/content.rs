//! Tests how content that exists only on staging is found, on real databases.

use bcops::reset::content::{ContentKind, ContentTables, Item, staging_only};

use crate::reset_staging::records_world::{
    ACCOUNTS, database, psql, session, session_as, small_site, user,
};

const PAGES: &str = "
    CREATE TABLE wagtailcore_locale (id serial PRIMARY KEY, language_code varchar(100) NOT NULL);
    CREATE TABLE wagtailcore_revision (id serial PRIMARY KEY, user_id integer);
    CREATE TABLE wagtailcore_page (id serial PRIMARY KEY, depth integer NOT NULL,
        title varchar(255) NOT NULL, url_path text NOT NULL, owner_id integer,
        latest_revision_created_at timestamptz, first_published_at timestamptz,
        last_published_at timestamptz, translation_key uuid NOT NULL, locale_id integer NOT NULL,
        latest_revision_id integer);
    CREATE TABLE images_customimage (id serial PRIMARY KEY, title varchar(255) NOT NULL,
        file varchar(100) NOT NULL, created_at timestamptz NOT NULL, uploaded_by_user_id integer);
    CREATE TABLE documents_customdocument (LIKE images_customimage INCLUDING ALL);";

fn page(id: i32, key: u8, locale: i32, title: &str) -> String {
    format!(
        "INSERT INTO wagtailcore_page VALUES ({id}, 2, '{}', '/home/{id}/', 1, NULL, \
         '2026-01-01', NULL, '00000000-0000-0000-0000-0000000000{key:02}', {locale}, NULL);",
        title.replace('\'', "''")
    )
}

fn tables() -> ContentTables {
    let names = |names: [&str; 2]| names.map(str::to_owned).to_vec();
    ContentTables {
        images: names(["images_customimage", "wagtailimages_image"]),
        documents: names(["documents_customdocument", "wagtaildocs_document"]),
    }
}

fn titles(items: &[Item]) -> Vec<&str> {
    items.iter().map(|item| item.title.as_str()).collect()
}

const HOSTILE: &str = "'; DROP TABLE x; -- \u{1b}[31m\n\"$1\\ %s é\u{202e}";

#[tokio::test]
async fn pages_are_matched_by_content_and_not_by_id() {
    let staging = database(
        &[
            ACCOUNTS,
            PAGES,
            &user(1, "ann", ""),
            &user(2, "bob", ""),
            "INSERT INTO wagtailcore_locale VALUES (1, 'en'), (2, 'cy');
             INSERT INTO wagtailcore_revision VALUES (1, 2);
             INSERT INTO wagtailcore_page VALUES (1, 1, 'Root', '/', NULL, NULL, NULL, NULL, \
               gen_random_uuid(), 1, NULL);",
            // Moved on production, translated on both sides, and an id that means two pages.
            &page(2, 1, 1, "Moved"),
            &page(3, 1, 2, "Symud"),
            &page(4, 2, 1, HOSTILE),
            &page(5, 3, 2, "Newydd"),
            "UPDATE wagtailcore_page SET latest_revision_id = 1, \
               latest_revision_created_at = '2026-11-22 23:30-02' WHERE id = 5;
             UPDATE users_user SET first_name = '', last_name = '' WHERE id = 2;",
        ]
        .concat(),
    );
    let production = database(
        &[
            ACCOUNTS,
            PAGES,
            "INSERT INTO wagtailcore_locale VALUES (1, 'en'), (7, 'cy');",
            &page(12, 1, 1, "Moved"),
            &page(13, 1, 7, "Symud"),
            &page(4, 9, 1, "Another page"),
            &page(6, 3, 1, "New"),
        ]
        .concat(),
    );
    let (one, other) = (session(&staging).await, session(&production).await);
    let found = staging_only(&one, &other, &tables(), "users_user").await.unwrap();
    assert_eq!(titles(&found.items), ["Newydd", HOSTILE]);
    let newest = &found.items[0];
    assert_eq!(newest.kind, ContentKind::Page);
    // The revision's author has priority over the owner, and the day is in UTC.
    assert_eq!(newest.editor.as_deref(), Some("bob"));
    assert_eq!(newest.changed.as_deref(), Some("2026-11-23"));
    assert_eq!(newest.address, "/home/5/");
    let hostile = &found.items[1];
    assert_eq!(hostile.editor.as_deref(), Some("First O'ann"));
    assert_eq!(hostile.changed.as_deref(), Some("2026-01-01"));
    assert_eq!(
        found.remarks,
        ["staging has no table wagtailimages_image", "staging has no table wagtaildocs_document"]
    );
}

#[tokio::test]
async fn older_sites_have_fewer_columns() {
    let pages = "CREATE TABLE wagtailcore_page (id serial, title text, url_path text);
        INSERT INTO wagtailcore_page (title, url_path) VALUES ('a', '/a/'), ('b', '/b/')";
    let (staging, production) = (database(pages), database(pages));
    psql(&production, "UPDATE wagtailcore_page SET url_path = '/c/' WHERE title = 'b'");
    let (one, other) = (session(&staging).await, session(&production).await);
    let found = staging_only(&one, &other, &tables(), "users_user").await.unwrap();
    assert_eq!(titles(&found.items), ["b"]);
    assert_eq!((&found.items[0].editor, &found.items[0].changed), (&None, &None));

    psql(&production, "ALTER TABLE wagtailcore_page DROP url_path");
    let found = staging_only(&one, &other, &tables(), "users_user").await.unwrap();
    assert!(found.items.is_empty());
    assert_eq!(
        found.remarks[0],
        "wagtailcore_page has no column url_path on production, so the table is skipped"
    );
    let empty = session(&database("")).await;
    let found = staging_only(&empty, &empty, &tables(), "users_user").await;
    assert_eq!(found.unwrap().remarks.len(), 5);
}

#[tokio::test]
async fn images_and_documents_are_matched_by_their_files() {
    let staging = database(
        &[
            ACCOUNTS,
            PAGES,
            &user(1, "ann", ""),
            "INSERT INTO images_customimage (title, file, created_at, uploaded_by_user_id) VALUES
               ('Same', 'original_images/a.jpg', now(), 1), ('New', 'original_images/b.jpg', '2026-03-04', 1),
               ('Newer', 'original_images/c.jpg', '2026-03-05', NULL);
             INSERT INTO documents_customdocument (title, file, created_at) VALUES ('Doc', 'documents/d.pdf', '2026-02-02');",
        ]
        .concat(),
    );
    let production = database(
        &[
            PAGES,
            "INSERT INTO images_customimage (id, title, file, created_at) VALUES
               (2, 'Renamed', 'original_images/a.jpg', now());
             DROP TABLE documents_customdocument;",
        ]
        .concat(),
    );
    // Production needs and allows only reading.
    let role = format!("reader_of_{production}");
    psql(
        &production,
        &format!("CREATE ROLE {role} LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}"),
    );
    let one = session(&staging).await;
    let other = session_as(&production, Some(&role)).await;
    let found = staging_only(&one, &other, &tables(), "users_user").await.unwrap();
    assert_eq!(titles(&found.items), ["Newer", "New", "Doc"]);
    assert_eq!(found.items[1].editor.as_deref(), Some("First O'ann"));
    assert_eq!(found.items[1].address, "original_images/b.jpg");
    assert_eq!(found.items[2].kind, ContentKind::Document);
    assert!(found.remarks.contains(
        &"production has no table documents_customdocument, so all its rows are listed".to_owned()
    ));
}

#[tokio::test]
async fn an_error_leaves_no_transaction_open() {
    let staging = database(PAGES);
    let production = database(PAGES);
    let role = format!("stranger_to_{production}");
    psql(&production, &format!("CREATE ROLE {role} LOGIN"));
    let one = session(&staging).await;
    let other = session_as(&production, Some(&role)).await;
    assert!(staging_only(&one, &other, &tables(), "users_user").await.is_err());
    for database in [&staging, &production] {
        let states = format!("SELECT state FROM pg_stat_activity WHERE datname = '{database}'");
        assert_eq!(psql("postgres", &states), "idle");
    }
}

#[tokio::test]
async fn the_real_site_does_not_differ_from_itself() {
    let Some((staging, _)) = small_site() else { return };
    let Some((production, _)) = small_site() else { return };
    let (one, other) = (session(&staging).await, session(&production).await);
    let found = staging_only(&one, &other, &tables(), "users_user").await.unwrap();
    assert!(found.items.is_empty() && found.remarks.is_empty(), "{found:?}");
    psql(
        &staging,
        "UPDATE images_customimage SET file = 'original_images/new.jpg' WHERE id = 1; \
         UPDATE wagtailcore_page SET translation_key = gen_random_uuid() \
           WHERE id = (SELECT max(id) FROM wagtailcore_page)",
    );
    let found = staging_only(&one, &other, &tables(), "users_user").await.unwrap();
    let kinds: Vec<ContentKind> = found.items.iter().map(|item| item.kind).collect();
    assert_eq!(kinds, [ContentKind::Page, ContentKind::Image]);
}
