//! `--check`: the audit alone, on any database, in a transaction that can only read.

use serde_json::{Value, json};

use crate::adapters::postgres::PostgresError;
use crate::cli::ScrubPiiArgs;
use crate::commands::{Context, Outcome, findings, manifest};
use crate::error::{self, CommandError};
use crate::scrub::live::{self, Access, Audit, Depth};

use super::target::{self, Target};
use super::{limits, summary};

pub async fn run(context: &Context, args: &ScrubPiiArgs) -> Result<Outcome, CommandError> {
    let manifest = manifest::load(context)?;
    let limits = limits(args);
    let checking = async {
        let target = target::readable(context, args).await?;
        context.ui.message(&format!(
            "checking  {}, by the policy `{}`",
            target.describe(),
            target.policy
        ));
        let session = target.connect().await?;
        live::begin(&session, Access::Read, &limits).await?;
        let looking = async {
            // What edits would still find is found by the audit.
            let depth = Depth::Statements;
            let (schema, plan) = live::look(&session, &manifest, &target.policy).await?;
            let audit = live::audit(&session, &plan, &schema, &context.reporter()).await?;
            let pending = live::pending(&session, &plan, &schema, depth, &limits).await?;
            Ok((audit, summary::Seen { pending, plan, depth }))
        };
        let (audit, seen) = match looking.await {
            Ok(seen) => seen,
            Err(error) => return Err(live::explain(&session, error).await.into()),
        };
        session.batch_execute("ROLLBACK").await.map_err(PostgresError::from)?;
        Ok((target, audit, seen))
    };
    let (target, audit, seen) = context.interrupt.guard(checking).await?;
    let result = result(&target, &audit, &seen);
    if audit.passed() {
        let text = format!("{}{}", findings::passed(&audit.counts), summary::pending_note(&seen));
        return Ok(Outcome::done(result, text.trim_end().to_owned()));
    }
    let (found, doubts) = (audit.findings(), audit.doubts());
    let places = crate::ui::plural((found.len() + doubts.len()) as u64, "place");
    let message = format!("personal data in {places} of {}", target.url.database);
    Err(error::personal_data(message, &found, &doubts).with_result(result))
}

fn result(target: &Target, audit: &Audit, seen: &summary::Seen) -> Value {
    json!({
        "target": summary::target_json(target),
        "policy": target.policy,
        "findings": audit.findings().iter().map(findings::json).collect::<Vec<_>>(),
        "audit": audit.counts.iter().map(findings::json).collect::<Vec<_>>(),
        "unread": audit.unread.iter().map(findings::unread_json).collect::<Vec<_>>(),
        "pending": summary::pending_json(seen),
    })
}
