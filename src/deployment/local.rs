//! Checks that the local database is on this machine and does not belong to an environment.
//!
//! If every protected environment can be asked, none of them may have this database. If one cannot
//! be asked, the database has to prove that it belongs to this machine: its role can create
//! databases, which no role at Heroku can, or it has the mark of an earlier pull.

use std::time::Duration;

use futures_util::future::join_all;
use tokio_postgres::error::SqlState;

use super::resources::Resources;
use super::{Deployments, LoggedIn, Marks, Values, known};
use crate::adapters::postgres::{
    DatabaseFingerprint, DatabaseIdentity, DatabaseUrl, HeldLock, PostgresError, Session, Sighting,
    connect,
};
use crate::events::Event;
use crate::failure::{CommandError, FailureKind};
use crate::settings::Environment;

/// How long the database of an environment may take to answer.
const PATIENCE: Duration = Duration::from_secs(8);

/// Refuses a target that is neither on this machine nor on a host that the user has listed.
pub fn on_this_machine(
    deployments: Deployments<'_>,
    target: &DatabaseUrl,
) -> Result<(), CommandError> {
    let host = target.host.to_string();
    let listed = &deployments.settings.local.allowed_hosts;
    let allowed = listed.iter().any(|name| name.eq_ignore_ascii_case(&host));
    if allowed || DatabaseIdentity::of(target).is_on_this_machine() {
        return Ok(());
    }
    Err(CommandError::new(
        FailureKind::Refused,
        format!(
            "{} is not on this machine, and this command only writes to a local database; \
                 nothing was changed",
            target.place()
        ),
    )
    .hint("point BCOPS_LOCAL_DATABASE_URL at a server on this machine")
    .hint(format!("if only you use {host}, add it to local.allowed_hosts in bcops.toml")))
}

/// Refuses the databases that every server has. Tools connect to one of them first, and the server
/// copies the others to make a new database.
pub fn not_the_servers_own(target: &DatabaseUrl) -> Result<(), CommandError> {
    let name = target.database.as_str();
    if !["postgres", "template0", "template1"].contains(&name) {
        return Ok(());
    }
    Err(CommandError::new(
        FailureKind::Refused,
        format!("the target {name} is the server's own database; nothing was changed"),
    )
    .hint("name a database of your own, with --target or in BCOPS_LOCAL_DATABASE_URL"))
}

/// An environment that must not own the target.
struct Side<'a> {
    environment: &'a Environment,
    resources: Resources,
    /// Why the environment's config vars cannot be read.
    unread: Option<String>,
}

/// Refuses a target that is the database of any environment, under any name or address. Returns the
/// Heroku client if there is a login. `source` is the environment that the command reads, which has
/// to answer.
///
/// # Errors
/// A refusal if the target belongs to an environment, or if neither proof succeeds.
pub async fn not_an_environments_own(
    deployments: Deployments<'_>,
    source: Option<&str>,
    target: &DatabaseUrl,
) -> Result<Option<LoggedIn>, CommandError> {
    // The variables of this process are compared first, because they are known without Heroku.
    let environments = || deployments.settings.environments.values();
    for environment in environments() {
        let values = Values::overriding(environment);
        let resources = Resources::of(deployments.settings, environment, &values);
        compare_names(target, environment, &resources)?;
        if let Some(entry) = known::database(environment, target)? {
            return Err(refusal(target, environment, &entry));
        }
    }
    let logged_in = match deployments.log_in().await {
        Err(error) if source.is_some() => return Err(error.into()),
        other => other,
    };
    let looks = environments().map(|one| look(deployments, &logged_in, source, one));
    let sides: Vec<Side<'_>> =
        join_all(looks).await.into_iter().collect::<Result<_, CommandError>>()?;
    for side in &sides {
        compare_names(target, side.environment, &side.resources)?;
    }
    let open = ask_servers(target, &sides).await?;
    if let Some(reason) = open {
        must_be_own(deployments, target, &reason).await?;
    }
    Ok(logged_in.ok())
}

async fn look<'a>(
    deployments: Deployments<'_>,
    logged_in: &super::LogIn,
    source: Option<&str>,
    environment: &'a Environment,
) -> Result<Side<'a>, CommandError> {
    let mut values = Values::overriding(environment);
    let mut unread = None;
    match logged_in {
        Err(error) => unread = Some(error.to_string()),
        Ok(logged_in) => match logged_in.heroku.config_vars(&environment.app.value).await {
            Ok(vars) => values.own = vars,
            Err(error) if source == Some(environment.name.as_str()) => return Err(error.into()),
            // If Heroku does not answer for one app, it does not answer for the next one either.
            Err(error) if error.is_unanswered() && source.is_some() => {
                return Err(error.into());
            }
            // A missing app has no database. A protected app may only have another name today.
            Err(error) if error.is_not_found() && !environment.protected => {}
            Err(error) => unread = Some(error.to_string()),
        },
    }
    let resources = Resources::of(deployments.settings, environment, &values);
    Ok(Side { environment, resources, unread })
}

/// Refuses the target if one of the environment's config vars names it.
fn compare_names(
    target: &DatabaseUrl,
    environment: &Environment,
    resources: &Resources,
) -> Result<(), CommandError> {
    let identity = DatabaseIdentity::of(target);
    for lead in &resources.databases {
        if let Ok(url) = &lead.target
            && identity.may_be(&DatabaseIdentity::of(url))
        {
            return Err(refusal(target, environment, &lead.variable));
        }
    }
    Ok(())
}

/// Takes a lock on the target and looks for it from the databases of every environment. Returns a
/// reason if a protected environment could not be compared.
async fn ask_servers(
    target: &DatabaseUrl,
    sides: &[Side<'_>],
) -> Result<Option<String>, CommandError> {
    let mut open = sides.iter().filter(|side| side.environment.protected).find_map(|side| {
        let unread = side.unread.as_ref()?;
        let needs_more =
            side.environment.known.databases.is_empty() && side.resources.databases.is_empty();
        needs_more.then(|| format!("the database of {}: {unread}", side.environment.name))
    });
    let lock = match HeldLock::take(target).await {
        Ok(lock) => lock,
        // A database that does not exist yet belongs to no environment.
        Err(error) if error.code() == Some(&SqlState::INVALID_CATALOG_NAME) => return Ok(open),
        Err(error) => {
            return Ok(Some(format!(
                "any environment, because the target does not answer: \
                                              {error}"
            )));
        }
    };
    let asked = sides.iter().flat_map(|side| {
        let lock = &lock;
        side.resources
            .databases
            .iter()
            .map(move |lead| async move { (side, lead, sight(lock, lead.target.as_ref()).await) })
    });
    for (side, lead, sighting) in join_all(asked).await {
        match sighting {
            Ok(true) => return Err(refusal(target, side.environment, &lead.variable)),
            Ok(false) => {}
            Err(reason) if side.environment.protected => {
                let app = &side.environment.app.value;
                open = open.or(Some(format!("{} of {app}: {reason}", lead.variable)));
            }
            Err(_) => {}
        }
    }
    if !lock.is_held().await.unwrap_or(false) {
        open = open.or(Some("any environment, because its server dropped a lock".to_owned()));
    }
    lock.release().await;
    Ok(open)
}

/// Whether the locked database is this one.
async fn sight(lock: &HeldLock, url: Result<&DatabaseUrl, &String>) -> Result<bool, String> {
    let url = url.map_err(String::clone)?;
    let sighting = tokio::time::timeout(PATIENCE, Sighting::of(url, lock.key()));
    let sighting = match sighting.await {
        Ok(found) => found.map_err(|error| error.to_string())?,
        Err(_) => return Err(format!("no answer within {} s", PATIENCE.as_secs())),
    };
    if sighting.is_here {
        return Ok(true);
    }
    if !sighting.fingerprint.is_follower || sighting.is_in_server {
        return Ok(false);
    }
    let own: &DatabaseFingerprint = &lock.fingerprint;
    own.is_of_one_line_with(&sighting.fingerprint)
        .ok_or_else(|| "a follower does not report its system identifier".to_owned())
}

/// Requires proof that a target that could not be compared belongs to this machine.
async fn must_be_own(
    deployments: Deployments<'_>,
    target: &DatabaseUrl,
    reason: &str,
) -> Result<(), CommandError> {
    let session = session_beside(target).await?;
    // The database may set a time limit of its own.
    session.batch_execute("SET statement_timeout = 0").await.map_err(PostgresError::from)?;
    let marks = Marks::in_state_folder(&deployments.settings.state_directory.value);
    let is_own =
        may_create_databases(&session).await? || marks.knows(&session, &target.database).await?;
    session.close().await;
    let text = format!("the target could not be compared with {reason}");
    if is_own {
        deployments.reporter.emit(Event::Note(format!(
            "{text}; it belongs to this machine, because its role can create databases or an \
             earlier pull made it"
        )));
        return Ok(());
    }
    Err(CommandError::new(
        FailureKind::Refused,
        format!(
            "{} on {} may be an environment's database: {text}; nothing was changed",
            target.database,
            target.place()
        ),
    )
    .hint(format!("use a role that can create databases: ALTER ROLE \"{}\" CREATEDB", target.user))
    .hint("or log in to Heroku: heroku login"))
}

/// The answers of a server that does not open this one database: it is missing, closed or full, or
/// the role lacks permission.
const CLOSED: [SqlState; 4] = [
    SqlState::INVALID_CATALOG_NAME,
    SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
    SqlState::TOO_MANY_CONNECTIONS,
    SqlState::INSUFFICIENT_PRIVILEGE,
];

/// A session in the target, or in another database of its server if the target does not open.
async fn session_beside(target: &DatabaseUrl) -> Result<Session, PostgresError> {
    let first = match connect(target).await {
        Err(error) if error.code().is_some_and(|code| CLOSED.contains(code)) => error,
        other => return other,
    };
    for database in ["postgres", "template1"] {
        if let Ok(session) = connect(&target.with_database(database)).await {
            return Ok(session);
        }
    }
    Err(first)
}

async fn may_create_databases(session: &Session) -> Result<bool, PostgresError> {
    let sql =
        "SELECT rolsuper OR rolcreatedb FROM pg_catalog.pg_roles WHERE rolname = current_user";
    Ok(session.query_one(sql, &[]).await?.try_get(0)?)
}

fn refusal(target: &DatabaseUrl, environment: &Environment, variable: &str) -> CommandError {
    CommandError::new(
        FailureKind::Refused,
        format!(
            "the target {} on {} is the database of {} ({variable} of {}); nothing was changed",
            target.database,
            target.place(),
            environment.name,
            environment.app.value
        ),
    )
    .hint("point BCOPS_LOCAL_DATABASE_URL at a database of your own, for example postgres:///site")
}
