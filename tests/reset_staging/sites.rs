//! Tests rewriting Site records in real databases.

use bcops::reset::sites::{self, Address, Change, Reason, SitesError, read, rewrite, verify};

use crate::reset_staging::records_world::{database, psql, session, small_site};

const SITES: &str = "CREATE TABLE wagtailcore_site (id serial PRIMARY KEY,
    hostname varchar(255) NOT NULL, port integer NOT NULL, is_default_site boolean NOT NULL,
    root_page_id integer NOT NULL, site_name varchar(255) NOT NULL, UNIQUE (hostname, port));
    INSERT INTO wagtailcore_site VALUES (1, 'www.gov.example', 443, true, 3, 'Main'),
        (2, 'jobs.gov.example', 443, false, 4, 'Jobs'), (3, 'x.gov.example', 80, false, 5, '');";

const ALL: &str = "SELECT id, hostname, port, is_default_site, root_page_id, site_name \
                   FROM wagtailcore_site ORDER BY id";

fn address(hostname: &str, port: i32) -> Address {
    Address { hostname: hostname.to_owned(), port }
}

fn change(id: i64, from: Address, to: Address) -> Change {
    Change { id, root_page_id: id + 2, from, to, reason: Reason::Configured, warning: None }
}

/// The first two swap their hosts, and the third does not change.
fn swap() -> Vec<Change> {
    let (www, jobs) = (address("www.gov.example", 443), address("jobs.gov.example", 443));
    let third = address("x.gov.example", 80);
    vec![
        change(1, www.clone(), jobs.clone()),
        change(2, jobs, www),
        change(3, third.clone(), third),
    ]
}

#[tokio::test]
async fn two_records_swap_their_hosts() {
    let database = database(SITES);
    let session = session(&database).await;
    let changes = swap();
    assert!(matches!(verify(&session, &changes).await, Err(SitesError::NotRewritten { .. })));
    rewrite(&session, &changes).await.unwrap();
    verify(&session, &changes).await.unwrap();
    assert_eq!(
        psql(&database, ALL),
        "1|jobs.gov.example|443|t|3|Main\n2|www.gov.example|443|f|4|Jobs\n3|x.gov.example|80|f|5|"
    );
    // The session is usable again.
    session.batch_execute("CREATE TABLE x ()").await.unwrap();
}

#[tokio::test]
async fn a_repeat_changes_nothing() {
    let database = database(SITES);
    let session = session(&database).await;
    let changes = [
        change(1, address("www.gov.example", 443), address("staging.example", 443)),
        change(2, address("jobs.gov.example", 443), address("staging.example", 8443)),
        change(3, address("x.gov.example", 80), address("x.staging.example", 80)),
    ];
    rewrite(&session, &changes).await.unwrap();
    let once = psql(&database, ALL);
    rewrite(&session, &changes).await.unwrap();
    assert_eq!(psql(&database, ALL), once);
}

#[tokio::test]
async fn a_record_outside_the_plan_stops_the_rewrite() {
    for (sql, expected) in [
        (
            "INSERT INTO wagtailcore_site VALUES (9, 'new.gov.example', 443, false, 3, '')",
            "the site 9 (new.gov.example:443) is not in the plan",
        ),
        (
            "DELETE FROM wagtailcore_site WHERE id = 2",
            "the site 2 (jobs.gov.example:443) is missing",
        ),
        (
            "UPDATE wagtailcore_site SET hostname = 'other.example' WHERE id = 2",
            "the site 2 (other.example:443) should become www.gov.example:443",
        ),
        (
            "UPDATE wagtailcore_site SET root_page_id = 77 WHERE id = 3",
            "the site 3 (x.gov.example:80) has another root page",
        ),
        ("DROP TABLE wagtailcore_site", "the site 1 (www.gov.example:443) is missing"),
    ] {
        let database = database(SITES);
        psql(&database, sql);
        let session = session(&database).await;
        let there = !sql.starts_with("DROP");
        let before = there.then(|| psql(&database, ALL));
        let error = rewrite(&session, &swap()).await.unwrap_err().to_string();
        assert_eq!(
            error,
            format!("the Site records differ from the plan: {expected}; nothing was changed")
        );
        let error = verify(&session, &swap()).await.unwrap_err().to_string();
        assert!(error.starts_with("the Site records were not rewritten as planned"), "{error}");
        assert_eq!(there.then(|| psql(&database, ALL)), before);
    }
}

#[tokio::test]
async fn a_stop_between_the_passes_changes_nothing() {
    let database = database(SITES);
    psql(
        &database,
        "CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS \
           'BEGIN IF NEW.id = 2 AND NEW.hostname NOT LIKE ''bcops-%'' THEN \
              PERFORM pg_catalog.pg_terminate_backend(pg_catalog.pg_backend_pid()); END IF; RETURN NEW; END'; \
         CREATE TRIGGER stop BEFORE UPDATE ON wagtailcore_site FOR EACH ROW EXECUTE FUNCTION stop()",
    );
    let before = psql(&database, ALL);
    let killed = session(&database).await;
    assert!(rewrite(&killed, &swap()).await.is_err());
    assert_eq!(psql(&database, ALL), before);
    psql(&database, "DROP TRIGGER stop ON wagtailcore_site");
    rewrite(&session(&database).await, &swap()).await.unwrap();
}

#[tokio::test]
async fn a_change_that_the_table_undoes_is_noticed() {
    let database = database(SITES);
    psql(
        &database,
        "CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS \
           'BEGIN IF OLD.id = 1 THEN NEW.port = 443; END IF; RETURN NEW; END'; \
         CREATE TRIGGER keep BEFORE UPDATE ON wagtailcore_site FOR EACH ROW EXECUTE FUNCTION keep()",
    );
    let before = psql(&database, ALL);
    let mut changes = swap();
    changes[0].to.port = 8000;
    let error = rewrite(&session(&database).await, &changes).await.unwrap_err();
    assert!(matches!(error, SitesError::NotRewritten { .. }), "{error}");
    assert_eq!(psql(&database, ALL), before);
}

#[tokio::test]
async fn a_site_without_the_table() {
    let session = session(&database("")).await;
    assert!(read(&session).await.unwrap().is_empty());
    rewrite(&session, &[]).await.unwrap();
    verify(&session, &[]).await.unwrap();
}

#[tokio::test]
async fn the_real_site_s_hosts_are_rewritten() {
    let Some((database, _)) = small_site() else { return };
    let session = session(&database).await;
    let now = read(&session).await.unwrap();
    assert!(now.len() > 1);
    let changes: Vec<Change> = now
        .iter()
        .map(|record| Change {
            id: record.id,
            root_page_id: record.root_page_id,
            from: address(&record.hostname, record.port),
            to: address(&format!("site{}.staging.example", record.id), 443),
            reason: Reason::Derived,
            warning: None,
        })
        .collect();
    rewrite(&session, &changes).await.unwrap();
    verify(&session, &changes).await.unwrap();
    let names = |records: Vec<sites::SiteRecord>| -> Vec<String> {
        records.into_iter().map(|record| record.site_name).collect()
    };
    assert_eq!(names(read(&session).await.unwrap()), names(now));
}
