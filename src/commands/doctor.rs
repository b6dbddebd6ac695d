//! `doctor`: every credential, server and permission that the commands need.
//!
//! All checks run at once. Each is a line, with what mends it. Nothing is changed, except that in a
//! bucket that may be written to, and that is no protected environment's, one empty object outside
//! of all media is put and deleted: whether that may be done cannot be known otherwise.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use futures_util::future::{OptionFuture, join_all};
use serde_json::json;

use crate::adapters::heroku::{ConfigVars, HerokuError, newest_completed};
use crate::adapters::postgres::{DatabaseIdentity, connect};
use crate::cli::DoctorArgs;
use crate::commands::environments::Values;
use crate::commands::heroku::{LoggedIn, log_in};
use crate::commands::{Context, Outcome, gitlab, media, purge_cache};
use crate::error::{CommandError, Kind};
use crate::scrub::Manifest;
use crate::settings::Environment;
use crate::ui;

/// No check may hold up the others.
const TIME_LIMIT: Duration = Duration::from_secs(20);

struct Check {
    name: String,
    verdict: Verdict,
    detail: String,
    mend: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Pass,
    Fail,
    Skip,
}

impl Verdict {
    fn name(self) -> &'static str {
        match self {
            Verdict::Pass => "pass",
            Verdict::Fail => "fail",
            Verdict::Skip => "skip",
        }
    }
}

impl Check {
    fn pass(name: &str, detail: impl Into<String>) -> Self {
        Check { name: name.to_owned(), verdict: Verdict::Pass, detail: detail.into(), mend: None }
    }

    fn fail(name: &str, detail: impl Into<String>, mend: impl Into<String>) -> Self {
        let (name, detail, mend) = (name.to_owned(), detail.into(), Some(mend.into()));
        Check { name, verdict: Verdict::Fail, detail, mend }
    }

    fn skip(name: &str, detail: impl Into<String>) -> Self {
        Check { name: name.to_owned(), verdict: Verdict::Skip, detail: detail.into(), mend: None }
    }

    fn line(&self) -> String {
        let mut line = format!("{}  {:<28} {}", self.verdict.name(), self.name, self.detail);
        if let Some(mend) = &self.mend {
            line.push_str(&format!("\n      {:<28} to mend: {mend}", ""));
        }
        line
    }
}

type Checks<'a> = Pin<Box<dyn Future<Output = Vec<Check>> + 'a>>;

pub async fn run(context: &Context, args: &DoctorArgs) -> Result<Outcome, CommandError> {
    let environments: Vec<&Environment> = match &args.environment {
        Some(name) => vec![context.settings.environment(name)?],
        None => context.settings.environments.values().collect(),
    };
    let groups: [Checks<'_>; 4] = [
        Box::pin(files(context)),
        Box::pin(limited("local database", local_database(context))),
        Box::pin(limited("Heroku", heroku(context, &environments))),
        Box::pin(limited("GitLab", async { vec![project(context).await] })),
    ];
    let work = async { Ok(join_all(groups).await.into_iter().flatten().collect::<Vec<Check>>()) };
    let checks = context.interrupt.guard(work).await?;
    let failed = checks.iter().filter(|check| check.verdict == Verdict::Fail).count();
    let mut lines: Vec<String> = checks.iter().map(Check::line).collect();
    lines.push(match failed {
        0 => "all well".to_owned(),
        failed => format!("{} failed", ui::plural(failed as u64, "check")),
    });
    let result = json!({
        "checks": checks.iter().map(|check| json!({
            "name": check.name,
            "verdict": check.verdict.name(),
            "detail": check.detail,
            "mend": check.mend,
        })).collect::<Vec<_>>(),
        "failed": failed,
    });
    let exit_code = if failed == 0 { 0 } else { Kind::Configuration.exit_code() };
    Ok(Outcome { result, text: lines.join("\n"), exit_code })
}

async fn limited(name: &str, checks: impl Future<Output = Vec<Check>>) -> Vec<Check> {
    let seconds = TIME_LIMIT.as_secs();
    tokio::time::timeout(TIME_LIMIT, checks).await.unwrap_or_else(|_| {
        vec![Check::fail(
            name,
            format!("no answer within {seconds} s"),
            "see whether the server is up",
        )]
    })
}

async fn files(context: &Context) -> Vec<Check> {
    let settings = &context.settings;
    let files: Vec<String> = settings.files.iter().map(|path| path.display().to_string()).collect();
    let files =
        if files.is_empty() { "built-in defaults only".to_owned() } else { files.join(", ") };
    vec![Check::pass("configuration", files), manifest(context), state_directory(context)]
}

fn manifest(context: &Context) -> Check {
    let name = "scrub manifest";
    match &context.settings.scrub_manifest {
        None => match Manifest::built_in() {
            Ok(_) => Check::pass(name, "built in"),
            Err(error) => Check::fail(name, error.to_string(), "report this as a defect of bcops"),
        },
        Some(path) => {
            let place = path.value.display().to_string();
            let parsed = std::fs::read_to_string(&path.value)
                .map_err(|error| format!("cannot read {place}: {error}"))
                .and_then(|text| Manifest::parse(&place, &text).map_err(|error| error.to_string()));
            match parsed {
                Ok(_) => Check::pass(name, place),
                Err(error) => Check::fail(name, error, format!("edit {place}")),
            }
        }
    }
}

/// Looks at the nearest folder that exists: the rest is made when it is needed.
fn state_directory(context: &Context) -> Check {
    let folder = &context.settings.state_directory.value;
    let existing = folder.ancestors().find(|folder| folder.exists());
    let writable = existing.is_some_and(may_write);
    let place = folder.display().to_string();
    if writable {
        Check::pass("state folder", place)
    } else {
        Check::fail("state folder", format!("{place} cannot be written"), "set BCOPS_STATE_DIR")
    }
}

/// Asks the system, which knows more than the mode bits say.
fn may_write(folder: &std::path::Path) -> bool {
    use std::os::unix::ffi::OsStrExt;
    let Ok(path) = std::ffi::CString::new(folder.as_os_str().as_bytes()) else { return false };
    // SAFETY: the pointer is to a string with its terminator, which lives through the call.
    folder.is_dir() && unsafe { libc::access(path.as_ptr(), libc::W_OK | libc::X_OK) } == 0
}

async fn local_database(context: &Context) -> Vec<Check> {
    let name = "local database";
    let mend = "start the server, or point BCOPS_LOCAL_DATABASE_URL at it";
    let url = match context.local_database() {
        Ok(url) => url,
        Err(error) => {
            return vec![Check::fail(name, error.to_string(), "set BCOPS_LOCAL_DATABASE_URL")];
        }
    };
    let host = url.host.to_string();
    let allowed = &context.settings.local.allowed_hosts;
    let allowed = allowed.iter().any(|name| name.eq_ignore_ascii_case(&host));
    if !allowed && !DatabaseIdentity::of(&url).is_on_this_machine() {
        let detail = format!("{} is not on this machine", url.place());
        return vec![Check::fail(
            name,
            detail,
            "point BCOPS_LOCAL_DATABASE_URL at a server on this machine",
        )];
    }
    let session = match connect(&url.with_database("postgres")).await {
        Ok(session) => session,
        Err(error) => {
            let detail = CommandError::from(error);
            let causes = detail.causes().join(": ");
            return vec![Check::fail(name, format!("{detail}: {causes}"), mend)];
        }
    };
    let row = session
        .query_one(
            "SELECT current_setting('server_version'), rolsuper OR rolcreatedb, rolname::text, \
             EXISTS (SELECT FROM pg_catalog.pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY(enumvals)) \
             FROM pg_catalog.pg_roles WHERE rolname = current_user",
            &[],
        )
        .await;
    let row = match row {
        Ok(row) => row,
        Err(error) => {
            return vec![Check::fail(name, crate::adapters::postgres::describe(&error), mend)];
        }
    };
    let (version, role): (String, String) = (row.get(0), row.get(2));
    let mut checks = vec![Check::pass(name, format!("Postgres {version} on {}", url.place()))];
    checks.push(if row.get::<_, bool>(1) {
        Check::pass("local role", format!("{role} may create databases"))
    } else {
        Check::fail(
            "local role",
            format!("{role} may not create databases"),
            format!("as a superuser: ALTER ROLE \"{role}\" CREATEDB"),
        )
    });
    if !row.get::<_, bool>(3) {
        checks.push(Check::skip("lz4", "this server was built without it: loading takes longer"));
    }
    checks
}

async fn heroku(context: &Context, environments: &[&Environment]) -> Vec<Check> {
    let logged_in = log_in(context).await;
    let account = OptionFuture::from(logged_in.as_ref().ok().map(account));
    let apps =
        join_all(environments.iter().map(|environment| app(context, &logged_in, environment)));
    let (account, apps) = tokio::join!(account, apps);
    let token = logged_in.err().map(|error| failure("Heroku token", error));
    token.into_iter().chain(account).chain(apps.into_iter().flatten()).collect()
}

async fn account(logged_in: &LoggedIn) -> Check {
    match logged_in.heroku.account().await {
        Ok(account) => Check::pass(
            "Heroku account",
            format!("{} (token from {})", account.email, logged_in.token_origin),
        ),
        Err(error) => failure("Heroku account", error),
    }
}

fn failure(name: &str, error: HerokuError) -> Check {
    let error = CommandError::from(error);
    let mend = error.hints.first().cloned().unwrap_or_else(|| "see the message".to_owned());
    Check::fail(name, with_cause(&error), mend)
}

fn with_cause(error: &CommandError) -> String {
    match error.causes().last() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

/// Without a login, what this process's variables say in the place of config vars is looked at.
async fn app(
    context: &Context,
    logged_in: &Result<LoggedIn, HerokuError>,
    environment: &Environment,
) -> Vec<Check> {
    let name = &environment.name;
    let app = &environment.app.value;
    let overrides = context.overrides(name);
    let Ok(client) = logged_in else {
        if overrides.is_empty() {
            return Vec::new();
        }
        let values = Values { own: ConfigVars::default(), overrides };
        return vec![bucket(context, logged_in, environment, &values).await];
    };
    let own = match client.heroku.config_vars(app).await {
        Ok(vars) => vars,
        Err(HerokuError::NotFound { .. }) => {
            return vec![Check::fail(
                name,
                format!("Heroku has no app {app}, or this account cannot see it"),
                format!("ask to be added to {app}, or set environments.{name}.app in bcops.toml"),
            )];
        }
        Err(error) => return vec![failure(name, error)],
    };
    let values = Values { own, overrides };
    let protected = if environment.protected { ", protected" } else { "" };
    let mut checks = vec![Check::pass(name, format!("{app}{protected}: config vars can be read"))];
    checks.push(bucket(context, logged_in, environment, &values).await);
    let vars = values.in_force();
    checks.extend(purge_cache::checks(context, environment, &vars).await.into_iter().map(found));
    let variable = &environment.database_url_variable;
    if values.own.get(variable).is_none() {
        checks.push(Check::fail(
            &format!("{name} database"),
            format!("{app} has no config var {variable}"),
            format!("set environments.{name}.config_vars.database_url in bcops.toml"),
        ));
        return checks;
    }
    checks.push(backups(context, client, environment).await);
    checks
}

/// A check that another command's own module has made.
fn found((name, finding): purge_cache::Finding) -> Check {
    match finding {
        None => Check::skip(&name, "there is none"),
        Some(Ok(detail)) => Check::pass(&name, detail),
        Some(Err(error)) => {
            let mend = error.hints.last().cloned();
            let mend =
                mend.unwrap_or_else(|| "see the message, and the app's config vars".to_owned());
            Check::fail(&name, error.to_string(), mend)
        }
    }
}

async fn project(context: &Context) -> Check {
    let name = "GitLab";
    match gitlab::look(context).await {
        None => Check::skip(name, gitlab::NO_TOKEN),
        Some(Ok(detail)) => Check::pass(name, detail),
        Some(Err(error)) => {
            let mend = error.hints.first().cloned();
            let mend = mend.unwrap_or_else(|| "see the message".to_owned());
            Check::fail(name, with_cause(&error), mend)
        }
    }
}

async fn bucket(
    context: &Context,
    logged_in: &Result<LoggedIn, HerokuError>,
    environment: &Environment,
    values: &Values,
) -> Check {
    let name = format!("{} bucket", environment.name);
    match media::check_bucket(context, logged_in, environment, values).await {
        None => {
            let variable = &environment.bucket_variables.bucket;
            Check::skip(&name, format!("{} has no config var {variable}", environment.app.value))
        }
        Some(Ok(detail)) => Check::pass(&name, detail),
        Some(Err(error)) if error.kind == Kind::Refused => {
            let app = &environment.app.value;
            let mend = format!("correct the config vars of {app} or of the environment named");
            Check::fail(&name, with_cause(&error), mend)
        }
        Some(Err(error)) => {
            let mend = "give the bucket's keys the right, or correct the app's config vars";
            Check::fail(&name, error.to_string(), mend)
        }
    }
}

async fn backups(context: &Context, logged_in: &LoggedIn, environment: &Environment) -> Check {
    let name = format!("{} backups", environment.name);
    let heroku = &logged_in.heroku;
    let found = async {
        let database = heroku
            .resolve_database(&environment.app.value, &environment.database_url_variable)
            .await?;
        heroku.transfers_of(&database).await
    };
    let transfers = match found.await {
        Ok(transfers) => transfers,
        Err(error) => return failure(&name, error),
    };
    let capture = format!("bcops pull-data {} --capture", environment.name);
    let Some(newest) = newest_completed(&transfers) else {
        return Check::fail(&name, "there is no completed backup", capture);
    };
    let age = newest
        .finished_at
        .and_then(|at| Duration::try_from(jiff::Timestamp::now().duration_since(at)).ok())
        .unwrap_or_default();
    let detail = format!("newest is {}, {} old", newest.name(), ui::duration(age));
    if age > context.settings.backup_max_age.value {
        Check::fail(&name, detail, format!("{capture}, or see whether the schedule still runs"))
    } else {
        Check::pass(&name, detail)
    }
}
