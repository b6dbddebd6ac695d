//! `--check`: runs only the audit, on any database, in a read-only transaction.

use schemars::JsonSchema;
use serde::Serialize;

use crate::adapters::postgres::PostgresError;
use crate::cli::ScrubPiiArgs;
use crate::commands::findings::{self, Audited, Judged};
use crate::commands::{Context, Outcome, scrub_target};
use crate::deployment::manifest;
use crate::failure::{CommandError, FailureKind};
use crate::scrub::UnreadValues;
use crate::scrub::live::{self, Access, Depth};

use super::summary::{Pending, TargetDocument, Unseen};
use super::{limits, named, summary};

/// The result of `--check`.
#[derive(Serialize, JsonSchema)]
pub struct Checked<'a> {
    target: TargetDocument<'a>,
    policy: &'a str,
    /// Personal data where none is allowed.
    findings: Vec<Audited<'a>>,
    /// All that the audit found, allowed or not.
    audit: Vec<Audited<'a>>,
    /// Values that the audit could not read.
    unread: Vec<Judged<'a, UnreadValues>>,
    /// What the rules would still change.
    pending: Vec<Pending<'a>>,
    not_looked_at: Vec<Unseen<'a>>,
}

pub async fn run(context: &Context, args: &ScrubPiiArgs) -> Result<Outcome, CommandError> {
    let manifest = manifest::load(&context.settings)?;
    let limits = limits(args);
    let checking = async {
        let target = scrub_target::readable(context, named(args)).await?;
        context.ui.message(&format!(
            "checking  {}, by the policy `{}`",
            target.describe(),
            target.policy
        ));
        let session = target.connect().await?;
        live::begin(&session, Access::Read, &limits).await?;
        let looking = async {
            // In published columns the audit does not report what an edit would remove.
            let depth = Depth::Values;
            let (schema, plan) = live::look(&session, &manifest, &target.policy).await?;
            let audit = live::audit(&session, &plan, &schema, &context.reporter()).await?;
            let pending = live::pending(&session, &plan, &schema, depth, &limits).await?;
            Ok((audit, summary::Seen { pending, plan, depth }, schema))
        };
        let (audit, seen, schema) = match looking.await {
            Ok(seen) => seen,
            Err(error) => return Err(live::explain(&session, error).await.into()),
        };
        session.batch_execute("ROLLBACK").await.map_err(PostgresError::from)?;
        Ok((target, audit, seen, schema))
    };
    let (target, audit, seen, schema) = context.interrupt.guard(checking).await?;
    summary::warn_of_unseen(context, &schema);
    findings::warn_of_doubts(context, &audit.counts);
    let found = audit.findings();
    let result = Checked {
        target: TargetDocument::of(&target),
        policy: &target.policy,
        findings: findings::judged(&found),
        audit: findings::judged(&audit.counts),
        unread: findings::judged_unread(&audit.unread),
        pending: seen.documents(),
        not_looked_at: summary::unseen(&schema),
    };
    let unedited = seen.unedited();
    if audit.passed() && unedited.is_empty() {
        let text = format!("{}{}", findings::passed(&audit.counts), summary::pending_note(&seen));
        return Ok(Outcome::done(result, text.trim_end().to_owned()));
    }
    let doubts = audit.doubts();
    let places = (found.len() + doubts.len() + unedited.len()) as u64;
    let places = crate::words::plural(places, "place");
    let message = format!("personal data in {places} of {}", target.url.database);
    let error = match found.is_empty() && doubts.is_empty() {
        true => CommandError::new(FailureKind::PersonalData, message),
        false => crate::scrub::personal_data(message, &found, &doubts),
    };
    let error = error.with_hints(unedited);
    Err(error.with_result(result))
}
