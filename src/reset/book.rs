//! The runbook: which steps there are, in which order, and what stands around what.

use std::sync::Arc;

use crate::runbook::{BookError, Runbook};

use super::check::Check;
use super::choices::RestoreVia;
use super::cleanup::{Cache, FrontEndCache, Makemigrations, Search, Sites};
use super::comms::{Messages, Pipeline};
use super::database::{ChooseBackup, Load, Migrate, RecreateUsers, Restore, Scrub, Verify};
use super::git::{Deploy, KeepTip, Merge, Migrations, Push, Release};
use super::media::{CopyMedia, Renditions};
use super::preflight::{AccountsHere, Agreement, Backup, Before, BranchesHere, ContentHere};
use super::quarantine::{Dynos, Maintenance, Open, Quiet};
use super::values::{
    ANSWERED_BEFORE, BACKUP, CLOSED_BEFORE, DOWN_BEFORE, FORMATION_AT_DEPLOY, FORMATION_BEFORE,
    MAINTENANCE_BEFORE, MERGED, MERGED_AT, PRESENT_BACKUP, RELEASE, RELEASE_AT_START,
    RELEASE_BEFORE, RELEASE_FAILED, SITES_BEFORE, SITES_OF_SOURCE, TAKEN_OVER, TIP_GIVEN_UP,
};
use super::world::World;

/// The stages, in the order of the runbook.
pub const STAGES: [&str; 7] =
    ["preflight", "git", "quarantine", "database", "media", "cleanup", "comms"];

/// What another machine needs to put a run back. None of it names a person.
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

/// Whether a step may leave the database with another identity in its server.
pub fn replaces_database(step: &str) -> bool {
    matches!(step, "load" | "restore")
}

/// The steps of a reset. Which ones there are depends on how the backup comes to staging.
pub fn book(world: &Arc<World>) -> Result<Runbook, BookError> {
    let w = || world.clone();
    let via = world.choices.restore_via;
    let filled_by = match via {
        RestoreVia::Stream => "load",
        RestoreVia::Heroku => "restore",
    };
    let mut builder = Runbook::builder()
        .step(Agreement(w()))
        .step(Check(ContentHere(w())))
        .step(Check(AccountsHere(w())))
        .step(Check(BranchesHere(w())))
        .step(Check(Before(w())))
        .step(Backup(w()))
        .step(KeepTip(w()))
        .step(Check(Merge(w())))
        .step(Check(Migrations(w())))
        .step(Push(w()))
        .step(Deploy(w()))
        .step(Release(w()))
        .step(Maintenance(w()))
        .step(Dynos(w()))
        .step(quiet(world, Check(ChooseBackup(w()))));
    builder = match via {
        RestoreVia::Stream => builder.step(Load(w())),
        RestoreVia::Heroku => builder.step(Restore(w())).step(Scrub(w())),
    };
    builder = builder
        .step(quiet(world, Check(Verify(w()))))
        .step(quiet(world, Migrate { world: w(), undone_with: filled_by }))
        .step(quiet(world, RecreateUsers { world: w(), undone_with: filled_by }))
        .step(quiet(world, CopyMedia(w())))
        .step(quiet(world, Renditions { world: w(), undone_with: filled_by }))
        .step(quiet(world, Sites { world: w(), undone_with: filled_by }))
        .step(quiet(world, Cache(w())))
        .step(quiet(world, Search(w())))
        .step(quiet(world, FrontEndCache(w())))
        .step(quiet(world, Check(Makemigrations(w()))))
        .step(Open(w()))
        .step(Check(Pipeline(w())))
        .step(Messages(w()));
    for stage in &world.choices.skip {
        builder = builder.leave_out(stage.clone());
    }
    builder
        .bracket("database", "quarantine")
        // New code must not meet the public with the old database.
        .put_back_behind("deploy", "quarantine")
        // The release phase of new code migrates the old database.
        .put_back_also_after(filled_by, "deploy")
        .shares(&SHARED)
        .build()
}

/// A step between the dynos' end and their start. Those that fill the database watch by themselves, and
/// stop what an attempt that was killed left running as well.
fn quiet<S>(world: &Arc<World>, step: S) -> Quiet<S> {
    Quiet { world: world.clone(), step }
}
