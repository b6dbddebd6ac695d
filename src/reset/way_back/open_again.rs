//! Checks whether staging's sites answer after a rollback has opened it.

use crate::failure::{CommandError, FailureKind};
use crate::reset::take_over::left_closed;
use crate::reset::values::{DOWN_BEFORE, MAINTENANCE_BEFORE};
use crate::reset::world::Reset;
use crate::runbook::{Evidence, StepContext, StepResult};
use crate::words;

impl Reset {
    /// Checks every site, as at the end of a run. A site that did not answer before the run is not
    /// a failure of the rollback. A staging that was closed before the run is closed again and is
    /// not checked.
    pub(in crate::reset) async fn ask_after_rollback(
        &self,
        context: &StepContext,
    ) -> StepResult<Evidence> {
        let was_closed = context.get(&MAINTENANCE_BEFORE)?.unwrap_or(false);
        if was_closed || left_closed(context)?.is_some() {
            return Ok(Evidence::of("Staging is in maintenance, as before"));
        }
        let app = self.app_name();
        let before = context.get(&DOWN_BEFORE)?.unwrap_or_default();
        let asking = self.wait_for_sites(context);
        let seen = context.wait_for("nothing; staging is open", asking).await?;
        let is_new = |one: &&crate::reset::sites_answer::SiteFailure| {
            !before.iter().any(|old| old.url == one.url)
        };
        let down: Vec<String> = seen
            .down
            .iter()
            .filter(is_new)
            .map(|one| format!("{}: {}", one.url, one.problem))
            .collect();
        if down.is_empty() {
            let sites = words::plural(seen.asked, "site");
            return Ok(Evidence::of(format!("{sites} checked")));
        }
        let text = format!("{}; staging is open", down.join("; "));
        Err(CommandError::new(FailureKind::RemoteJob, text)
            .hint(format!("heroku logs --app {app}"))
            .hint(format!("bcops check {}", self.destination.name))
            .into())
    }
}
