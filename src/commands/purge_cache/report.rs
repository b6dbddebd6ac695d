//! Writes the plan and the result of a purge, for people and programs.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;

use crate::adapters::cloudflare::{Cloudflare, ItemKind};
use crate::adapters::json_api::ErrorKind;
use crate::caches::{BackendCache, CacheScope, Ending, Keys, Purged, Targets, Work};
use crate::commands::{Context, Outcome};
use crate::failure::{CommandError, FailureKind};
use crate::json;
use crate::private_folder;
use crate::settings::Environment;
use crate::words;

use crate::deployment::Zone;

/// How many of the remaining items are shown on the screen.
const SHOWN: usize = 10;

/// The plan of a purge, and after it the result.
#[derive(Serialize, JsonSchema)]
pub struct Report {
    environment: String,
    app: String,
    dry_run: bool,
    /// Cloudflare's zone, if something is purged from it.
    zone: Option<ZoneDocument>,
    /// How many items were asked for, by kind. Empty for a whole zone.
    asked: BTreeMap<ItemKind, u64>,
    /// Whether the whole zone is purged.
    everything: bool,
    #[serde(skip)]
    requests: u64,
    /// How many items were given more than once.
    repeated: u64,
    #[serde(skip)]
    unencrypted: u64,
    /// Django's cache, with `--backend`.
    backend: Option<Backend>,
    /// Absent before the purge.
    #[serde(flatten)]
    purged: Option<Purged>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Zone")]
struct ZoneDocument {
    id: String,
    /// `null` if it cannot be read.
    name: Option<String>,
    plan: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct Backend {
    /// `redis` or `table`.
    store: &'static str,
    place: String,
    part: CacheScope,
    /// How many keys the cache had before.
    found: u64,
    /// How many keys were cleared.
    cleared: Option<u64>,
    /// How many of the keys are sessions.
    sessions: u64,
}

impl Report {
    pub fn new(
        environment: &Environment,
        dry_run: bool,
        work: Option<&Work>,
        zone: Option<&Zone>,
    ) -> Report {
        let targets = match work {
            Some(Work::Some(targets)) => Some(targets),
            _ => None,
        };
        let everything = matches!(work, Some(Work::Everything));
        Report {
            environment: environment.name.clone(),
            app: environment.app.value.clone(),
            dry_run,
            zone: zone.map(|zone| {
                let plan = zone.front_end.zone.as_ref().ok().and_then(|zone| zone.plan.clone());
                let (id, label) = (zone.front_end.id.to_string(), zone.front_end.label());
                let name = (label != id).then(|| label.to_owned());
                ZoneDocument { id, name, plan }
            }),
            asked: targets.map(counts).unwrap_or_default(),
            everything,
            requests: targets.map_or(u64::from(everything), |targets| {
                targets.requests(zone.and_then(|zone| zone.front_end.plan()))
            }),
            repeated: targets.map_or(0, |targets| targets.repeated),
            unencrypted: targets.map_or(0, |targets| targets.unencrypted),
            backend: None,
            purged: None,
        }
    }

    pub fn backend(&mut self, cache: &BackendCache, part: CacheScope, found: Keys) {
        let (store, place) = (cache.kind(), cache.place());
        let Keys { keys: found, sessions } = found;
        self.backend = Some(Backend { store, place, part, found, cleared: None, sessions });
    }

    pub fn cleared(&mut self, cleared: Keys) {
        if let Some(backend) = &mut self.backend {
            backend.cleared = Some(cleared.keys);
            backend.sessions = cleared.sessions;
        }
    }

    pub fn purged(&mut self, purged: Purged) {
        self.purged = Some(purged);
    }

    /// From, to, and numbers.
    pub fn plan(&self) -> String {
        let mut lines = Vec::new();
        if let Some(backend) = &self.backend {
            lines.push(format!(
                "{} ({}) → {}: {} of {}",
                self.environment,
                self.app,
                backend.place,
                words::plural(backend.found, "key"),
                words(backend.part)
            ));
            if backend.sessions > 0 {
                lines.push(format!(
                    "{} of them are sessions: everyone who is logged in has to log in again",
                    words::count(backend.sessions)
                ));
            }
        }
        if let Some(ZoneDocument { id, name, plan }) = &self.zone {
            let label = name.as_ref().unwrap_or(id);
            let plan = plan.as_ref().map(|plan| format!(", {plan} plan")).unwrap_or_default();
            let requests = words::plural(self.requests, "request");
            lines.push(format!(
                "{} ({}) → Cloudflare's zone {label} ({id}{plan}): {}, {requests}",
                self.environment,
                self.app,
                self.what()
            ));
        }
        if self.repeated > 0 {
            lines.push(format!(
                "given more than once, and purged once: {}",
                words::count(self.repeated)
            ));
        }
        if self.unencrypted > 0 {
            lines.push(format!(
                "{} with http://; the same pages under https:// are not purged",
                words::plural(self.unencrypted, "URL")
            ));
        }
        lines.join("\n")
    }

    fn what(&self) -> String {
        if self.everything { "everything".to_owned() } else { enumerate(&self.asked) }
    }

    pub fn done_line(&self) -> String {
        let Some(purged) = &self.purged else { return String::new() };
        let mut line =
            format!("Purged {} in {}", self.what(), words::plural(purged.requests, "request"));
        if purged.sent_again > 0 {
            line.push_str(&format!(
                "; {} sent again, because an answer was lost",
                words::count(purged.sent_again)
            ));
        }
        line
    }

    pub fn outcome(self) -> Outcome {
        let text = match (self.dry_run, &self.purged) {
            (true, _) => format!("{}\ndry run: nothing was changed", self.plan()),
            (false, Some(_)) => self.done_line(),
            (false, None) => {
                let cleared = self.backend.as_ref();
                let cleared = cleared.and_then(|one| Some((one.cleared?, one.sessions)));
                let (keys, sessions) = cleared.unwrap_or_default();
                let text = format!("Cleared {}", words::plural(keys, "key"));
                match sessions {
                    0 => text,
                    _ => format!("{text}, {} of them sessions", words::count(sessions)),
                }
            }
        };
        Outcome::done(self, text)
    }

    /// The error of an unfinished purge: what is left, and the command for it.
    pub async fn failure(mut self, context: &Context, client: &Cloudflare) -> CommandError {
        let ending =
            self.purged.as_mut().map(|purged| std::mem::replace(&mut purged.ending, Ending::Done));
        let result = json::document(&self);
        let Some(purged) = self.purged else {
            return CommandError::new(FailureKind::Unexpected, "the purge did not begin");
        };
        let done: u64 = purged.done.values().sum();
        let left: BTreeMap<ItemKind, u64> =
            purged.left.iter().map(|(kind, items)| (*kind, items.len() as u64)).collect();
        let state = match self.everything {
            true => "the zone was not purged".to_owned(),
            false => format!("{} purged, {} left", words::count(done), enumerate(&left)),
        };
        let mut error = match ending {
            Some(Ending::Failed(cause)) => {
                let denied = matches!(cause.kind(), ErrorKind::Unauthorized | ErrorKind::Forbidden);
                let mut error = CommandError::from(cause);
                if denied && client.verify().await.is_ok() {
                    error =
                        error.hint("add the missing permission to it: the login itself is good");
                }
                let hints = std::mem::take(&mut error.hints);
                let kind = if done > 0 { FailureKind::Partial } else { error.kind };
                let text = format!("the purge stopped: {state}");
                let error = CommandError::new(kind, text).with_cause(error);
                error.with_hints(hints)
            }
            _ => CommandError::new(FailureKind::Interrupted, format!("interrupted: {state}")),
        };
        if purged.in_doubt > 0 {
            error = error.hint(format!(
                "purge again: {} of the rest may be purged already, because the answer was lost",
                words::count(purged.in_doubt)
            ));
        }
        for (kind, items) in &purged.left {
            error = left_behind(context, &self.environment, *kind, items, error);
        }
        if self.everything {
            error = error
                .hint(format!("try again: bcops purge-cache {} --everything", self.environment));
        }
        error.with_result(result)
    }
}

/// Shows the remaining items, and writes them to a file for the next run.
fn left_behind(
    context: &Context,
    environment: &str,
    kind: ItemKind,
    items: &[String],
    error: CommandError,
) -> CommandError {
    for item in items.iter().take(SHOWN) {
        context.ui.message(&format!("left: {item}"));
    }
    if let Some(more) = items.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        context.ui.message(&format!("left: and {} more", words::count(more as u64)));
    }
    match write_left(context, environment, kind, items) {
        Ok(path) => error.hint(format!(
            "purge the rest: bcops purge-cache {environment} {} - < '{}'",
            kind.flag(),
            path.display()
        )),
        Err(cause) => {
            error.hint(format!("copy the rest from the screen: no file could be written ({cause})"))
        }
    }
}

fn write_left(
    context: &Context,
    environment: &str,
    kind: ItemKind,
    items: &[String],
) -> std::io::Result<PathBuf> {
    let folder = context.settings.state_directory.value.join("purge-cache");
    private_folder::create(&folder)?;
    let name: String = environment
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' })
        .collect();
    let now = jiff::Timestamp::now().as_millisecond();
    let path = folder.join(format!("{name}-{}-left-{now}.txt", json::name(kind)));
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(&path)?;
    file.write_all((items.join("\n") + "\n").as_bytes())?;
    Ok(path)
}

fn counts(targets: &Targets) -> BTreeMap<ItemKind, u64> {
    targets.kinds().map(|(kind, items)| (kind, items.len() as u64)).collect()
}

fn words(what: CacheScope) -> &'static str {
    match what {
        CacheScope::Everything => "Django's cache",
        CacheScope::SiteRoots => "the root paths of Wagtail's sites",
    }
}

/// `3 URLs, 2 prefixes`.
fn enumerate(counts: &BTreeMap<ItemKind, u64>) -> String {
    let counted = |(kind, count): (&ItemKind, &u64)| match (kind, count) {
        (ItemKind::Prefixes, 1) => "1 prefix".to_owned(),
        (ItemKind::Prefixes, count) => format!("{} prefixes", words::count(*count)),
        (kind, count) => words::plural(*count, kind.noun()),
    };
    counts.iter().map(counted).collect::<Vec<_>>().join(", ")
}
