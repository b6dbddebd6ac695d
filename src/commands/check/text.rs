//! Prints the result of `check` for people.

use crate::checks::{Aspect, Line, Report, SiteReport, StorageReport, Verdict};
use crate::json;
use crate::settings::Environment;
use crate::ui::table::{Column, Table};
use crate::words;

const COLUMNS: [Column; 3] =
    [Column::word("RESULT"), Column::text("CHECK"), Column::text("DETAIL")];

/// Each site with its checks below it, then the file storage and the pipeline.
pub fn table(report: &Report) -> String {
    let mut table = Table::new(COLUMNS);
    for site in &report.sites {
        let result = if site.is_up() { "up" } else { "down" };
        table.row([result, "site", site.url.as_str()]);
        for line in &site.lines {
            let (verdict, aspect) = (line.verdict.to_string(), json::name(line.aspect));
            table.row([verdict, aspect, line.in_full()]);
        }
    }
    table.row(["", "file storage", ""]);
    for line in &report.storage.lines {
        table.row([line.verdict.to_string().as_str(), &line.subject, &line.text]);
    }
    let (verdict, pipeline) = (report.pipeline.verdict().to_string(), report.pipeline.text());
    table.row([verdict.as_str(), "pipeline", &pipeline]);
    table.to_string()
}

/// Which sites are down, why, and the commands that fix them.
pub fn down(environment: &Environment, report: &Report) -> String {
    let sites: Vec<&SiteReport> = super::down(report).collect();
    let (count, all) = (sites.len() as u64, report.sites.len());
    let mut lines = vec![format!("{} of {all} down", words::plural(count, "site"))];
    for site in &sites {
        let host = site.url.host_str().unwrap_or_default();
        lines.push(format!("  {host}: {}", site.problem().unwrap_or_default()));
    }
    lines.extend(hints(environment, &sites).into_iter().map(|hint| format!("  fix: {hint}")));
    lines.join("\n")
}

/// What in the storage is open to the public and must not be, and the setting that closes it.
pub fn open_to_the_public(storage: &StorageReport) -> String {
    let mut lines = vec!["the file storage is open to the public".to_owned()];
    for line in storage.failures() {
        lines.push(format!("  {}: {}", line.subject, line.text));
        lines.extend(line.setting.as_ref().map(|setting| format!("  fix: {setting}")));
    }
    lines.join("\n")
}

/// What should be looked at although nothing is down.
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

/// A command for each kind of failure that fixes it, or shows more.
pub fn hints(environment: &Environment, sites: &[&SiteReport]) -> Vec<String> {
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
        hints.push(format!("heroku domains --app {app}   # shows the DNS target of each host"));
    }
    if fails(Aspect::Tls) {
        hints.push(format!(
            "heroku certs:auto --app {app}   # or check the certificate in Cloudflare"
        ));
    }
    if fails(Aspect::Content) {
        hints.push(format!(
            "change the Site records to the hosts of {}, then: bcops purge-cache {} --backend=sites",
            environment.name, environment.name
        ));
    }
    hints
}
