//! Reads an environment's search cluster from its config vars.

use crate::adapters::elasticsearch::ClusterAddress;
use crate::adapters::heroku::ConfigVars;
use crate::failure::{CommandError, FailureKind};
use crate::settings::Environment;

/// Returns the address of the environment's cluster, or an error that names the missing config var.
pub fn cluster_address(
    environment: &Environment,
    vars: &ConfigVars,
) -> Result<ClusterAddress, CommandError> {
    let (app, variable) = (&environment.app.value, &environment.search_url_variable);
    let Some(url) = vars.get(variable).filter(|url| !url.expose().trim().is_empty()) else {
        let text =
            format!("{app} has no config var {variable}, so its search cluster is not known");
        return Err(CommandError::new(FailureKind::Configuration, text)
            .hint(format!(
                "name the right config var as environments.{}.config_vars.search_url in bcops.toml",
                environment.name
            ))
            .hint(format!("or add a cluster: heroku addons:create bonsai --app {app}")));
    };
    ClusterAddress::parse(url, &format!("{variable} of {app}")).map_err(CommandError::from)
}
