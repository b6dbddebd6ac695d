//! Opens the console of the search add-on in a browser, or prints its URL: `search open`.

use std::io::IsTerminal;
use std::process::Stdio;

use schemars::JsonSchema;
use serde::Serialize;
use tokio::process::Command;

use crate::child_environment;
use crate::cli::SearchOpenArgs;
use crate::commands::{Context, Outcome};
use crate::events::{Event, Reporter};
use crate::failure::{CommandError, FailureKind};
use crate::secret::Secret;

/// The program that opens a URL in the user's browser.
const OPENER: &str = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };

/// The add-on's console.
#[derive(Serialize, JsonSchema)]
pub struct Opened<'a> {
    environment: &'a str,
    app: &'a str,
    addon: &'a str,
    /// The console's. It opens for a person who is signed in to Heroku.
    url: &'a str,
    /// Whether a browser opened it.
    opened: bool,
}

pub async fn run(context: &Context, args: &SearchOpenArgs) -> Result<Outcome, CommandError> {
    let environment = context.settings.environment(&args.environment)?;
    let (app, variable) = (&environment.app.value, &environment.search_url_variable);
    let deployments = context.deployments();
    deployments.asks_heroku_about(&environment.name);
    let heroku = deployments.log_in().await?.heroku;
    let console =
        heroku.addon_console(app, variable).await.map_err(|error| match error.is_not_found() {
            true => {
                let text = format!("{app} has no add-on with the config var {variable}");
                CommandError::new(FailureKind::Configuration, text)
                .hint(format!("bcops addons {}   # lists them", environment.name))
                .hint(format!(
                    "set environments.{}.config_vars.search_url in bcops.toml to the right config var",
                    environment.name
                ))
            }
            false => error.into(),
        })?;
    let url = console.url;
    let has_screen = std::io::stdout().is_terminal() && !context.ui.json();
    let opened = !args.url && has_screen && open(context, &url).await;
    let text = match opened {
        true => format!("Opened {} in the browser", console.addon_name),
        // The URL opens for a person who is signed in to Heroku.
        false => url.expose().to_owned(),
    };
    let (environment, addon) = (environment.name.as_str(), console.addon_name.as_str());
    let result = Opened { environment, app, addon, url: url.expose(), opened };
    Ok(Outcome::done(result, text))
}

/// Whether a browser opened the URL. If not, a warning names the reason.
async fn open(context: &Context, url: &Secret) -> bool {
    let mut command = Command::new(OPENER);
    for name in child_environment::withheld() {
        command.env_remove(name);
    }
    let started = command
        .arg(url.expose())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .await;
    let why = match started {
        Ok(status) if status.success() => return true,
        Ok(status) => format!("{OPENER} ended with {status}"),
        Err(error) => format!("cannot start {OPENER}: {error}"),
    };
    context.ui.emit(Event::Warning(format!("cannot open a browser: {why}")));
    false
}
