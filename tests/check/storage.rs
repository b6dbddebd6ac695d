//! Tests that `bcops check` answers the runbook's questions about file storage.

use serde_json::Value;
use tokio::runtime::Runtime;

use crate::media::world::{STAGING, World};
use crate::standins::s3::{Archive, Fault, Rule, Setup};
use crate::standins::web::{Page, Web};
use crate::support::postgres::Cluster;

/// Staging with media, and a site that is up.
struct Storage {
    world: World,
    web: Web,
    database: String,
    _runtime: Runtime,
}

const IMAGE: &str = "original_images/a.jpg";
const RENDITION: &str = "images/a.width-800.jpg";
const DOCUMENT: &str = "documents/open.pdf";
const PRIVATE: &str = "documents/zz-private minutes.pdf";

impl Storage {
    fn new() -> Storage {
        let runtime = Runtime::new().expect("a runtime");
        let web = runtime.block_on(Web::start());
        let mut world = World::new();
        for key in [IMAGE, RENDITION, DOCUMENT, PRIVATE] {
            world.s3.put(STAGING, key, key.to_owned());
        }
        web.page("127.0.0.1", "/", Page::new(200, "<p>"));
        let site = web.plain_url("127.0.0.1");
        world.bcops.write("bcops.toml", &format!("[environments.staging]\nsites = [\"{site}\"]\n"));
        let url = world.s3.url.clone();
        world.bcops.set("AWS_ENDPOINT_URL_STS", &url);
        Storage { world, web, database: String::new(), _runtime: runtime }
    }

    /// A database in which one document is in a collection below a private one.
    fn with_database(mut self) -> Storage {
        let cluster = Cluster::shared();
        let database = cluster.create_database("storage");
        cluster.psql(
            &database,
            &format!(
                "CREATE TABLE wagtailcore_site (id serial, hostname text, port int, \
                 is_default_site bool DEFAULT false, site_name text, root_page_id int DEFAULT 1); \
                 CREATE TABLE wagtailcore_collection (id int, path text); \
                 INSERT INTO wagtailcore_collection VALUES (1, '0001'), (2, '00010001'), (3, '000100010001'); \
                 CREATE TABLE wagtailcore_collectionviewrestriction (id int, collection_id int); \
                 INSERT INTO wagtailcore_collectionviewrestriction VALUES (1, 2); \
                 CREATE TABLE documents_customdocument (id int, title text, file varchar(100), collection_id int); \
                 INSERT INTO documents_customdocument VALUES (1, 'open', '{DOCUMENT}', 1), (17, 'private', '{PRIVATE}', 3); \
                 CREATE TABLE images_customimage (id int, file text, collection_id int, width int); \
                 INSERT INTO images_customimage VALUES (5, '{IMAGE}', 2, 100)"
            ),
        );
        let url = cluster.url(&database);
        let separator = if url.contains('?') { '&' } else { '?' };
        let url = format!("{url}{separator}sslmode=disable");
        self.world.bcops.set("BCOPS_STAGING_DATABASE_URL", &url);
        self.database = database;
        self
    }

    fn psql(&self, sql: &str) {
        Cluster::shared().psql(&self.database, sql);
    }

    #[track_caller]
    fn check(&self, code: i32) -> Value {
        let document = self.world.bcops.run(&["check", "staging", "--json"]).exits(code).json();
        self.world.assert_nothing_written_but_sts();
        document["result"]["storage"].clone()
    }
}

#[track_caller]
fn assert_line(storage: &Value, subject: &str, verdict: &str, words: &str) {
    let lines = storage["lines"].as_array().expect("lines");
    let line = lines.iter().find(|line| line["subject"] == subject);
    let line = line.unwrap_or_else(|| panic!("no line {subject}: {storage:#}"));
    assert_eq!(line["verdict"], verdict, "{line:#}");
    assert!(line["text"].as_str().is_some_and(|text| text.contains(words)), "{words}: {line:#}");
}

#[test]
fn everything_that_the_keys_may_read_is_reported() {
    let storage = Storage::new().with_database();
    storage.world.s3.name_user("key-staging", "bc-staging-owner");
    storage.world.s3.set_up(
        STAGING,
        Setup {
            may_look: true,
            versioning: Some("Enabled"),
            encryption: Some("AES256"),
            lifecycle: 2,
            access_block: Some([true, true, false, false]),
            policy_is_public: Some(true),
            public_listing: false,
            public_prefixes: vec!["original_images/", "images/"],
        },
    );
    let told = storage.check(0);
    assert_eq!((&told["uses_aws_s3"], &told["via_buckup"]), (&false.into(), &true.into()));
    assert_line(&told, "provider", "pass", "not AWS S3");
    assert_line(&told, "bucket", "pass", "bc-staging, region eu-west-2");
    assert_line(&told, "versioning", "pass", "on");
    assert_line(&told, "encryption", "pass", "AES256");
    assert_line(&told, "lifecycle", "pass", "2 of 2 rules");
    assert_line(&told, "user", "pass", "bc-staging-owner");
    let switches = "off: BlockPublicPolicy, RestrictPublicBuckets";
    assert_line(&told, "public access block", "pass", switches);
    assert_line(&told, "policy status", "pass", "allows public access");
    assert_line(&told, "listing at the bucket", "pass", "not open to the public");
    assert_line(&told, "image at the bucket", "pass", "anyone can read");
    assert_line(&told, "rendition at the bucket", "pass", "anyone can read");
    assert_line(&told, "document at the bucket", "pass", "not open to the public");
    assert_line(&told, "private document at the bucket", "pass", "not open to the public");
    assert_eq!(told["public"]["listing at the bucket"], "closed");
    assert!(!told.to_string().contains("minutes"), "the names of private documents stay private");
}

#[test]
fn a_setting_that_a_key_may_not_read_does_not_pass() {
    let storage = Storage::new();
    let told = storage.check(0);
    for subject in
        ["versioning", "encryption", "lifecycle", "user", "public access block", "policy status"]
    {
        assert_line(&told, subject, "skip", "not allowed to look");
    }
    assert_eq!(told["via_buckup"], Value::Null);
    assert_line(&told, "private documents", "skip", "not checked: ");
    storage
        .world
        .s3
        .set_up(STAGING, Setup { public_prefixes: vec!["documents/"], ..Setup::default() });
    let told = storage.check(0);
    assert_line(&told, "document at the bucket", "warn", "may be private");
    assert!(!told.to_string().contains("open.pdf"), "{told:#}");
    // Absent is not the same as not allowed.
    storage.world.s3.set_up(STAGING, Setup { may_look: true, ..Setup::default() });
    let told = storage.check(0);
    assert_line(&told, "versioning", "pass", "off");
    assert_line(&told, "public access block", "pass", "not set");
    assert_line(&told, "policy status", "pass", "no bucket policy");
    storage.world.s3.name_user("key-staging", "alice");
    assert_eq!(storage.check(0)["via_buckup"], false);
    storage.world.s3.misbehave(Rule::always("ListObjectsV2", Fault::AccessDenied).on("images/"));
    assert_line(&storage.check(0), "files", "warn", "the keys are not allowed to list the bucket");
}

#[test]
fn an_open_listing_and_an_open_private_document_fail() {
    let storage = Storage::new().with_database();
    storage.world.s3.set_up(STAGING, Setup { public_listing: true, ..Setup::default() });
    let told = storage.check(8);
    assert_line(&told, "listing at the bucket", "fail", "anyone can list");
    let run = storage.world.bcops.run(&["check", "staging"]).exits(8);
    for words in ["the file storage is open to the public", "s3:ListBucket"] {
        assert!(run.stdout.contains(words), "{}", run.printed());
    }
    storage
        .world
        .s3
        .set_up(STAGING, Setup { public_prefixes: vec!["documents/"], ..Setup::default() });
    let told = storage.check(8);
    assert_line(&told, "private document at the bucket", "fail", "document 17");
    assert_line(&told, "document at the bucket", "pass", "anyone can read");
    let run = storage.world.bcops.run(&["check", "staging"]).exits(8);
    assert!(run.stdout.contains("s3:GetObject"), "{}", run.printed());
}

#[test]
fn a_private_document_without_a_file_is_not_reported_as_closed() {
    let storage = Storage::new().with_database();
    let add = |id: u32, name: &str| {
        storage.psql(&format!(
            "INSERT INTO documents_customdocument VALUES ({id}, 'private', 'documents/{name}', 3)"
        ));
    };
    add(18, "no file.pdf");
    add(19, "archived.pdf");
    storage.world.s3.put(STAGING, "documents/archived.pdf", "archived");
    storage.world.s3.change(STAGING, "documents/archived.pdf", |object| {
        object.archive = Archive::Class("GLACIER");
    });
    storage
        .world
        .s3
        .set_up(STAGING, Setup { public_prefixes: vec!["documents/"], ..Setup::default() });
    let told = storage.check(8);
    assert_line(&told, "private documents", "skip", "2 not checked, the first is document 19");
    assert_line(&told, "private document at the bucket", "fail", "document 17");
    storage.psql("DELETE FROM documents_customdocument WHERE id IN (17, 19)");
    let told = storage.check(0);
    assert_line(&told, "private documents", "skip", "document 18 not checked: the bucket does");
    assert_eq!(told["public"]["private document at the bucket"], Value::Null, "{told:#}");
    // There is a file below the storage's location.
    let app = "buckinghamshire-staging";
    storage.world.heroku.set_config_var(app, "AWS_LOCATION", "/media/");
    storage.world.s3.put(STAGING, "media/documents/no file.pdf", "private");
    let told = storage.check(0);
    assert_line(&told, "private document at the bucket", "pass", "not open to the public");
}

#[test]
fn the_custom_domain_is_checked_too() {
    let storage = Storage::new().with_database();
    let app = "buckinghamshire-staging";
    let host = format!("127.0.0.1:{}", storage.web.http.port());
    storage.world.heroku.set_config_var(app, "AWS_S3_CUSTOM_DOMAIN", &host);
    storage.world.heroku.set_config_var(app, "AWS_S3_URL_PROTOCOL", "http:");
    let path = "/documents/zz-private%20minutes.pdf";
    storage.web.page("127.0.0.1", path, Page::new(200, "secret"));
    storage.web.page("127.0.0.1", &format!("/{IMAGE}"), Page::redirect("/elsewhere"));
    storage.web.page("127.0.0.1", "/elsewhere", Page::new(200, "image"));
    storage.web.page("127.0.0.1", &format!("/{RENDITION}"), Page::new(500, ""));
    let told = storage.check(8);
    assert_line(&told, "private document at 127.0.0.1", "fail", "document 17");
    assert_line(&told, "private document at the bucket", "pass", "not open");
    assert_line(&told, "image at 127.0.0.1", "pass", "anyone can read");
    assert_line(&told, "rendition at 127.0.0.1", "warn", "HTTP 500");
    // A redirect to another host makes the result unknown.
    let elsewhere = storage.web.plain_url("localhost");
    storage.web.page("localhost", "/login", Page::new(200, "Who are you?"));
    let login = format!("{}/login", elsewhere.trim_end_matches('/'));
    storage.web.page("127.0.0.1", path, Page::redirect(&login));
    let told = storage.check(0);
    assert_line(&told, "private document at 127.0.0.1", "warn", "HTTP 200 from localhost");
    storage.world.heroku.set_config_var(app, "AWS_S3_CUSTOM_DOMAIN", "not a host/ä");
    assert_line(&storage.check(0), "AWS_S3_CUSTOM_DOMAIN", "warn", "is not a host");
}
