//! `search`: an environment's search cluster.

mod open;
mod reindex;
mod report;
mod status;

use crate::adapters::elasticsearch::ClusterAddress;
use crate::adapters::heroku::ConfigVars;
use crate::cli::{SearchArgs, SearchWork};
use crate::commands::{Context, Outcome};
use crate::error::{CommandError, Kind};
use crate::settings::Environment;

pub async fn run(context: &Context, args: &SearchArgs) -> Result<Outcome, CommandError> {
    match &args.work {
        SearchWork::Status(args) => context.interrupt.guard(status::run(context, args)).await,
        SearchWork::Open(args) => context.interrupt.guard(open::run(context, args)).await,
        SearchWork::Reindex(args) => reindex::run(context, args).await,
    }
}

/// Where the environment's cluster is, or which config var is missing.
fn address(environment: &Environment, vars: &ConfigVars) -> Result<ClusterAddress, CommandError> {
    let (app, variable) = (&environment.app.value, &environment.search_url_variable);
    let Some(url) = vars.get(variable).filter(|url| !url.expose().trim().is_empty()) else {
        let text =
            format!("{app} has no config var {variable}, so its search cluster is not known");
        return Err(CommandError::new(Kind::Configuration, text)
            .hint(format!(
                "name the right one as environments.{}.config_vars.search_url in bcops.toml",
                environment.name
            ))
            .hint(format!("or add a cluster: heroku addons:create bonsai --app {app}")));
    };
    ClusterAddress::parse(url, &format!("{variable} of {app}")).map_err(CommandError::from)
}
