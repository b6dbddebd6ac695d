//! Lists the result of `check` as the cases of a JUnit report.

use crate::checks::{Report, SiteReport};
use crate::commands::junit::case;
use crate::json;
use crate::settings::Environment;
use crate::ui::junit::Case;

use super::text::hints;

/// One case for each line of the table.
pub fn of(environment: &Environment, report: &Report) -> Vec<Case> {
    let sites = report.sites.iter().flat_map(|site| of_site(environment, site));
    let storage = report.storage.lines.iter().map(|line| {
        let fix = line.setting.as_slice();
        case("file storage", &line.subject, line.verdict, line.text.clone(), fix)
    });
    let (verdict, text) = (report.pipeline.verdict(), report.pipeline.text());
    let pipeline = case("GitLab", "pipeline", verdict, text, &[]);
    sites.chain(storage).chain([pipeline]).collect()
}

fn of_site<'a>(
    environment: &'a Environment,
    site: &'a SiteReport,
) -> impl Iterator<Item = Case> + 'a {
    site.lines.iter().map(move |line| {
        let fixes = hints(environment, &[site]);
        case(site.url.as_str(), &json::name(line.aspect), line.verdict, line.in_full(), &fixes)
    })
}
