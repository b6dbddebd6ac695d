//! Writes the two messages. They state what this run did, observed and skipped.

use crate::plain_text;
use crate::reset::answers::{MediaChoice, RestoreVia};
use crate::reset::git::short;
use crate::reset::sites_answer::Opened;
use crate::reset::values::{
    ACCOUNTS_BACK, BACKUP, LOADED, MAINTENANCE_BEFORE, MEDIA_COPIED, MERGED, Merged, OPENED,
    RELEASE, SEARCH_UNCOUNTED,
};
use crate::reset::world::Reset;
use crate::runbook::history::Phase;
use crate::runbook::{StepContext, StepResult};
use crate::words;

/// Steps whose warnings colleagues have to know. Warnings about accounts are not among them,
/// because they name people.
const CONCERN_COLLEAGUES: [&str; 10] = [
    "release",
    "copy-media",
    "renditions",
    "sites",
    "cache",
    "search",
    "front-end-cache",
    "makemigrations",
    "open",
    "pipeline",
];
const MOST_WARNINGS: usize = 8;
const LONGEST_WARNING: usize = 300;

/// The two texts.
pub struct Texts {
    pub colleagues: String,
    pub client: String,
}

/// Which media the run copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Media {
    Nothing,
    Originals,
    All,
}

/// What this run did, according to its journal.
struct Done<'a> {
    world: &'a Reset,
    context: &'a StepContext,
    merged: Option<Merged>,
    /// Whether the rows come from the source and were audited.
    data: bool,
    media: Media,
    /// Whether all media were copied without a warning.
    media_is_whole: bool,
    search_is_old: bool,
    /// `None` if the run neither closed nor opened staging.
    opened: Option<Opened>,
    accounts_back: u64,
}

impl Texts {
    pub fn of(world: &Reset, context: &StepContext) -> StepResult<Texts> {
        let done = Done::of(world, context)?;
        Ok(Texts { colleagues: done.colleagues()?, client: done.client()? })
    }
}

impl<'a> Done<'a> {
    fn of(world: &'a Reset, context: &'a StepContext) -> StepResult<Done<'a>> {
        let is_finished = |step: &str| context.step(step).is_finished();
        let media = match (is_finished("copy-media"), world.answers.media) {
            (true, MediaChoice::Originals) => Media::Originals,
            (true, MediaChoice::All) => Media::All,
            _ => Media::Nothing,
        };
        let data = is_finished("verify");
        let search = context.step("search");
        let has_no_search = matches!(search.phase, Phase::Skipped { .. });
        Ok(Done {
            world,
            context,
            merged: context.get(&MERGED)?,
            data,
            media,
            media_is_whole: context.step("copy-media").warnings.is_empty(),
            search_is_old: data
                && !has_no_search
                && (!search.is_finished() || context.get(&SEARCH_UNCOUNTED)?.unwrap_or(0) > 0),
            opened: opened(context)?,
            accounts_back: context.get(&ACCOUNTS_BACK)?.unwrap_or(0),
        })
    }

    fn stays_closed(&self) -> bool {
        self.opened.as_ref().is_some_and(|opened| !opened.open)
    }

    fn colleagues(&self) -> StepResult<String> {
        let (world, context) = (self.world, self.context);
        let destination = &world.destination.name;
        let (app, branches) = (world.app_name(), &world.branches);
        let mut text = format!("*{}.*\n", self.headline());
        let mut line = |text_of_line: String| push(&mut text, &text_of_line);
        if self.stays_closed() {
            line(format!(
                "{destination} is still closed: `heroku maintenance:off --app {app}` opens it"
            ));
        }
        if let Some(merged) = &self.merged {
            let what = match merged.merged.as_slice() {
                [] => branches.master.clone(),
                names => format!("{} with {}", branches.master, names.join(", ")),
            };
            line(format!("`{}` is {what} ({})", branches.staging, short(merged.tip)));
            if !merged.left_out.is_empty() {
                line(format!("skipped because of conflicts: {}", merged.left_out.join(", ")));
            }
            line(format!(
                "your copy of the branch is out of date: `git fetch && git checkout {0} && git reset --hard origin/{0}`",
                branches.staging
            ));
        }
        if let Some(release) = context.get(&RELEASE)? {
            line(format!("{app} runs release v{}", release.version));
        }
        if self.data {
            line(self.data_in_words()?);
        }
        match (self.media, context.get(&MEDIA_COPIED)?) {
            (Media::Nothing, _) | (_, None) => line("media were not copied".to_owned()),
            (media, Some((objects, bytes))) => {
                let what = match media {
                    Media::All => "media",
                    _ => "original images",
                };
                let (objects, bytes) = (words::plural(objects, "object"), words::bytes(bytes));
                line(format!("{what}: {objects} copied ({bytes})"));
                if media == Media::Originals {
                    line("documents were not copied: some may be missing".to_owned());
                }
            }
        }
        if self.accounts_back > 0 {
            let accounts = words::plural(self.accounts_back, "account");
            line(format!("put back {accounts} that existed only on {destination}"));
        }
        if !world.answers.skip.is_empty() {
            let stages = world.answers.skip.iter().map(|stage| stage.name());
            line(format!("skipped: {}", stages.collect::<Vec<_>>().join(", ")));
        }
        self.warnings().into_iter().for_each(&mut line);
        if let Some(backup) = context.get(&BACKUP)? {
            let run = context.run();
            line(format!(
                "backup {} has the old database; `bcops runs rollback {run}` puts the old state \
                 back",
                backup.name
            ));
        }
        Ok(text)
    }

    fn headline(&self) -> String {
        let (source, destination) = (&self.world.source.name, &self.world.destination.name);
        let parts: Vec<&str> = [
            ("code", self.merged.is_some()),
            ("data", self.data),
            ("media", self.media != Media::Nothing),
        ]
        .into_iter()
        .filter_map(|(part, done)| done.then_some(part))
        .collect();
        match parts.as_slice() {
            [] => format!("{destination} was checked, and nothing was reset"),
            _ if self.merged.is_some() && self.data => {
                format!("{destination} was reset from {source}")
            }
            parts => format!("{} of {destination} reset from {source}", parts.join(" and ")),
        }
    }

    /// The warnings of this run that concern colleagues. A warning that may contain an e-mail
    /// address appears only in the report.
    fn warnings(&self) -> Vec<String> {
        let of_step = |step: &&str| self.context.step(step).warnings;
        let all: Vec<String> = CONCERN_COLLEAGUES
            .iter()
            .flat_map(of_step)
            .filter(|warning| !warning.contains('@'))
            .collect();
        let more = all.len().saturating_sub(MOST_WARNINGS);
        let short = |warning: String| warning.chars().take(LONGEST_WARNING).collect::<String>();
        let mut shown: Vec<String> = all
            .into_iter()
            .take(MOST_WARNINGS)
            .map(|warning| format!("warning: {}", short(warning)))
            .collect();
        if more > 0 {
            let warnings = words::plural(more as u64, "warning");
            shown.push(format!("{warnings} more: `bcops runs show {}`", self.context.run()));
        }
        shown
    }

    fn client(&self) -> StepResult<String> {
        let mut text = format!("Hello,\n\n{}\n", self.opening());
        if self.data || self.media != Media::Nothing {
            text.push_str("\nIn detail:\n\n");
        }
        if self.data {
            push(&mut text, &self.data_in_words()?);
            push(
                &mut text,
                "personal data that the public sent (forms, alerts, feedback) is not on the staging site",
            );
        }
        if let Some(media) = self.media_for_client() {
            push(&mut text, media);
        }
        if self.search_is_old {
            push(&mut text, "the search of the site may still find old content");
        }
        if let Some(merged) = self.merged.as_ref().filter(|merged| !merged.left_out.is_empty()) {
            let changes = words::plural(merged.left_out.len() as u64, "change");
            push(&mut text, &format!("{changes} in progress could not be included this time"));
        }
        if self.data {
            text.push_str(&self.losses()?);
        }
        Ok(text)
    }

    /// The first sentence. It claims no more than the run observed.
    fn opening(&self) -> String {
        let world = self.world;
        let site = world.destination.sites.first().map_or("the staging site", String::as_str);
        if !self.data {
            let code = match self.merged {
                Some(_) => "the staging site now runs the code of the live site.",
                None => "we have worked on the staging site.",
            };
            return format!("{code} Its content was not replaced.{}", self.closed_for_client());
        }
        let Some(opened) = self.opened.as_ref().filter(|opened| opened.open) else {
            let copied = "the content of the live site has been copied to the staging site.";
            return format!("{copied}{}", self.closed_for_client());
        };
        let is_site = |url: &String| url.trim_end_matches('/') == site.trim_end_matches('/');
        match opened.answering > 0 && !opened.unseen.iter().any(is_site) {
            true => format!(
                "the staging site has been brought up to date: {site} now shows the content of the live site."
            ),
            false => format!(
                "the staging site has been brought up to date. We could not see from here whether {site} answers."
            ),
        }
    }

    fn closed_for_client(&self) -> &'static str {
        match self.stays_closed() {
            true => " It is still closed to visitors.",
            false => "",
        }
    }

    fn media_for_client(&self) -> Option<&'static str> {
        Some(match (self.media, self.media_is_whole) {
            (Media::Originals, true) => {
                "images come from the live site; documents were not copied, and some may be missing"
            }
            (Media::All, true) => "images and documents come from the live site",
            (Media::Originals | Media::All, false) => {
                "images were copied, except for some that could not be read; some may be missing"
            }
            (Media::Nothing, _) if self.data => {
                "images and documents were not copied: some may be missing"
            }
            (Media::Nothing, _) => return None,
        })
    }

    fn losses(&self) -> StepResult<String> {
        let mut text =
            "\nContent that existed only on the staging site is no longer there.".to_owned();
        if self.context.get(&BACKUP)?.is_some() {
            text.push_str(" If you miss something, tell us soon: we have kept a backup.");
        }
        let source = &self.world.source.name;
        text.push_str(&format!(" Accounts and passwords are those of {source}"));
        match self.accounts_back {
            0 => text.push_str(".\n"),
            accounts => {
                let accounts = words::plural(accounts, "account");
                text.push_str(&format!(
                    ", and {accounts} that existed only on the staging site {} still there.\n",
                    if self.accounts_back == 1 { "is" } else { "are" }
                ));
            }
        }
        Ok(text)
    }

    fn data_in_words(&self) -> StepResult<String> {
        let answers = &self.world.answers;
        let how = match answers.restore_via {
            RestoreVia::Stream => "scrubbed on its way",
            RestoreVia::Heroku => "scrubbed after it was restored",
        };
        let rows = self.context.get(&LOADED)?.map_or_else(String::new, |loaded| {
            let (rows, tables) =
                (words::plural(loaded.rows, "row"), words::plural(loaded.tables, "table"));
            format!(", {rows} in {tables}")
        });
        let source = &self.world.source.name;
        Ok(format!(
            "the data is backup {} of {source}, {how} and audited{rows}",
            answers.backup.name
        ))
    }
}

/// What was observed when staging was opened. Journals of older versions do not have this value. In
/// those runs staging stayed closed only if it was closed before.
fn opened(context: &StepContext) -> StepResult<Option<Opened>> {
    if let Some(opened) = context.get(&OPENED)? {
        return Ok(Some(opened));
    }
    if !context.step("open").is_finished() {
        return Ok(None);
    }
    let open = !context.get(&MAINTENANCE_BEFORE)?.unwrap_or(false);
    Ok(Some(Opened { open, answering: u64::from(open), unseen: Vec::new() }))
}

/// Adds a line. Names of branches can contain line breaks, so the text is put on one line.
fn push(text: &mut String, line: &str) {
    text.push_str(&format!("- {}\n", plain_text::on_one_line(line)));
}
