//! `addons`: lists an app's add-ons and their plans.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use crate::adapters::heroku;
use crate::cli::AddonsArgs;
use crate::commands::{Context, Outcome};
use crate::failure::CommandError;
use crate::ui::table::{Column, Table};

/// The add-ons of the app.
#[derive(Serialize, JsonSchema)]
pub struct Addons<'a> {
    environment: &'a str,
    app: &'a str,
    addons: Vec<Addon>,
}

#[derive(Serialize, JsonSchema)]
struct Addon {
    name: String,
    service: String,
    plan: String,
    /// As Heroku calls it, for example `provisioned`.
    state: Option<String>,
    /// The names of the config vars that it sets.
    config_vars: Vec<String>,
}

pub async fn run(context: &Context, args: &AddonsArgs) -> Result<Outcome, CommandError> {
    let app = &context.settings.environment(&args.environment)?.app.value;
    let deployments = context.deployments();
    deployments.asks_heroku_about(&args.environment);
    let asking = async { Ok(deployments.log_in().await?.heroku.addons(app).await?) };
    let mut addons = context.interrupt.guard(asking).await?;
    addons.sort_by(|one, other| one.name.cmp(&other.name));
    let addons = addons.into_iter().map(Addon::from).collect();
    Ok(Outcome::of(&Addons { environment: &args.environment, app, addons }))
}

impl From<heroku::Addon> for Addon {
    fn from(addon: heroku::Addon) -> Self {
        let heroku::Addon { name, service, plan, state, config_vars, .. } = addon;
        Addon { name, service: service.name, plan: plan.name, state, config_vars }
    }
}

impl fmt::Display for Addons<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.addons.is_empty() {
            return write!(f, "{} has no add-ons", self.app);
        }
        let mut table = Table::new([
            Column::text("ADD-ON"),
            Column::text("PLAN"),
            Column::text("STATE").minor(1),
            Column::text("CONFIG VARS"),
        ]);
        for Addon { name, plan, state, config_vars, .. } in &self.addons {
            table.row([name, plan, state.as_deref().unwrap_or("-"), &config_vars.join(", ")]);
        }
        write!(f, "{table}")
    }
}
