//! Restores databases with `pg_restore`, and resets them by dropping every schema.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::process::Command;

use super::captures::{end, enter, with};
use super::server::{not_found, refusal};
use super::state::{CapturePlan, Outcome, Shared};
use crate::standins::server::{Recorded, Reply};

/// Extensions are in a schema that the role does not own: it stays, because Heroku recreates it.
const EMPTY: &str = "DO $$ DECLARE name text; BEGIN
    FOR name IN SELECT nspname FROM pg_namespace
        WHERE nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'
          AND pg_has_role(nspowner, 'USAGE')
    LOOP EXECUTE format('DROP SCHEMA %I CASCADE', name); END LOOP;
END $$; CREATE SCHEMA public;";

/// A reset by an administrator: drops everything, ends sessions, and recreates the schemas of every
/// Heroku database, which the role does not own. All in one transaction.
const EMPTY_AS_ADMINISTRATOR: &str = "
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid();
SELECT lo_unlink(oid) FROM pg_largeobject_metadata;
DO $$ DECLARE name text; owner text; BEGIN
    SELECT pg_get_userbyid(datdba) INTO owner FROM pg_database WHERE datname = current_database();
    FOR name IN SELECT nspname FROM pg_namespace
        WHERE nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'
    LOOP EXECUTE format('DROP SCHEMA %I CASCADE', name); END LOOP;
    CREATE SCHEMA public;
    IF current_setting('server_version_num')::int >= 150000 THEN
        ALTER SCHEMA public OWNER TO pg_database_owner;
        GRANT USAGE ON SCHEMA public TO PUBLIC;
    ELSE
        GRANT ALL ON SCHEMA public TO PUBLIC;
    END IF;
    CREATE SCHEMA heroku_ext;
    EXECUTE format('GRANT USAGE, CREATE ON SCHEMA heroku_ext TO %I', owner);
    IF EXISTS (SELECT FROM pg_available_extensions WHERE pg_available_extensions.name = 'pg_stat_statements') THEN
        CREATE EXTENSION pg_stat_statements WITH SCHEMA heroku_ext;
    END IF;
    CREATE SCHEMA _heroku;
    CREATE FUNCTION _heroku.create_ext() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER
        AS 'BEGIN END';
END $$;";

pub async fn reset(shared: &Shared, id: &str, request: &Recorded) -> Reply {
    let url = shared.world().addon(id).and_then(|addon| addon.url.clone());
    let Some(url) = url else { return not_found("database") };
    let body = request.json();
    let extensions = body["extensions"].as_array().into_iter().flatten();
    let names = extensions.filter_map(|name| name.as_str());
    let create = names.map(|name| format!(" CREATE EXTENSION \"{name}\";"));
    let create = create.collect::<String>();
    let done = match &shared.options.administrator {
        Some(administrator) => {
            let url = with_database_of(administrator, &url);
            psql(shared, &url, &(EMPTY_AS_ADMINISTRATOR.to_owned() + &create)).await
        }
        None => psql(shared, &url, &(EMPTY.to_owned() + &create)).await,
    };
    match done {
        Ok(_) => Reply::ok(serde_json::json!({ "message": "Reset successful." })),
        Err(message) => refusal(422, "unprocessable_entity", &message),
    }
}

/// The administrator's URL, for the database that the other one names.
fn with_database_of(administrator: &str, url: &str) -> String {
    let server = administrator.rsplit_once('/').map_or(administrator, |(server, _)| server);
    let name = url.rsplit('/').next().and_then(|name| name.split('?').next()).unwrap_or_default();
    format!("{server}/{name}")
}

/// Starts a restore into an add-on's database and gives the app and the transfer's UUID.
pub fn start(shared: &Arc<Shared>, id: &str, request: &Recorded) -> Option<(String, String)> {
    let mut world = shared.world();
    let addon = world.addon(id)?;
    let (app, to_url) = (addon.app_id.clone(), addon.url.clone()?);
    let body = request.json();
    let from_url = body["backup_url"].as_str().unwrap_or_default().to_owned();
    let uuid = enter(&mut world, &app, "BACKUP", &from_url);
    let attachment = world.attachments.iter().find(|one| one.addon_id == id);
    let to_name = attachment.map(|one| one.name.clone()).unwrap_or_default();
    let transfer = world.transfer_mut(&app, &uuid).expect("just entered");
    transfer.into = Some((to_name, to_url.clone()));
    let plan = world.restore_plan.clone();
    // Both the internal address of a backup and a signed URL hold the backup's UUID as a segment.
    let dump = from_url.split(['/', '?']).find_map(|part| world.objects.get(part));
    let dump = dump.map(|object| object.path.clone());
    let job = Job { app: app.clone(), uuid: uuid.clone(), to_url, dump };
    tokio::spawn(run(Arc::clone(shared), job, plan));
    Some((app, uuid))
}

struct Job {
    app: String,
    uuid: String,
    to_url: String,
    dump: Option<PathBuf>,
}

async fn run(shared: Arc<Shared>, job: Job, plan: CapturePlan) {
    tokio::time::sleep(plan.pending).await;
    let started = with(&shared, &job.app, &job.uuid, |transfer| {
        transfer.started_at = Some(Timestamp::now());
        transfer.log("Starting restore");
    });
    if !started {
        return;
    }
    let restoring = async {
        match plan.dump.as_ref().or(job.dump.as_ref()) {
            Some(dump) => pg_restore(&shared, &job.to_url, dump).await,
            None => Err("Could not fetch the backup".to_owned()),
        }
    };
    let restored = tokio::select! {
        restored = restoring => restored,
        // A cancelled transfer writes nothing more.
        () = canceled(&shared, &job) => return,
    };
    tokio::time::sleep(plan.running).await;
    with(&shared, &job.app, &job.uuid, |transfer| {
        if let Err(message) = &restored {
            message.lines().for_each(|line| transfer.log(line));
        }
        let outcome = if restored.is_ok() { plan.outcome } else { Outcome::Failed };
        end(transfer, outcome, Timestamp::now());
    });
}

/// Waits until it is cancelled.
async fn canceled(shared: &Shared, job: &Job) {
    while with(shared, &job.app, &job.uuid, |_| ()) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn pg_restore(shared: &Shared, url: &str, dump: &Path) -> Result<(), String> {
    psql(shared, url, EMPTY).await?;
    let program = shared.options.pg_dump.with_file_name("pg_restore");
    let mut command = Command::new(program);
    // The schema already exists, which is not a failure.
    command.args(["--no-owner", "--no-privileges", "--clean", "--if-exists", "--dbname", url]);
    // A role can neither create nor drop Heroku's objects.
    let list = shared.folder.path().join(format!("{}.list", Timestamp::now().as_nanosecond()));
    tokio::fs::write(&list, contents(shared, url, dump).await?).await.map_err(|e| e.to_string())?;
    said(command.arg("--use-list").arg(list).arg(dump)).await.map(drop)
}

/// The entries of a backup, without extensions if the database has those that Heroku gives it.
async fn contents(shared: &Shared, url: &str, dump: &Path) -> Result<String, String> {
    let mut listing = Command::new(shared.options.pg_dump.with_file_name("pg_restore"));
    let all = said(listing.arg("--list").arg(dump)).await?;
    let sql = "SELECT count(*) FROM pg_extension WHERE extname = 'pg_stat_statements'";
    if psql(shared, url, sql).await?.trim() == "0" {
        return Ok(all);
    }
    let needed = |line: &&str| !line.contains(" EXTENSION ");
    Ok(all.lines().filter(needed).fold(String::new(), |text, line| text + line + "\n"))
}

async fn psql(shared: &Shared, url: &str, sql: &str) -> Result<String, String> {
    let mut command = Command::new(shared.options.pg_dump.with_file_name("psql"));
    said(command.args(["-AtXq", "-v", "ON_ERROR_STOP=1", "-c", sql, url])).await
}

async fn said(command: &mut Command) -> Result<String, String> {
    let output = command.kill_on_drop(true).output().await;
    let output = output.map_err(|error| format!("the program could not be run: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(String::from_utf8_lossy(&output.stderr).into_owned())
}
