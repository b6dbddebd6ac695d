//! Drops CHECK constraints that call functions from the empty tables, and adds them again after the
//! last row.
//!
//! Such a function may read a table whose rows come later in the backup, so the CHECK would refuse
//! correct rows. The server tests a CHECK that is added again on every row.

use crate::adapters::postgres::{PostgresError, Session, quote_literal};
use crate::schema::quote_identifier;

use super::{RestoreError, RestorePlan};

/// A constraint that will be added again.
#[derive(Debug)]
pub struct LateCheck {
    /// With its schema, quoted.
    table: String,
    name: String,
    /// As the server spells it.
    definition: String,
    comment: Option<String>,
}

/// Objects with lower OIDs belong to the server itself.
const FIRST_NORMAL_OID: u32 = 16384;

/// More levels of inheritance than any database has.
const LEVELS: usize = 64;

/// Drops the constraints and returns them. A child's own constraint can only be dropped after its
/// parent's.
pub async fn take_off(session: &Session) -> Result<Vec<LateCheck>, RestoreError> {
    let sql = format!(
        "SELECT c.conrelid::pg_catalog.regclass::text, c.conname::text, \
           pg_catalog.pg_get_constraintdef(c.oid), \
           pg_catalog.obj_description(c.oid, 'pg_constraint') \
         FROM pg_catalog.pg_constraint c \
         WHERE c.contype = 'c' AND c.conrelid <> 0 AND c.coninhcount = 0 \
           AND EXISTS (SELECT FROM pg_catalog.pg_depend d \
             WHERE d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass AND d.objid = c.oid \
               AND d.refclassid IN ('pg_catalog.pg_proc'::pg_catalog.regclass, \
                 'pg_catalog.pg_operator'::pg_catalog.regclass) \
               AND d.refobjid >= {FIRST_NORMAL_OID}) \
           AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d \
             WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass \
               AND d.objid = c.conrelid AND d.deptype = 'e') \
         ORDER BY c.oid"
    );
    let mut taken = Vec::new();
    for _ in 0..LEVELS {
        let found = session.query(&sql, &[]).await?;
        if found.is_empty() {
            break;
        }
        for row in found {
            let check = LateCheck {
                table: row.get(0),
                name: row.get(1),
                definition: row.get(2),
                comment: row.get(3),
            };
            let sql = format!(
                "ALTER TABLE {} DROP CONSTRAINT {}",
                check.table,
                quote_identifier(&check.name)
            );
            session.batch_execute(&sql).await?;
            taken.push(check);
        }
    }
    Ok(taken)
}

/// Adds the constraints again, those of children first, because a child's own constraint was made
/// before it also inherited one.
///
/// # Errors
///
/// The first CHECK that a row breaks, or whose function fails.
pub async fn put_back(
    session: &Session,
    plan: &RestorePlan,
    checks: &[LateCheck],
) -> Result<(), RestoreError> {
    for check in checks.iter().rev() {
        let LateCheck { table, name, definition, comment } = check;
        let quoted = quote_identifier(name);
        let mut sql = plan.site_path.set_local(None);
        sql.push_str(&format!("ALTER TABLE {table} ADD CONSTRAINT {quoted} {definition};\n"));
        if let Some(comment) = comment {
            let comment = quote_literal(comment);
            sql.push_str(&format!("COMMENT ON CONSTRAINT {quoted} ON {table} IS {comment};\n"));
        }
        session.batch_execute(&sql).await.map_err(|error| RestoreError::Check {
            table: table.clone(),
            name: name.clone(),
            source: PostgresError::Server(error),
        })?;
    }
    Ok(())
}
