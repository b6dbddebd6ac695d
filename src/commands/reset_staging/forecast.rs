//! Forecasts a reset before anything is decided: merges, migrations, media that are not copied,
//! maintenance, and how long it takes.

use std::fmt::Write;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::adapters::git::OnConflict;
use crate::commands::Context;
use crate::events::{Event, Reporter};
use crate::failure::CommandError;
use crate::reset::{
    InConflict, MediaNumbers, NotCopied, Preview, Reset, Stage, Survey, media_left_behind,
    media_numbers,
};
use crate::runbook::{Estimate, Plan, Size, estimate};
use crate::words;

use super::{COMMAND, runs};

/// The forecast of a reset.
#[derive(Serialize, JsonSchema)]
pub struct ForecastDocument<'a> {
    /// Branches that merge. `null` without the stage git, and so are the next three fields.
    merged: Option<&'a [String]>,
    /// Branches whose commits are all on master.
    already_there: Option<&'a [String]>,
    /// Branches that do not merge.
    conflicts: Option<&'a [InConflict]>,
    /// In the tree without the branches in conflict.
    migrations: Option<MigrationsDocument>,
    /// Commits that are on staging and in no branch.
    in_no_branch: Vec<LostCommit<'a>>,
    superusers_on_staging_only: Option<usize>,
    superusers_put_back: u64,
    /// Folders of media that are not copied.
    not_copied: &'a [NotCopied],
    /// Whether staging is in maintenance now. `null` where Heroku did not report it.
    maintenance: Option<bool>,
    /// How long it takes, according to earlier runs.
    #[schemars(with = "Value")]
    estimate: Option<&'a Estimate>,
}

#[derive(Serialize, JsonSchema)]
struct MigrationsDocument {
    sound: bool,
    /// How many were read.
    read: usize,
    problems: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
struct LostCommit<'a> {
    commit: String,
    author: &'a str,
    subject: &'a str,
}

pub struct Forecast {
    pub media: Option<MediaNumbers>,
    merging: Option<Preview>,
    not_copied: Vec<NotCopied>,
    estimate: Option<Estimate>,
}

impl Forecast {
    /// # Errors
    /// Where the media cannot be compared.
    pub async fn of(
        context: &Context,
        world: &std::sync::Arc<Reset>,
        plan: &Plan,
        survey: &Survey,
        merging: Option<Preview>,
    ) -> Result<Forecast, CommandError> {
        let media = match world.answers.leaves_out(Stage::Media) {
            false => media_numbers(world).await?,
            true => None,
        };
        let not_copied = media_left_behind(world).await.unwrap_or_else(|error| {
            let text = format!("cannot count the media that are not copied: {error}");
            context.ui.emit(Event::Warning(text));
            Vec::new()
        });
        let sizes = sizes(survey, media);
        let estimate = estimate(&runs(context), COMMAND, &plan.target, &plan.steps, &sizes);
        Ok(Forecast { media, merging, not_copied, estimate })
    }

    /// Adds the lines of the plan.
    pub fn write(&self, text: &mut String, world: &Reset, survey: &Survey) -> std::fmt::Result {
        if let Some(merging) = &self.merging {
            write_merging(text, merging, world)?;
        }
        for one in &self.not_copied {
            let objects = words::plural(one.objects, "object");
            writeln!(text, "not copied  {} ({objects} in the source)", one.folder)?;
        }
        let put_back = superusers_put_back(world, survey);
        if put_back > 0 {
            writeln!(text, "put back    {}", words::plural(put_back, "superuser"))?;
        }
        // Maintenance that is on has its own lines, with the question whether to open staging.
        if survey.maintenance.is_none() {
            writeln!(text, "now         unknown: whether maintenance is on")?;
        }
        if let Some(estimate) = &self.estimate {
            writeln!(text, "time        {}", estimate.in_words())?;
        }
        Ok(())
    }

    /// How long the run takes, where earlier runs show it for every step.
    pub fn expected(&self) -> Option<Duration> {
        let known = self.estimate.as_ref().filter(|estimate| estimate.unknown_steps.is_empty())?;
        Duration::try_from_secs_f64(known.seconds).ok()
    }

    /// The forecast for programs.
    pub fn document<'a>(&'a self, world: &Reset, survey: &'a Survey) -> ForecastDocument<'a> {
        let merging = self.merging.as_ref();
        let superusers = survey.accounts.as_ref();
        let lost = survey.inventory.unaccounted.iter().map(|one| LostCommit {
            commit: one.commit.to_string(),
            author: &one.author,
            subject: &one.subject,
        });
        ForecastDocument {
            merged: merging.map(|found| found.merged.as_slice()),
            already_there: merging.map(|found| found.already_there.as_slice()),
            conflicts: merging.map(|found| found.conflicts.as_slice()),
            migrations: merging.map(MigrationsDocument::from),
            in_no_branch: lost.collect(),
            superusers_on_staging_only: superusers
                .map(|accounts| accounts.iter().filter(|one| one.is_superuser).count()),
            superusers_put_back: superusers_put_back(world, survey),
            not_copied: &self.not_copied,
            maintenance: survey.maintenance,
            estimate: self.estimate.as_ref(),
        }
    }
}

impl From<&Preview> for MigrationsDocument {
    fn from(found: &Preview) -> Self {
        let (sound, read) = (found.migrations.is_sound(), found.migrations.migrations);
        MigrationsDocument { sound, read, problems: problems(found) }
    }
}

/// The sizes of this run, to compare with those of earlier runs.
fn sizes(survey: &Survey, media: Option<MediaNumbers>) -> Vec<Size> {
    let mut sizes = Vec::new();
    if let Some(now) = survey.backup.processed_bytes {
        let (measured_by, fact) = ("choose-backup", "bytes of that backup");
        sizes.extend(["load", "restore"].map(|step| Size { step, measured_by, fact, now }));
    }
    if let Some(media) = media {
        let (step, fact) = ("copy-media", "bytes copied");
        sizes.push(Size { step, measured_by: step, fact, now: media.bytes });
    }
    sizes
}

fn write_merging(text: &mut String, merging: &Preview, world: &Reset) -> std::fmt::Result {
    if !merging.already_there.is_empty() {
        let branches = &world.branches;
        let already = merging.already_there.join(", ");
        writeln!(text, "merge       already on {}: {already}", branches.master)?;
    }
    for one in &merging.conflicts {
        for file in &one.files {
            writeln!(text, "conflict    {file}")?;
        }
    }
    if !merging.conflicts.is_empty() {
        let names: Vec<&str> = merging.conflicts.iter().map(|one| one.branch.as_str()).collect();
        let names = names.join(", ");
        match world.answers.on_conflict {
            OnConflict::Skip => writeln!(text, "            without {names}")?,
            OnConflict::Stop => {
                writeln!(
                    text,
                    "            the run stops there; to merge without {names}: --on-conflict skip"
                )?;
            }
        }
    }
    let problems = problems(merging);
    for problem in &problems {
        writeln!(text, "migrations  {problem}")?;
    }
    if !merging.migrations.conflicts.is_empty() {
        writeln!(
            text,
            "            the run stops there; fix it on a branch: python manage.py makemigrations --merge"
        )?;
    } else if !problems.is_empty() {
        writeln!(text, "            the run stops there")?;
    }
    Ok(())
}

fn problems(merging: &Preview) -> Vec<String> {
    let report = &merging.migrations;
    let conflicts = report.conflicts.iter().map(ToString::to_string);
    let broken = report.broken.iter().map(ToString::to_string);
    conflicts.chain(broken).chain(report.unreadable.iter().map(ToString::to_string)).collect()
}

fn superusers_put_back(world: &Reset, survey: &Survey) -> u64 {
    let chosen = &world.answers.recreate_users;
    let is_chosen = |account: &&crate::reset::accounts::Account| {
        account.is_superuser
            && (chosen.contains(&account.username) || chosen.contains(&account.email))
    };
    survey.accounts.as_ref().map_or(0, |all| all.iter().filter(is_chosen).count()) as u64
}
