//! `addons`: an app's add-ons and their plans.

use serde_json::json;

use crate::cli::AddonsArgs;
use crate::commands::{Context, Outcome};
use crate::failure::CommandError;

pub async fn run(context: &Context, args: &AddonsArgs) -> Result<Outcome, CommandError> {
    let app = &context.settings.environment(&args.environment)?.app.value;
    let asking = async { Ok(context.deployments().log_in().await?.heroku.addons(app).await?) };
    let mut addons = context.interrupt.guard(asking).await?;
    addons.sort_by(|one, other| one.name.cmp(&other.name));
    let lines: Vec<String> = addons
        .iter()
        .map(|addon| {
            let state = addon.state.as_deref().unwrap_or("-");
            let vars = addon.config_vars.join(", ");
            format!("{:<36} {:<32} {state:<14} {vars}", addon.name, addon.plan.name)
        })
        .collect();
    let text = match lines.as_slice() {
        [] => format!("{app} has no add-ons"),
        lines => lines.join("\n"),
    };
    let addons = addons.iter().map(|addon| {
        json!({
            "name": addon.name,
            "service": addon.service.name,
            "plan": addon.plan.name,
            "state": addon.state,
            "config_vars": addon.config_vars,
        })
    });
    let result = json!({
        "environment": args.environment,
        "app": app,
        "addons": addons.collect::<Vec<_>>(),
    });
    Ok(Outcome::done(result, text))
}
