//! Makes backups, and holds earlier ones.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::process::Command;

use super::state::{CapturePlan, Outcome, Shared, Transfer, World};
use super::store::Object;

/// Adds a new transfer, which has not started, to the app that owns the database.
pub fn enter(world: &mut World, app_id: &str, from_name: &str, from_url: &str) -> String {
    let uuid = world.new_id();
    let app = world.app_mut(app_id).expect("an app of the stand-in");
    let num = app.transfers.iter().map(|one| one.num).max().unwrap_or(0) + 1;
    app.transfers.push(Transfer {
        uuid: uuid.clone(),
        num,
        from_name: from_name.to_owned(),
        deleted_at: None,
        from_url: from_url.to_owned(),
        into: None,
        schedule: None,
        source_bytes: 0,
        processed_bytes: 0,
        succeeded: None,
        warnings: 0,
        created_at: Timestamp::now(),
        started_at: None,
        finished_at: None,
        canceled_at: None,
        logs: Vec::new(),
    });
    uuid
}

/// A backup that ended some time ago.
pub fn add_finished(
    shared: &Shared,
    app: &str,
    dump: &Path,
    age: Duration,
    outcome: Outcome,
) -> u64 {
    let mut world = shared.world();
    let object = Object::of(dump, "");
    let vars = &world.app(app).expect("an app of the stand-in").config_vars;
    let url = vars.get("DATABASE_URL").cloned().unwrap_or_default();
    let uuid = enter(&mut world, app, "DATABASE", &url);
    let transfer = world.transfer_mut(app, &uuid).expect("just entered");
    let moment = Timestamp::now() - age;
    transfer.created_at = moment - Duration::from_secs(60);
    transfer.started_at = Some(moment - Duration::from_secs(50));
    transfer.source_bytes = object.length * 5;
    transfer.processed_bytes = object.length;
    end(transfer, outcome, moment);
    let num = transfer.num;
    world.objects.insert(uuid.clone(), Object::of(dump, &uuid));
    num
}

/// Starts a backup of an add-on's database and gives the transfer's UUID. It continues by itself.
pub fn start(shared: &Arc<Shared>, addon_id: &str) -> Option<String> {
    let mut world = shared.world();
    let addon = world.addon(addon_id)?;
    let (addon_id, app_id) = (addon.id.clone(), addon.app_id.clone());
    let url = addon.url.clone()?;
    let attachment = world.attachments.iter().find(|one| one.addon_id == addon_id);
    let from_name = attachment.map(|one| one.name.clone()).unwrap_or_default();
    let uuid = enter(&mut world, &app_id, &from_name, &url);
    let plan = world.capture_plan.clone();
    tokio::spawn(run(Arc::clone(shared), app_id, uuid.clone(), url, plan));
    Some(uuid)
}

async fn run(shared: Arc<Shared>, app: String, uuid: String, url: String, plan: CapturePlan) {
    tokio::time::sleep(plan.pending).await;
    let started = with(&shared, &app, &uuid, |transfer| {
        transfer.started_at = Some(Timestamp::now());
        transfer.log("Starting backup");
    });
    if !started {
        return;
    }
    let target = shared.folder.path().join(format!("{uuid}.dump"));
    let dumped = match &plan.dump {
        Some(dump) => tokio::fs::copy(dump, &target).await.map(|_| ()).map_err(|e| e.to_string()),
        None => pg_dump(&shared.options.pg_dump, &url, &target).await,
    };
    let length = std::fs::metadata(&target).map(|file| file.len()).unwrap_or(0);
    with(&shared, &app, &uuid, |transfer| {
        transfer.source_bytes = length * 5;
        transfer.processed_bytes = length / 2;
    });
    tokio::time::sleep(plan.running).await;
    let outcome = if dumped.is_ok() { plan.outcome } else { Outcome::Failed };
    let ended = with(&shared, &app, &uuid, |transfer| {
        transfer.processed_bytes = length;
        if let Err(message) = &dumped {
            message.lines().for_each(|line| transfer.log(line));
        }
        end(transfer, outcome, Timestamp::now());
    });
    if ended && matches!(outcome, Outcome::Completed { .. }) {
        shared.world().objects.insert(uuid.clone(), Object::of(&target, &uuid));
    }
}

/// Changes a transfer unless it has ended, for example because it was cancelled.
pub fn with(shared: &Shared, app: &str, uuid: &str, change: impl FnOnce(&mut Transfer)) -> bool {
    let mut world = shared.world();
    match world.transfer_mut(app, uuid) {
        Some(transfer) if transfer.finished_at.is_none() => {
            change(transfer);
            true
        }
        _ => false,
    }
}

pub fn end(transfer: &mut Transfer, outcome: Outcome, moment: Timestamp) {
    transfer.finished_at = Some(moment);
    transfer.succeeded = Some(matches!(outcome, Outcome::Completed { .. }));
    match outcome {
        Outcome::Completed { warnings } => {
            transfer.warnings = warnings;
            transfer.log(&format!("{} completed", transfer.word()));
        }
        Outcome::Failed => transfer.log(&format!("{} failed", transfer.word())),
        Outcome::Canceled => transfer.canceled_at = Some(moment),
    }
}

async fn pg_dump(program: &PathBuf, url: &str, target: &Path) -> Result<(), String> {
    let output = Command::new(program)
        // Heroku's backups name the schema of the extensions and do not create it.
        .args(["--exclude-schema=heroku_ext", "--format=custom", "--no-owner"])
        .args(["--no-privileges", "--file"])
        .arg(target)
        .arg(url)
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|error| format!("pg_dump could not be run: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).into_owned())
}
