//! Loads the backup for `--restore-via stream`: it streams through bcops into staging's emptied
//! database, and each row is scrubbed and audited before it is sent.

use async_trait::async_trait;
use serde_json::json;

use crate::reset::values::{LOADED, Loaded};
use crate::reset::world::Reset;
use crate::restore::in_place::{self, InPlaceOptions};
use crate::restore::{Contents, OpenBackup, Prepared, Unbuilt, save_unbuilt};
use crate::runbook::{Effect, Evidence, Outcome, Step, StepContext, StepResult, Table};
use crate::words;

use super::{POLICY, dropped_members};

/// The step. It empties again what a killed attempt has left.
pub struct Load;

/// Finds every problem of the backup or the manifest, before the database is touched.
async fn prepare(world: &Reset) -> StepResult<Prepared> {
    let owner = &world.source.database.billing_app.name;
    let backup = world.check_backup_of_plan(owner).await?;
    let opened = OpenBackup::download(&world.heroku, owner, backup.num).await?;
    let contents = Contents::read(opened).await?;
    Ok(Prepared::scrubbed(contents, &world.manifest, POLICY)?)
}

async fn load(world: &Reset, context: &StepContext) -> StepResult<in_place::Loaded> {
    let prepared = prepare(world).await?;
    world.refuse_beside_others().await?;
    world.heroku.reset_database(&world.destination.database, &[]).await?;
    let options = InPlaceOptions::default();
    let reporter = context.reporter();
    Ok(in_place::load(&world.destination.url, prepared, &options, &reporter).await?)
}

/// Reports indices that could not be built. The data is complete without them, and the statements
/// are saved to be run by hand.
fn report_unbuilt(world: &Reset, context: &StepContext, unbuilt: &[Unbuilt]) {
    for one in unbuilt {
        context.note(format!("not built: {}: {}", one.entry, one.cause));
    }
    let Reset { sides, .. } = world;
    let folder = &sides.settings.state_directory.value;
    match save_unbuilt(folder, sides.app_name(), unbuilt) {
        Ok(None) => {}
        Ok(Some(path)) => context.note(format!(
            "the statements that failed are in {}; run them with psql",
            path.display()
        )),
        Err(error) => context.note(format!("cannot save the statements that failed: {error}")),
    }
}

#[async_trait]
impl Step<Reset> for Load {
    fn describe(&self, world: &Reset) -> String {
        let (source, app) = (&world.source, &world.destination.app);
        format!(
            "Load backup {} of {} into {}, scrubbed on the way",
            world.answers.backup.name,
            source.app.value,
            app.name()
        )
    }

    fn effects(&self, world: &Reset) -> Vec<Effect> {
        let database = &world.destination.database.attachment().addon_name;
        vec![Effect::new(format!("{database} is emptied and loaded again; every row is replaced"))]
    }

    async fn act(&self, world: &Reset, context: &StepContext) -> StepResult<Outcome> {
        // The backup belongs to the source, so its hints name the source.
        let source = world.source.named();
        let load =
            async { load(world, context).await.map_err(|error| error.in_environment(&source)) };
        let loading = world.in_quiet(context, load);
        let loaded = context.wait_for("nothing; the next attempt starts again", loading).await?;
        let mut table = Table::new("Rows by table", &["table", "rule", "rows now"]);
        for one in &loaded.tables {
            let name = one.report.table.to_string();
            let rows = loaded.rows.0.get(&name).copied();
            table = table.row(vec![json!(name), json!(one.rule), json!(rows)]);
        }
        let members = dropped_members(&loaded.dropped_members);
        for note in &loaded.notes {
            context.note(note.clone());
        }
        report_unbuilt(world, context, &loaded.unbuilt);
        let (tables, rows) = (loaded.tables.len() as u64, loaded.rows.total());
        let value = Loaded { tables, rows, by_table: loaded.rows };
        context.put(&LOADED, &value)?;
        let summary = format!(
            "Loaded {} into {} ({})",
            words::plural(rows, "row"),
            words::plural(tables, "table"),
            words::bytes(loaded.archive_bytes)
        );
        Ok(Outcome::Done(
            Evidence::of(summary)
                .fact("tables loaded", tables)
                .fact("rows loaded", rows)
                .table(table)
                .table(members),
        ))
    }

    async fn verify(&self, _world: &Reset, _context: &StepContext) -> StepResult<Evidence> {
        // The step `verify` checks the database in its own session.
        Ok(Evidence::new())
    }
}
