//! `--restore-via stream`: the backup streams through bcops into staging's emptied database, each
//! row scrubbed and audited before it is sent.

use std::sync::Arc;

use serde_json::json;

use crate::reset::values::{LOADED, Loaded};
use crate::reset::world::{Surroundings, World};
use crate::restore::in_place::{self, InPlaceOptions};
use crate::restore::{Contents, OpenBackup, Prepared, Unbuilt, save_unbuilt};
use crate::runbook::{
    Effect, Evidence, Outcome, Probe, Step, StepContext, StepFuture, StepKind, StepResult, Table,
    UndoWay,
};
use crate::words;

use super::{POLICY, STAGE, dropped_members};

pub struct Load(pub Arc<World>);

impl Load {
    /// Everything that can be wrong with the backup or the manifest is found out here, before the
    /// database is touched.
    async fn prepare(&self) -> StepResult<Prepared> {
        let world = &*self.0;
        let owner = &world.source_database.billing_app.name;
        let backup = world.check_backup_of_plan(owner).await?;
        let opened = OpenBackup::download(&world.heroku, owner, backup.num).await?;
        let contents = Contents::read(opened).await?;
        Ok(Prepared::scrubbed(contents, &world.manifest, POLICY)?)
    }

    async fn load(&self, context: &StepContext) -> StepResult<in_place::Loaded> {
        let world = &*self.0;
        let prepared = self.prepare().await?;
        world.refuse_beside_others().await?;
        world.heroku.reset_database(&world.database, &[]).await?;
        let options = InPlaceOptions::default();
        let reporter = context.reporter();
        Ok(in_place::load(&world.destination_url, prepared, &options, &reporter).await?)
    }

    /// A database that lacks an index is whole. The statements are kept to be run by hand.
    fn report_unbuilt(&self, context: &StepContext, unbuilt: &[Unbuilt]) {
        for one in unbuilt {
            context.note(format!("not built: {}: {}", one.entry, one.cause));
        }
        let World { surroundings, .. } = &*self.0;
        let folder = &surroundings.settings.state_directory.value;
        match save_unbuilt(folder, surroundings.app.name(), unbuilt) {
            Ok(None) => {}
            Ok(Some(path)) => context.note(format!(
                "the statements that failed are in {}; run them with psql",
                path.display()
            )),
            Err(error) => context.note(format!("cannot keep the statements that failed: {error}")),
        }
    }
}

impl Step for Load {
    fn id(&self) -> &'static str {
        "load"
    }

    fn stage(&self) -> &'static str {
        STAGE
    }

    fn kind(&self) -> StepKind {
        StepKind::Destructive
    }

    fn describe(&self) -> String {
        let World { surroundings, choices } = &*self.0;
        let Surroundings { source, app, .. } = surroundings;
        format!(
            "Load backup {} of {} into {}, scrubbed on the way",
            choices.backup,
            source.app.value,
            app.name()
        )
    }

    fn effects(&self) -> Vec<Effect> {
        let database = &self.0.database.attachment().addon_name;
        vec![Effect::new(format!("{database} is emptied and filled anew; every row is replaced"))]
    }

    fn probe<'a>(&'a self, _context: &'a StepContext) -> StepFuture<'a, Probe> {
        // What an attempt that was killed has left is emptied again.
        Box::pin(async { Ok(Probe::CannotTell) })
    }

    fn act<'a>(&'a self, context: &'a StepContext) -> StepFuture<'a, Outcome> {
        Box::pin(async move {
            // The backup is the source's, so the hints about it name the source.
            let source = self.0.source.named();
            let load =
                async { self.load(context).await.map_err(|error| error.in_environment(&source)) };
            let loading = self.0.in_quiet(context, load);
            let loaded = context.wait_for("nothing: the next attempt begins anew", loading).await?;
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
            self.report_unbuilt(context, &loaded.unbuilt);
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
        })
    }

    fn verify<'a>(&'a self, _context: &'a StepContext) -> StepFuture<'a, Evidence> {
        // The step `verify` looks at what is there with a session of its own.
        Box::pin(async { Ok(Evidence::new()) })
    }

    fn undo_way(&self) -> UndoWay {
        UndoWay::Own
    }

    fn undo<'a>(&'a self, context: &'a StepContext) -> StepFuture<'a, Evidence> {
        Box::pin(self.0.put_back(context, "load"))
    }

    fn verify_undo<'a>(&'a self, context: &'a StepContext) -> StepFuture<'a, Evidence> {
        Box::pin(async move { self.0.verify_put_back(context) })
    }

    fn undo_hint(&self, context: &StepContext) -> Option<String> {
        self.0.put_back_hint(context)
    }
}
