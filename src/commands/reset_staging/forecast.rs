//! Shows before anything is decided what a reset will come to: merges, migrations, media that stay
//! behind, maintenance, and how long it takes.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::adapters::git::OnConflict;
use crate::commands::Context;
use crate::events::{Event, Reporter};
use crate::failure::CommandError;
use crate::reset::{
    MediaNumbers, NotCopied, Preview, Reset, Stage, Survey, media_left_behind, media_numbers,
};
use crate::runbook::{Estimate, Plan, Size, estimate};
use crate::words;

use super::{COMMAND, runs};

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

    /// What has to be known stands last, directly above the question.
    pub fn write(&self, text: &mut String, world: &Reset, survey: &Survey) -> std::fmt::Result {
        writeln!(text)?;
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
        // That it is on stands with the question whether to open staging at the end.
        if survey.maintenance.is_none() {
            writeln!(text, "now         whether maintenance is on is not known")?;
        }
        if let Some(estimate) = &self.estimate {
            writeln!(text, "time        {}", estimate.in_words())?;
        }
        writeln!(text)
    }

    /// The same for programs.
    pub fn document(&self, world: &Reset, survey: &Survey) -> Value {
        let merging = self.merging.as_ref();
        let conflicts = merging.map(|found| {
            let one = |one: &crate::reset::InConflict| {
                json!({ "branch": one.branch, "files": one.files })
            };
            found.conflicts.iter().map(one).collect::<Vec<_>>()
        });
        let in_no_branch: Vec<Value> = survey
            .inventory
            .unaccounted
            .iter()
            .map(|one| {
                let commit = one.commit.to_string();
                json!({ "commit": commit, "author": one.author, "subject": one.subject })
            })
            .collect();
        let superusers = survey
            .accounts
            .as_ref()
            .map(|accounts| accounts.iter().filter(|one| one.is_superuser).count());
        let not_copied: Vec<Value> = self
            .not_copied
            .iter()
            .map(|one| json!({ "folder": one.folder, "objects": one.objects }))
            .collect();
        json!({
            "merged": merging.map(|found| &found.merged),
            "already_there": merging.map(|found| &found.already_there),
            "conflicts": conflicts,
            "migrations": merging.map(|found| json!({
                "sound": found.migrations.is_sound(),
                "read": found.migrations.migrations,
                "problems": problems(found),
            })),
            "in_no_branch": in_no_branch,
            "superusers_on_staging_only": superusers,
            "superusers_put_back": superusers_put_back(world, survey),
            "not_copied": not_copied,
            "maintenance": survey.maintenance,
            "estimate": self.estimate,
        })
    }
}

/// What the sizes of earlier runs are compared with.
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
        writeln!(text, "merge       on {} already: {already}", branches.master)?;
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
                    "            the run stops there; --on-conflict skip merges without {names}"
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
            "            the run stops there; on one of the branches: python manage.py makemigrations --merge"
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
