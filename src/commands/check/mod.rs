//! Checks whether an environment's sites are up, and how its last pipeline ended: `check`.

mod cases;
mod private_documents;
mod records;
mod storage;
mod text;

use std::time::Duration;

use crate::checks::{
    self, CheckOptions, PipelineLook, Report, SiteReport, Targets, check_sites, wait_until_up,
};
use crate::cli::CheckArgs;
use crate::commands::junit::{Examined, reporting};
use crate::commands::{Context, Outcome, unfinished};
use crate::deployment::gitlab;
use crate::events::{Event, Reporter};
use crate::failure::{CommandError, FailureKind};
use crate::settings::Environment;
use crate::words;

pub async fn run(context: &Context, args: &CheckArgs) -> Result<Outcome, CommandError> {
    let name = format!("bcops check {}", args.environment);
    reporting(context, args.junit.as_deref(), name, async {
        let environment = context.settings.environment(&args.environment)?;
        context.interrupt.guard(look(context, environment, args)).await
    })
    .await
}

async fn look(
    context: &Context,
    environment: &Environment,
    args: &CheckArgs,
) -> Result<Examined, CommandError> {
    let (step, name) = ("check", &environment.name);
    let description = format!("Asking Heroku and the sites of {name}…");
    context.ui.emit(Event::StepStarted { step, description });
    for found in unfinished::glance(context, &[environment]).await {
        context.ui.emit(Event::Warning(found.line()));
    }
    let (targets, forbidden) = targets(context, environment).await;
    answered(
        context,
        &format!("Site records: {}", words::plural(targets.urls.len() as u64, "site")),
    );
    for warning in &targets.warnings {
        context.ui.emit(Event::Warning(warning.clone()));
    }
    if targets.urls.is_empty() {
        let name = &environment.name;
        let text = format!("cannot check {name}: it has no configured site and no Site records");
        return Err(CommandError::new(FailureKind::Configuration, text)
            .hint(format!("set environments.{name}.sites in bcops.toml")));
    }
    let settings = context.settings.check.clone();
    let options = CheckOptions { settings, forbidden, ..CheckOptions::default() };
    let sites = match args.wait {
        None => check_sites(&targets.urls, &options).await?,
        Some(minutes) => {
            let limit = Duration::from_secs(minutes * 60);
            wait_until_up(&targets.urls, &options, limit, &*context.ui).await?
        }
    };
    let up = sites.iter().filter(|site| site.is_up()).count();
    answered(context, &format!("Sites: {up} of {} up", sites.len()));
    let storage = async {
        let storage = storage::look(context, environment).await;
        let count = words::plural(storage.lines.len() as u64, "check");
        answered(context, &format!("File storage: {count}"));
        storage
    };
    let pipeline = async {
        let pipeline = pipeline(context, environment).await;
        answered(context, &format!("Pipeline: {}", pipeline.verdict()));
        pipeline
    };
    let (storage, pipeline) = tokio::join!(storage, pipeline);
    let report = Report { sites, storage, pipeline };
    for warning in text::warnings(&report) {
        context.ui.emit(Event::Warning(warning));
    }
    let (outcome, cases) = (finish(environment, &report), cases::of(environment, &report));
    Ok(Examined { outcome, cases })
}

/// Prints a line as soon as a service has answered.
fn answered(context: &Context, summary: &str) {
    context.ui.emit(Event::StepFinished { step: "service", summary: summary.to_owned() });
}

/// The sites to check, and the hosts that none of them may lead to.
async fn targets(
    context: &Context,
    environment: &Environment,
) -> (Targets, std::collections::BTreeSet<String>) {
    let mut targets = Targets::of(environment);
    let protected: Vec<&Environment> = match environment.protected {
        true => Vec::new(),
        false => context.settings.environments.values().filter(|one| one.protected).collect(),
    };
    // Before records are added: a record with production's host does not make that host its own.
    let configured = targets.urls.clone();
    let own = records::read(context, environment);
    let others = futures_util::future::join_all(
        protected.iter().map(|environment| records::read(context, environment)),
    );
    let (own, others) = tokio::join!(own, others);
    let all = context.settings.environments.values();
    let mut forbidden = checks::protected_hosts(environment, all, &configured);
    let is_own = |host: &str| configured.iter().any(|url| url.host_str() == Some(host));
    for (other, records) in protected.iter().zip(others) {
        // Without the records, only the configured hosts are looked for.
        let mut theirs = Targets::default();
        match records {
            Ok(records) => {
                records.iter().for_each(|(host, port)| theirs.add_record(host, *port));
            }
            Err(why) => targets.warnings.push(format!(
                "cannot read the Site records of {}; links to its hosts are not found: {why}",
                other.name
            )),
        }
        let hosts = theirs.urls.iter().filter_map(|url| url.host_str());
        forbidden.extend(hosts.filter(|host| !is_own(host)).map(str::to_owned));
    }
    match own {
        Ok(records) => records.iter().for_each(|(host, port)| targets.add_record(host, *port)),
        Err(why) => targets.warnings.push(format!(
            "cannot read the Site records of {}; only configured sites are checked: {why}",
            environment.name
        )),
    }
    (targets, forbidden)
}

async fn pipeline(context: &Context, environment: &Environment) -> PipelineLook {
    let Some(branch) = &environment.branch else {
        let reason = format!("environments.{}.branch is not set", environment.name);
        return PipelineLook::Skipped { reason };
    };
    match gitlab::gitlab(&context.settings) {
        None => PipelineLook::Skipped { reason: gitlab::why_not(&context.settings).to_owned() },
        Some(Err(error)) => PipelineLook::Unreadable { reason: error.to_string() },
        Some(Ok(client)) => PipelineLook::at(&client, branch).await,
    }
}

fn finish(environment: &Environment, report: &Report) -> Outcome {
    let result = report.document(&environment.name);
    if !report.is_down() && !report.storage.fails() {
        return Outcome::done(result, text::table(report));
    }
    let exit_code = FailureKind::RemoteJob.exit_code();
    let mut parts = vec![text::table(report)];
    if report.is_down() {
        parts.push(text::down(environment, report));
    }
    if report.storage.fails() {
        parts.push(text::open_to_the_public(&report.storage));
    }
    let text = parts.join("\n");
    Outcome::done(result, text).with_exit_code(exit_code)
}

/// The sites that are down.
fn down(report: &Report) -> impl Iterator<Item = &SiteReport> {
    report.sites.iter().filter(|site| !site.is_up())
}
