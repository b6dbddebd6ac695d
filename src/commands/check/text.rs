//! What a person reads of it.

use crate::checks::{Aspect, Line, Report, SiteReport, StorageReport, Verdict};
use crate::json;
use crate::settings::Environment;
use crate::words;

/// A part for each site, its lines below it, and the pipeline's at the end.
pub fn table(report: &Report) -> String {
    let mut text = String::new();
    for site in &report.sites {
        text.push_str(&format!("{}  {}\n", if site.is_up() { "up  " } else { "down" }, site.url));
        for line in &site.lines {
            let (verdict, aspect) = (line.verdict, json::name(line.aspect));
            text.push_str(&format!("  {verdict}  {aspect:<8} {}\n", line.in_full()));
        }
    }
    text.push_str("file storage\n");
    for line in &report.storage.lines {
        let (verdict, subject) = (line.verdict, &line.subject);
        text.push_str(&format!("  {verdict}  {subject}: {}\n", line.text));
    }
    let (verdict, pipeline) = (report.pipeline.verdict(), report.pipeline.text());
    text.push_str(&format!("{verdict}  pipeline   {pipeline}"));
    text
}

/// What is down, why, and what to do about it.
pub fn down(environment: &Environment, report: &Report) -> String {
    let sites: Vec<&SiteReport> = super::down(report).collect();
    let (count, all) = (sites.len() as u64, report.sites.len());
    let mut lines = vec![format!("{} of {all} down", words::plural(count, "site"))];
    for site in &sites {
        let host = site.url.host_str().unwrap_or_default();
        lines.push(format!("  {host}: {}", site.problem().unwrap_or_default()));
    }
    lines.extend(hints(environment, &sites).into_iter().map(|hint| format!("  to mend: {hint}")));
    lines.join("\n")
}

/// What of the storage is open to the public and must not be, and which setting closes it.
pub fn open_to_the_public(storage: &StorageReport) -> String {
    let mut lines = vec!["the file storage is open to the public".to_owned()];
    for line in storage.failures() {
        lines.push(format!("  {}: {}", line.subject, line.text));
        lines.extend(line.setting.as_ref().map(|setting| format!("  to fix: {setting}")));
    }
    lines.join("\n")
}

/// What is worth a look although nothing is down.
pub fn warnings(report: &Report) -> Vec<String> {
    let mut warnings = Vec::new();
    for site in &report.sites {
        let host = site.url.host_str().unwrap_or_default();
        for line in site.lines.iter().filter(|line| line.verdict == Verdict::Warn) {
            warnings.push(format!("{host}: {}", line.text));
        }
    }
    let storage = report.storage.lines.iter().filter(|line| line.verdict == Verdict::Warn);
    warnings.extend(storage.map(|line| format!("file storage: {}: {}", line.subject, line.text)));
    if report.pipeline.verdict() == Verdict::Warn {
        warnings.push(format!("pipeline: {}", report.pipeline.text()));
    }
    warnings
}

/// One for each kind of failure, with the command that mends it or tells more.
fn hints(environment: &Environment, sites: &[&SiteReport]) -> Vec<String> {
    let app = &environment.app.value;
    let fails = |aspect: Aspect| {
        let failed = |line: &Line| line.aspect == aspect && line.verdict == Verdict::Fail;
        sites.iter().any(|site| site.lines.iter().any(failed))
    };
    let mut hints = Vec::new();
    if sites.iter().any(|site| site.in_maintenance) {
        hints.push(format!(
            "heroku maintenance:off --app {app}   # unless a run still needs it: bcops runs list"
        ));
    }
    let answers_badly = |site: &&SiteReport| {
        !site.in_maintenance && site.problem().is_some_and(|problem| problem.starts_with("HTTP 5"))
    };
    if sites.iter().any(answers_badly) {
        hints.push(format!("heroku logs --tail --app {app}   # and heroku ps --app {app}"));
    }
    if fails(Aspect::Dns) {
        hints.push(format!("heroku domains --app {app}   # shows what each name has to lead to"));
    }
    if fails(Aspect::Tls) {
        hints.push(format!("heroku certs:auto --app {app}   # or the certificate in Cloudflare"));
    }
    if fails(Aspect::Content) {
        hints.push(format!(
            "give the Site records the hosts of {}, then: bcops purge-cache {} --backend=sites",
            environment.name, environment.name
        ));
    }
    hints
}
