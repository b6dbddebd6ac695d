//! Compares the search cluster with the database: `search status`.

use crate::adapters::elasticsearch::Cluster;
use crate::adapters::heroku::Heroku;
use crate::adapters::postgres::{Session, connect};
use crate::cli::SearchStatusArgs;
use crate::commands::{Context, Outcome};
use crate::deployment::{Reading, cluster_address};
use crate::events::{Event, Reporter};
use crate::failure::{CommandError, FailureKind};
use crate::search;
use crate::settings::Environment;

use super::report::{self, Report};

pub async fn run(context: &Context, args: &SearchStatusArgs) -> Result<Outcome, CommandError> {
    let environment = context.settings.environment(&args.environment)?;
    let (step, name) = ("search", &environment.name);
    let description = format!("Asking Heroku, the search cluster and the database of {name}…");
    context.ui.emit(Event::StepStarted { step, description });
    let reading = context.deployments().reading(environment).await?;
    answered(context, &format!("Heroku: the config vars of {}", environment.app.value));
    let address = cluster_address(environment, &reading.values.in_force())?;
    let cluster = Cluster::new(address, context.settings.network_timeout)?;
    let plan = match &reading.logged_in {
        Ok(logged_in) => plan(environment, &logged_in.heroku).await,
        Err(_) => None,
    };
    let session = match database(&reading).await {
        Ok(session) => {
            answered(context, "Database: logged in");
            Some(session)
        }
        Err(error) => {
            let causes = error.causes();
            let why: Vec<String> = std::iter::once(error.to_string()).chain(causes).collect();
            let text = format!("cannot compare the indices with the database: {}", why.join(": "));
            context.ui.emit(Event::Warning(text));
            None
        }
    };
    let settings = &context.settings.search;
    let status = search::status(&cluster, session.as_ref(), settings, plan.as_deref()).await?;
    answered(context, &format!("Cluster: {} indices", status.indices.len()));
    for warning in report::warnings(environment, &status) {
        context.ui.emit(Event::Warning(warning));
    }
    let place = cluster.address().place();
    let report = Report::new(environment, &place, plan.as_deref(), &status, session.is_some());
    let exit_code = if status.is_broken() { FailureKind::RemoteJob.exit_code() } else { 0 };
    Ok(Outcome::of(&report).with_exit_code(exit_code))
}

/// Prints a line as soon as a service has answered.
fn answered(context: &Context, summary: &str) {
    context.ui.emit(Event::StepFinished { step: "service", summary: summary.to_owned() });
}

async fn database(reading: &Reading<'_>) -> Result<Session, CommandError> {
    Ok(connect(&reading.values.database(reading.environment)?).await?)
}

/// The plan of the add-on that sets the config var. An unknown plan is not a failure: a cluster need not
/// be an add-on, and an account that reads the config vars may not see the add-ons.
pub(super) async fn plan(environment: &Environment, heroku: &Heroku) -> Option<String> {
    let addons = heroku.addons(&environment.app.value).await.ok()?;
    let variable = &environment.search_url_variable;
    addons.into_iter().find(|one| one.config_vars.contains(variable)).map(|one| one.plan.name)
}
