//! Asks the server whether it accepts the values that the rules write.
//!
//! Each condition is evaluated for the written values alone, in a row whose other columns are NULL.
//! No row of the database is read.

use tokio_postgres::error::SqlState;

use super::LiveError;
use crate::adapters::postgres::{Session, quote_literal};
use crate::schema::{Schema, quote_identifier};
use crate::scrub::verdict::null_stands_for_anything;
use crate::scrub::{Finding, OpenCheck, PlanError, ScrubPlan, Written, WrittenColumn};

/// Evaluates everything that the plan leaves open. The session is in a transaction. A condition
/// that cannot be evaluated, or that depends on columns the rule does not change, is not a finding.
///
/// # Errors
///
/// [`LiveError::Plan`] with every refused value.
pub async fn check_values(
    session: &Session,
    plan: &ScrubPlan,
    schema: &Schema,
) -> Result<(), LiveError> {
    let mut findings = Vec::new();
    for check in plan.open_checks() {
        findings.extend(finding(session, check, schema).await?);
    }
    if findings.is_empty() {
        return Ok(());
    }
    Err(LiveError::Plan(PlanError { policy: plan.policy().to_owned(), findings }))
}

async fn finding(
    session: &Session,
    check: &OpenCheck,
    schema: &Schema,
) -> Result<Option<Finding>, LiveError> {
    for column in &check.written {
        let samples = column.values.samples();
        let mut refused = !samples.is_empty();
        for value in &samples {
            refused = refused && is_refused(session, check, column, value, schema).await?;
        }
        if refused {
            let value = samples.into_iter().next().flatten();
            return Ok(Some(check.finding(column, &value)));
        }
    }
    Ok(None)
}

/// Whether the condition fails for the value, whatever else is in the row.
async fn is_refused(
    session: &Session,
    check: &OpenCheck,
    column: &WrittenColumn,
    value: &Option<String>,
    schema: &Schema,
) -> Result<bool, LiveError> {
    let Some(statement) = statement(check, column, value, schema) else { return Ok(false) };
    session.batch_execute("SAVEPOINT bcops_value").await?;
    let answer = session.query_one(&statement, &[]).await;
    session
        .batch_execute("ROLLBACK TO SAVEPOINT bcops_value; RELEASE SAVEPOINT bcops_value")
        .await?;
    Ok(match answer {
        Ok(_) if check.domain.is_some() => false,
        Ok(row) => row.try_get::<_, Option<bool>>(0).ok().flatten() == Some(false),
        // A domain refuses a value with an error that names the constraint.
        Err(error) => error.as_db_error().is_some_and(|error| {
            check.domain.is_some()
                && *error.code() == SqlState::CHECK_VIOLATION
                && error.constraint() == Some(check.constraint.as_str())
        }),
    })
}

/// `None` if the result would depend on other columns of the row.
fn statement(
    check: &OpenCheck,
    column: &WrittenColumn,
    value: &Option<String>,
    schema: &Schema,
) -> Option<String> {
    if check.domain.is_some() {
        return Some(format!("SELECT {} IS NULL", typed(column, value.as_deref())));
    }
    let table = schema.tables.get(&check.table)?;
    let mut values = vec![(column.name.as_str(), typed(column, value.as_deref()))];
    let mut is_partly_known = check.reads_others;
    for other in check.written.iter().filter(|other| other.name != column.name) {
        match other.values.in_every_row() {
            Some(value) => values.push((&other.name, typed(other, value))),
            None => is_partly_known = true,
        }
    }
    if is_partly_known && !null_stands_for_anything(&check.expression) {
        return None;
    }
    let written: Vec<String> = values
        .iter()
        .enumerate()
        .map(|(index, (_, value))| format!("{value} AS v{index}"))
        .collect();
    // A join that never matches gives every other column a NULL of its own type.
    let columns = table.columns.iter().map(|described| {
        let name = quote_identifier(&described.name);
        match values.iter().position(|(written, _)| *written == described.name) {
            Some(index) => format!("w.v{index} AS {name}"),
            None => format!("r.{name}"),
        }
    });
    Some(format!(
        "SELECT {} FROM (SELECT {} FROM (SELECT {}) AS w LEFT JOIN {} AS r ON false) AS {}",
        check.expression,
        columns.collect::<Vec<_>>().join(", "),
        written.join(", "),
        check.table.quoted(),
        quote_identifier(&check.table.name)
    ))
}

fn typed(column: &WrittenColumn, value: Option<&str>) -> String {
    let literal = value.map_or_else(|| "NULL".to_owned(), quote_literal);
    format!("CAST({literal} AS {})", column.type_name)
}

/// Whether any part of the check can be evaluated.
impl OpenCheck {
    pub fn has_values(&self) -> bool {
        self.written.iter().any(|column| column.values != Written::Unknown)
    }
}
