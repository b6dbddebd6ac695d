//! Shows the sandbox after a command: media, the databases on "this machine", and staging.

use std::fs;
use std::path::Path;

use anyhow::Result;

use crate::standins::heroku::Glance;
use crate::support::postgres::Cluster;
use crate::support::site;
use crate::whole_site::WholeSite;
use crate::whole_site::services::Services;

/// The tables whose rows are counted, if they exist.
const TABLES: [&str; 11] = [
    "wagtailcore_page",
    "images_customimage",
    "wagtailimages_image",
    "users_user",
    "auth_user",
    "wagtailcore_revision",
    "wagtailforms_formsubmission",
    "recruitment_jobalertsubscription",
    "feedback_feedbackcomment",
    "django_session",
    "wagtailsearchpromotions_query",
];

pub fn media(whole: &WholeSite, folder: &Path) {
    eprintln!("sandbox: media now:");
    let blueprint = &whole.blueprint;
    for environment in [&blueprint.production, &blueprint.staging] {
        let bucket = blueprint.bucket(environment);
        eprintln!("  {bucket}, {} objects", whole.s3.objects(&bucket).len());
    }
    eprintln!("  on this machine, {} files", files_below(folder));
}

pub fn local(whole: &WholeSite, local: &Cluster, database: &str) -> Result<()> {
    eprintln!("sandbox: the databases on this machine now:");
    let sql = "SELECT datname || ', ' || pg_size_pretty(pg_database_size(oid)) \
                 FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres' ORDER BY 1";
    for line in local.try_psql("postgres", sql)?.lines() {
        eprintln!("  {line}");
    }
    let users = &whole.blueprint.settings.local.users_table;
    let sql = format!("SELECT to_regclass('public.{users}') IS NOT NULL");
    if local.try_psql(database, &sql).is_ok_and(|answer| answer == "t") {
        compare(whole, ("local", local, database))?;
        let sql = format!("SELECT username || ' <' || email || '>' FROM {users} WHERE id = 3");
        eprintln!("\n  a user in production: {}", whole.databases.production(&sql));
        eprintln!("  the same one locally: {}", local.try_psql(database, &sql)?);
    }
    Ok(())
}

/// Rows of production beside those of another database, and the columns with marks of people.
fn compare(whole: &WholeSite, (label, cluster, database): (&str, &Cluster, &str)) -> Result<()> {
    let production = (whole.databases.cluster(), whole.databases.production.as_str());
    eprintln!("\n  {:36}{:>12}{label:>12}", "rows", "production");
    for table in TABLES.iter().filter(|table| whole.databases.has_table(table)) {
        let sql = format!("SELECT count(*) FROM {table}");
        let before = production.0.try_psql(production.1, &sql)?;
        let after = cluster.try_psql(database, &sql)?;
        eprintln!("  {table:36}{before:>12}{after:>12}");
    }
    let before = site::marked_columns(production.0, production.1).len();
    let after = site::marked_columns(cluster, database);
    eprintln!("  {:36}{before:>12}{:>12}", "columns with personal data", after.len());
    // Staging keeps its staff's accounts, so these columns are not listed.
    if label == "local" {
        for column in after {
            eprintln!("    left: {column}");
        }
    }
    Ok(())
}

/// Prints only if something was purged.
pub fn services(services: &Services) {
    let purges = services.cloudflare.purges();
    if !purges.is_empty() {
        eprintln!("sandbox: Cloudflare purged:");
    }
    for purge in purges.iter().take(6) {
        eprintln!("  {} {}", purge.kind, purge.items.join(" "));
    }
    if purges.len() > 6 {
        eprintln!("  and {} times more", purges.len() - 6);
    }
}

/// The parts of staging that a reset changes.
#[derive(PartialEq, Eq)]
pub struct Staging {
    app: Glance,
    tip: Option<String>,
    users: String,
}

impl Staging {
    pub fn of(whole: &WholeSite) -> Staging {
        let users = &whole.blueprint.settings.local.users_table;
        let sql =
            format!("SELECT string_agg(username, ', ' ORDER BY id) FROM {users} WHERE id > 90000");
        let users = whole.databases.cluster().try_psql(&whole.databases.staging, &sql);
        let [_, branch] = whole.blueprint.branches();
        Staging {
            app: whole.heroku.glance(whole.staging_app()),
            tip: whole.code.origin_tip(&format!("refs/heads/{branch}")).map(|tip| tip.to_string()),
            users: users.unwrap_or_default(),
        }
    }
}

/// Prints only if the command changed something there.
pub fn staging(whole: &WholeSite, before: &Staging) -> Result<()> {
    let now = Staging::of(whole);
    if now == *before {
        return Ok(());
    }
    let [_, branch] = whole.blueprint.branches();
    eprintln!("sandbox: {} now:", whole.blueprint.staging.name);
    let origin = whole.code.origin();
    let log = whole.code.git(&origin, &["log", "--oneline", "--first-parent", "-6", branch]);
    for line in log.lines() {
        eprintln!("  {line}");
    }
    let up: Vec<String> =
        now.app.formation.iter().map(|(kind, count, _)| format!("{kind}={count}")).collect();
    eprintln!(
        "  maintenance {}, {}, {} releases, {} backups",
        if now.app.maintenance { "on" } else { "off" },
        up.join(" "),
        now.app.releases.len(),
        now.app.backups.len()
    );
    let cluster = whole.databases.cluster();
    let there = "SELECT to_regclass('public.wagtailcore_site') IS NOT NULL";
    if cluster.try_psql(&whole.databases.staging, there)? == "t" {
        let sql =
            "SELECT site_name || ': ' || hostname || ':' || port FROM wagtailcore_site ORDER BY id";
        for line in whole.databases.staging(sql).lines() {
            eprintln!("  {line}");
        }
        eprintln!("  accounts of staging only: {}", now.users);
        compare(whole, ("staging", cluster, &whole.databases.staging))?;
    }
    Ok(())
}

fn files_below(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| if entry.path().is_dir() { files_below(&entry.path()) } else { 1 }).sum()
}
