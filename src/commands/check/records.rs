//! Reads the hosts of an environment's Site records.

use std::time::Duration;

use crate::adapters::postgres::connect;
use crate::commands::Context;
use crate::failure::CommandError;
use crate::reset::sites;
use crate::settings::Environment;

/// A database that does not answer must not delay the configured sites.
const TIME_LIMIT: Duration = Duration::from_secs(20);

/// Host names and ports, or why they cannot be read.
pub async fn read(
    context: &Context,
    environment: &Environment,
) -> Result<Vec<(String, i32)>, String> {
    match tokio::time::timeout(TIME_LIMIT, read_all(context, environment)).await {
        Ok(Ok(records)) => Ok(records),
        Ok(Err(error)) => {
            let causes = error.causes();
            let words: Vec<String> = std::iter::once(error.to_string()).chain(causes).collect();
            Err(words.join(": "))
        }
        Err(_) => Err(format!("no answer within {} s", TIME_LIMIT.as_secs())),
    }
}

async fn read_all(
    context: &Context,
    environment: &Environment,
) -> Result<Vec<(String, i32)>, CommandError> {
    let reading = context.deployments().reading(environment).await?;
    let session = connect(&reading.values.database(environment)?).await?;
    let records = sites::read(&session).await;
    session.close().await;
    Ok(records?.into_iter().map(|record| (record.hostname, record.port)).collect())
}
