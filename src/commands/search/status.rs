//! `search status`: what the cluster holds, and whether that is what the database holds.

use crate::adapters::elasticsearch::Cluster;
use crate::adapters::postgres::{Session, connect};
use crate::cli::SearchStatusArgs;
use crate::commands::{Context, Outcome};
use crate::deployment::{LoggedIn, Reading, cluster_address};
use crate::events::{Event, Reporter};
use crate::failure::{CommandError, FailureKind};
use crate::search;
use crate::settings::Environment;

use super::report::{self, Report};

pub async fn run(context: &Context, args: &SearchStatusArgs) -> Result<Outcome, CommandError> {
    let environment = context.settings.environment(&args.environment)?;
    let reading = context.deployments().reading(environment).await?;
    let address = cluster_address(environment, &reading.values.in_force())?;
    let cluster = Cluster::new(address, context.settings.network_timeout)?;
    let plan = plan(environment, reading.logged_in.as_ref().ok()).await;
    let session = match database(&reading).await {
        Ok(session) => Some(session),
        Err(error) => {
            let causes = error.causes();
            let why: Vec<String> = std::iter::once(error.to_string()).chain(causes).collect();
            let text =
                format!("the indices are not compared with the database: {}", why.join(": "));
            context.ui.emit(Event::Warning(text));
            None
        }
    };
    let settings = &context.settings.search;
    let status = search::status(&cluster, session.as_ref(), settings, plan.as_deref()).await?;
    for warning in report::warnings(&status) {
        context.ui.emit(Event::Warning(warning));
    }
    let place = cluster.address().place();
    let report = Report::new(environment, &place, plan.as_deref(), &status, session.is_some());
    let exit_code = if status.is_broken() { FailureKind::RemoteJob.exit_code() } else { 0 };
    Ok(Outcome::of(&report).with_exit_code(exit_code))
}

async fn database(reading: &Reading<'_>) -> Result<Session, CommandError> {
    Ok(connect(&reading.values.database(reading.environment)?).await?)
}

/// The plan of the add-on behind the config var. Not to know it is no failure: a cluster need not be
/// an add-on, and an account that may read the config vars need not see the add-ons.
async fn plan(environment: &Environment, logged_in: Option<&LoggedIn>) -> Option<String> {
    let addons = logged_in?.heroku.addons(&environment.app.value).await.ok()?;
    let variable = &environment.search_url_variable;
    addons.into_iter().find(|one| one.config_vars.contains(variable)).map(|one| one.plan.name)
}
