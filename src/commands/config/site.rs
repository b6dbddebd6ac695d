//! Asks for what differs from site to site, and writes the answers as a file.

use url::Url;

use crate::adapters::postgres::{DatabaseUrl, Defaults, SslMode};
use crate::commands::Context;
use crate::failure::{CommandError, FailureKind};
use crate::settings::keys;
use crate::ui::Answer;

/// The file for the site's own tables, beside the settings.
pub const MANIFEST_NAME: &str = "scrub.toml";

/// The manifest of a site that has classed nothing yet.
pub const MANIFEST: &str = "\
# What a copy of the database does with each table. The packs of bcops know those of Django, Wagtail and many apps.
# For the site's own tables: bcops manifest suggest
schema_version = 1
extends = \"built-in\"
";

/// An environment of the site.
struct Environment {
    name: String,
    app: String,
    branch: String,
    protected: bool,
    url: Option<String>,
}

/// The answers.
pub struct Site {
    environments: Vec<Environment>,
    gitlab: Option<(String, String)>,
    database_url: String,
    users_table: String,
    media_folder: String,
    /// The config vars of the bucket's name, of its keys' id and of their secret.
    bucket: [String; 3],
}

impl Site {
    /// Asks at the terminal. An impossible answer is asked for again.
    pub fn ask(context: &Context, folder: &str) -> Result<Site, CommandError> {
        context.ui.question(
            "Enter takes the value in brackets, - means none, Ctrl-C ends without a file.",
        );
        let ask =
            |question: &str, usual: &str, check: Check<'_>| ask(context, question, usual, check);
        let source =
            ask("The environment that data comes from; bcops only reads it", "production", &name)?;
        let source = environment(context, folder, source, true, "main")?;
        let target = ask(
            "The environment that is reset to it; bcops overwrites it",
            "staging",
            &|text: &str| {
                if text == source.name { Some("that is the other one") } else { name(text) }
            },
        )?;
        let target = environment(context, folder, target, false, "staging")?;
        let gitlab = match ask("The project on GitLab, with its groups", "-", &anything)?.as_str() {
            "-" => None,
            project => Some((
                ask("The GitLab server", keys::GITLAB_URL.default_text(), &web_url)?,
                project.to_owned(),
            )),
        };
        let database = format!("postgres:///{}", folder.replace('-', "_"));
        Ok(Site {
            environments: vec![source, target],
            gitlab,
            database_url: ask(
                "The database on this machine, which a pull replaces",
                &database,
                &database_url,
            )?,
            users_table: ask(
                "The table of Django's users",
                keys::LOCAL_USERS_TABLE.default_text(),
                &anything,
            )?,
            media_folder: ask(
                "The media folder on this machine",
                keys::MEDIA_FOLDER.default_text(),
                &anything,
            )?,
            bucket: [
                ask(
                    "The config var with the bucket's name",
                    keys::CONFIG_VARS_BUCKET.default_text(),
                    &config_var,
                )?,
                ask(
                    "The config var with the id of its keys",
                    keys::CONFIG_VARS_ACCESS_KEY.default_text(),
                    &config_var,
                )?,
                ask(
                    "The config var with the secret of its keys",
                    keys::CONFIG_VARS_SECRET_KEY.default_text(),
                    &config_var,
                )?,
            ],
        })
    }

    /// The file.
    pub fn text(&self) -> String {
        let mut text = format!(
            "# Settings of bcops for this site. `bcops config show` prints what is in force, and why;\n\
             # `bcops config init --template --dry-run` lists every setting there is.\n\n\
             # The built-in environments belong to another site.\ninherit = false\n\n\
             [local]\n# What a pull replaces on this machine.\ndatabase_url = {}\n\
             # Django's users, for bcops password.\nusers_table = {}\n\n\
             [media]\nfolder = {}\n",
            quoted(&self.database_url),
            quoted(&self.users_table),
            quoted(&self.media_folder),
        );
        text.push_str(&match &self.gitlab {
            Some((url, project)) => {
                format!("\n[gitlab]\nurl = {}\nproject = {}\n", quoted(url), quoted(project))
            }
            None => format!(
                "\n# [gitlab]\n# url = {}\n# project = \"GROUP/PROJECT\"\n",
                quoted(keys::GITLAB_URL.default_text())
            ),
        });
        text.push_str(&self.hosts());
        for one in &self.environments {
            text.push_str(&self.environment(one));
        }
        text.push_str(&format!(
            "\n# What a copy does with each table.\n[scrub]\nmanifest = {}\n",
            quoted(MANIFEST_NAME)
        ));
        text
    }

    /// The new host name for the source's in the Site records of the other environment.
    fn hosts(&self) -> String {
        let hosts: Vec<String> = self.environments.iter().filter_map(Environment::host).collect();
        let comment = "\n# The host names that replace production's in Wagtail's Site records after a reset.\n";
        match hosts.as_slice() {
            [from, to] if from != to => {
                format!("{comment}[reset]\nhosts = [{}]\n", quoted(&format!("{from}={to}")))
            }
            _ => {
                format!("{comment}# [reset]\n# hosts = [\"www.example.org=staging.example.org\"]\n")
            }
        }
    }

    fn environment(&self, one: &Environment) -> String {
        let comment =
            if one.protected { "bcops only reads it." } else { "bcops may overwrite it." };
        let sites = one.url.iter().map(|url| quoted(url)).collect::<String>();
        let [bucket, key, secret] = &self.bucket;
        format!(
            "\n# {comment}\n[environments.{}]\napp = {}\nbranch = {}\nprotected = {}\nsites = [{sites}]\n\
             [environments.{}.config_vars]\nbucket = {}\naccess_key = {}\nsecret_key = {}\n",
            one.name,
            quoted(&one.app),
            quoted(&one.branch),
            one.protected,
            one.name,
            quoted(bucket),
            quoted(key),
            quoted(secret),
        )
    }
}

impl Environment {
    fn host(&self) -> Option<String> {
        Url::parse(self.url.as_deref()?).ok()?.host_str().map(str::to_owned)
    }
}

fn environment(
    context: &Context,
    folder: &str,
    name: String,
    protected: bool,
    branch: &str,
) -> Result<Environment, CommandError> {
    let app =
        ask(context, &format!("The Heroku app of {name}"), &format!("{folder}-{name}"), &app)?;
    let branch =
        ask(context, &format!("The branch that is deployed to {name}"), branch, &anything)?;
    let url = ask(context, &format!("The URL of {name}"), "-", &url_or_none)?;
    let url = Some(url).filter(|url| url != "-");
    Ok(Environment { name, app, branch, protected, url })
}

/// Why an answer is impossible, if it is.
type Check<'a> = &'a dyn Fn(&str) -> Option<&'static str>;

fn ask(
    context: &Context,
    question: &str,
    usual: &str,
    check: Check<'_>,
) -> Result<String, CommandError> {
    loop {
        let Answer::Given(answer) = context.ui.prompter().text_or(question, usual) else {
            let error =
                CommandError::new(FailureKind::NotConfirmed, "no answer; no file was written");
            return Err(error.hint("write the file by hand: bcops config init --template"));
        };
        match check(&answer) {
            None => return Ok(answer),
            Some(reason) => context.ui.question(&format!("  {reason}")),
        }
    }
}

/// In TOML.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

fn anything(text: &str) -> Option<&'static str> {
    text.chars().any(char::is_control).then_some("the answer has control characters")
}

/// An environment's name becomes a part of commands (`pull-NAME-data`) and of a key in the file.
fn name(text: &str) -> Option<&'static str> {
    let fits = text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    (!fits).then_some("write lower-case letters, digits and hyphens, a letter first")
}

/// Heroku's own rule for the names of apps.
fn app(text: &str) -> Option<&'static str> {
    let fits = name(text).is_none() && (3..=30).contains(&text.len()) && !text.ends_with('-');
    (!fits).then_some("an app has 3 to 30 lower-case letters, digits and hyphens, a letter first")
}

fn web_url(text: &str) -> Option<&'static str> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    let fits = url
        .is_some_and(|url| url.has_host() && url.username().is_empty() && url.password().is_none());
    (!fits).then_some("write a URL, for example https://www.example.org")
}

fn url_or_none(text: &str) -> Option<&'static str> {
    if text == "-" { None } else { web_url(text) }
}

fn config_var(text: &str) -> Option<&'static str> {
    let fits = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    (!fits).then_some("write the name of the config var, not its value")
}

fn database_url(text: &str) -> Option<&'static str> {
    let defaults = Defaults { variable: &|_| None, home: None, ssl_mode: SslMode::Prefer };
    if DatabaseUrl::parse(text, &defaults).is_err() {
        return Some("write a URL, for example postgres:///site");
    }
    // The file is committed with the code.
    let has_password = Url::parse(text).is_ok_and(|url| url.password().is_some());
    has_password.then_some("leave the password out, and put it into ~/.pgpass or PGPASSWORD")
}
