//! Logs in to an environment's database, in a session that is read only.

use super::check::Check;
use crate::adapters::postgres::{PostgresError, connect, describe};
use crate::deployment::Values;
use crate::failure::CommandError;
use crate::settings::Environment;

pub async fn check(environment: &Environment, values: &Values) -> Check {
    let name = format!("{} database", environment.name);
    let url = match values.database(environment) {
        Ok(url) => url,
        Err(error) => return Check::from((name.as_str(), error)),
    };
    let place = format!("{} on {}", url.database, url.place());
    let app = &environment.app.value;
    let fix = format!("check that this machine reaches the server: heroku pg:info --app {app}");
    let session = match connect(&url).await {
        Ok(session) => session,
        Err(error) => return Check::fail(&name, in_words(error), fix),
    };
    let asked = async {
        session.batch_execute("SET default_transaction_read_only = on").await?;
        let row = session.query_one("SELECT current_user::text, version()", &[]).await?;
        Ok::<(String, String), tokio_postgres::Error>((row.try_get(0)?, row.try_get(1)?))
    };
    match asked.await {
        Ok((role, version)) => {
            let version = version.split(' ').take(2).collect::<Vec<_>>().join(" ");
            Check::pass(&name, format!("{role} can log in to {place} ({version})"))
        }
        Err(error) => Check::fail(&name, describe(&error), fix),
    }
}

fn in_words(error: PostgresError) -> String {
    super::check::with_cause(&CommandError::from(error))
}
