//! Lists the steps of a reset: their order, which standing steps they need, and how each is put
//! back.

use std::sync::Arc;

use crate::runbook::{
    Runbook, RunbookError, UndoWay, additive, check, destructive, manual, reversible, wait,
};

use super::answers::RestoreVia;
use super::cleanup::{Cache, FrontEndCache, Makemigrations, Search, Sites};
use super::comms::{Messages, Pipeline};
use super::database::{
    ChooseBackup, Load, Migrate, RecreateUsers, Restore, Scrub, StagingsBackup, Verify,
};
use super::git::{Deploy, KeepTip, Merge, Migrations, Push, Release};
use super::media::{CopyMedia, Renditions, why_nothing_is_copied};
use super::preflight::{AccountsHere, Agreement, Backup, BranchesHere, ContentHere, StateBefore};
use super::quarantine::{Dynos, Maintenance, Open, quiet};
use super::stage::Stage::{self, Cleanup, Comms, Database, Git, Media, Preflight, Quarantine};
use super::values::{
    ANSWERED_BEFORE, BACKUP, CLOSED_BEFORE, DOWN_BEFORE, FORMATION_AT_DEPLOY, FORMATION_BEFORE,
    MAINTENANCE_BEFORE, MERGED, MERGED_AT, PRESENT_BACKUP, RELEASE, RELEASE_AT_START,
    RELEASE_BEFORE, RELEASE_FAILED, SITES_BEFORE, SITES_OF_SOURCE, TAKEN_OVER, TIP_GIVEN_UP,
};
use super::world::Reset;

/// The values that another machine needs to roll a run back. None of them names a person.
const SHARED: [&str; 18] = [
    BACKUP.name(),
    MERGED.name(),
    MERGED_AT.name(),
    RELEASE_AT_START.name(),
    RELEASE_BEFORE.name(),
    RELEASE.name(),
    RELEASE_FAILED.name(),
    MAINTENANCE_BEFORE.name(),
    FORMATION_BEFORE.name(),
    FORMATION_AT_DEPLOY.name(),
    DOWN_BEFORE.name(),
    SITES_BEFORE.name(),
    SITES_OF_SOURCE.name(),
    PRESENT_BACKUP.name(),
    TAKEN_OVER.name(),
    CLOSED_BEFORE.name(),
    ANSWERED_BEFORE.name(),
    TIP_GIVEN_UP.name(),
];

/// Whether a step may give the database another identity in its server.
pub fn replaces_database(step: &str) -> bool {
    matches!(step, "load" | "restore")
}

/// The steps of a reset. They depend on how the backup comes to staging.
pub fn runbook(world: &Arc<Reset>) -> Result<Runbook<Reset>, RunbookError> {
    let ways = Ways::of(world);
    let filled_by = ways.filled_by;
    let mut runbook = Runbook::of(world.clone())
        .step(manual("agreement", Preflight, Agreement))
        .step(check("content", Preflight, ContentHere))
        .step(check("accounts", Preflight, AccountsHere))
        .step(check("branches", Preflight, BranchesHere))
        .step(check("state-before", Preflight, StateBefore))
        .step(wait("backup", Preflight, Backup))
        .step(additive("keep-tip", Git, KeepTip))
        .step(check("merge", Git, Merge))
        .step(check("migrations", Git, Migrations))
        .step(reversible("push", Git, Push).undone_by(Push))
        .step(reversible("deploy", Git, Deploy).undone_by(Deploy))
        // This step may have to build the tip again.
        .step(reversible("release", Git, Release).undone_with("deploy"))
        .step(
            reversible("maintenance", Quarantine, Maintenance)
                .stands_until("open")
                .undone_by(Maintenance),
        )
        .step(reversible("dynos", Quarantine, Dynos).stands_until("open").undone_by(Dynos))
        .step(quiet(check("choose-backup", Database, ChooseBackup)));
    runbook = match world.answers.restore_via {
        RestoreVia::Stream => {
            runbook.step(destructive("load", Database, Load).undone_by(StagingsBackup))
        }
        RestoreVia::Heroku => runbook
            .step(destructive("restore", Database, Restore).undone_by(StagingsBackup))
            .step(destructive("scrub", Database, Scrub).undone_with("restore")),
    };
    runbook = runbook
        .step(quiet(check("verify", Database, Verify)))
        .step(quiet(reversible("migrate", Database, Migrate).undone_with(filled_by)))
        .step(quiet(reversible("recreate-users", Database, RecreateUsers).undone_with(filled_by)))
        .step(quiet(destructive("copy-media", Media, CopyMedia).undone(ways.media)))
        .step(quiet(reversible("renditions", Media, Renditions).undone(ways.renditions)))
        .step(quiet(reversible("sites", ways.stage_of_sites, Sites).undone(ways.sites)))
        // The two caches and the index fill again from the present content.
        .step(quiet(reversible("cache", Cleanup, Cache).undone(UndoWay::Nothing)))
        .step(quiet(reversible("search", Cleanup, Search).undone(UndoWay::Nothing)))
        .step(quiet(reversible("front-end-cache", Cleanup, FrontEndCache).undone(UndoWay::Nothing)))
        .step(quiet(check("makemigrations", Cleanup, Makemigrations)))
        // Putting back the quarantine's steps restores the earlier state.
        .step(reversible("open", Quarantine, Open).undone_with("dynos"))
        .step(check("pipeline", Comms, Pipeline))
        .step(manual("messages", Comms, Messages));
    for stage in &world.answers.skip {
        runbook = runbook.leave_out(stage.name());
    }
    runbook
        .bracket(Database, Quarantine)
        // The public must not see new code with the old database.
        .put_back_behind("deploy", Quarantine)
        // The release phase of new code migrates the old database.
        .put_back_also_after(filled_by, "deploy")
        .shares(&SHARED)
        .build()
}

/// The parts of the list that depend on the answers.
struct Ways {
    /// The step that fills the database, and whose undo restores all of it.
    filled_by: &'static str,
    media: UndoWay<Reset>,
    renditions: UndoWay<Reset>,
    sites: UndoWay<Reset>,
    stage_of_sites: Stage,
}

impl Ways {
    fn of(world: &Reset) -> Ways {
        let filled_by = match world.answers.restore_via {
            RestoreVia::Stream => "load",
            RestoreVia::Heroku => "restore",
        };
        let leaves_out = |stage: Stage| world.answers.leaves_out(stage);
        let with_the_database = |otherwise| match leaves_out(Database) {
            false => UndoWay::With(filled_by),
            true => UndoWay::Impossible(otherwise),
        };
        Ways {
            filled_by,
            media: match why_nothing_is_copied(world) {
                Some(_) => UndoWay::Nothing,
                // A rollback restores staging's own code, data and quarantine. The media are copies
                // of the source's, and a page with a missing image shows a gap.
                None => UndoWay::Stays("staging's bucket keeps the source's media"),
            },
            renditions: with_the_database("the deleted rows cannot be put back"),
            sites: with_the_database("only staging's backup has the old host names"),
            // If the clean-up is skipped, the Site records belong to the database stage, which
            // brings production's host names. Staging must not open under these names.
            stage_of_sites: match leaves_out(Cleanup) && !leaves_out(Database) {
                true => Database,
                false => Cleanup,
            },
        }
    }
}
