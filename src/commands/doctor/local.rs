//! Checks the Postgres server on this machine, and the role that creates databases there.

use super::check::Check;
use crate::adapters::postgres::{DatabaseIdentity, connect};
use crate::commands::Context;
use crate::failure::CommandError;

pub async fn checks(context: &Context) -> Vec<Check> {
    let name = "local database";
    let fix = "start the server, or set BCOPS_LOCAL_DATABASE_URL to its address";
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
            "set BCOPS_LOCAL_DATABASE_URL to a server on this machine",
        )];
    }
    let session = match connect(&url.with_database("postgres")).await {
        Ok(session) => session,
        Err(error) => {
            let detail = CommandError::from(error);
            let causes = detail.causes().join(": ");
            return vec![Check::fail(name, format!("{detail}: {causes}"), fix)];
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
            return vec![Check::fail(name, crate::adapters::postgres::describe(&error), fix)];
        }
    };
    let (version, role): (String, String) = (row.get(0), row.get(2));
    let mut checks = vec![Check::pass(name, format!("Postgres {version} on {}", url.place()))];
    checks.push(if row.get::<_, bool>(1) {
        Check::pass("local role", format!("{role} may create databases"))
    } else {
        Check::fail(
            "local role",
            format!("{role} is not allowed to create databases"),
            format!("as a superuser: ALTER ROLE \"{role}\" CREATEDB"),
        )
    });
    if !row.get::<_, bool>(3) {
        checks
            .push(Check::skip("lz4", "this server was built without lz4, so loading takes longer"));
    }
    checks
}
