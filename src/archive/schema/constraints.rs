//! Reads constraints and the columns of indexes.

use std::collections::BTreeSet;

use super::super::sql::{Cursor, Reason, Token};
use super::MAXIMUM_COLUMNS;
use super::columns::{set_not_null, skip_to_separator};
use crate::schema::{Check, ForeignKey, Table, UniqueKey};

/// Reads a constraint after its name. `local` collects the columns that are NOT NULL in this table
/// only, and not in tables that inherit from it.
pub(super) fn read_constraint(
    cursor: &mut Cursor<'_>,
    table: &mut Table,
    name: String,
    default_schema: &str,
    local: &mut BTreeSet<String>,
) -> Result<(), Reason> {
    let primary = cursor.take_word("PRIMARY")?;
    if primary || cursor.take_word("UNIQUE")? {
        let _key = cursor.take_word("KEY")?;
        if cursor.take_word("NULLS")? {
            cursor.take_word("NOT")?;
            cursor.take_word("DISTINCT")?;
        }
        let (columns, partial) = read_column_list(cursor)?;
        table.unique_keys.push(UniqueKey { name, columns, partial, primary });
    } else if cursor.take_word("FOREIGN")? {
        let _key = cursor.take_word("KEY")?;
        let (columns, _) = read_column_list(cursor)?;
        if !cursor.take_word("REFERENCES")? {
            return Err("a foreign key names no table");
        }
        let references = cursor.table_name(default_schema)?;
        let (referenced_columns, _) = read_column_list(cursor)?;
        if table.foreign_keys.len() == MAXIMUM_COLUMNS {
            return Err("its table has more foreign keys than Postgres allows columns");
        }
        table.foreign_keys.push(ForeignKey { name, columns, references, referenced_columns });
    } else if cursor.take_word("NOT")? && cursor.take_word("NULL")? {
        let column = cursor.identifier()?;
        set_not_null(table, &column);
        if takes_no_inherit(cursor)? {
            local.insert(column);
        }
    } else if cursor.take_word("CHECK")? {
        table.checks.extend(read_check(cursor, name)?);
    }
    Ok(())
}

/// `NO INHERIT`, if it is next.
pub(super) fn takes_no_inherit(cursor: &mut Cursor<'_>) -> Result<bool, Reason> {
    Ok(cursor.take_word("NO")? && cursor.take_word("INHERIT")?)
}

/// Reads a constraint after `CHECK`. `None` if the server does not enforce it.
pub(super) fn read_check(cursor: &mut Cursor<'_>, name: String) -> Result<Option<Check>, Reason> {
    let start = cursor.clone();
    if !cursor.take('(')? {
        return Err("a CHECK has no condition");
    }
    cursor.skip_parentheses()?;
    let expression = start.text_until(cursor).to_owned();
    let mut check = Check { name, expression, no_inherit: false };
    loop {
        if cursor.take_word("NO")? {
            check.no_inherit |= cursor.take_word("INHERIT")?;
        } else if cursor.take_word("NOT")? {
            if cursor.take_word("ENFORCED")? {
                return Ok(None);
            }
            let _not_valid = cursor.take_word("VALID")?;
        } else if !cursor.take_word("ENFORCED")? {
            return Ok(Some(check));
        }
    }
}

/// The constraint in `CHECK (…)`, as `pg_get_constraintdef` writes it. `None` if it is not an
/// enforced CHECK.
pub fn check_of(name: &str, definition: &str) -> Option<Check> {
    let mut cursor = Cursor::new(definition);
    if !cursor.take_word("CHECK").ok()? {
        return None;
    }
    read_check(&mut cursor, name.to_owned()).ok()?
}

/// Reads names in parentheses, and whether one is a range that must not overlap instead of a value
/// that must be unique.
fn read_column_list(cursor: &mut Cursor<'_>) -> Result<(Vec<String>, bool), Reason> {
    if !cursor.take('(')? {
        return Err("a key has no list of columns");
    }
    let (mut columns, mut without_overlaps) = (Vec::new(), false);
    loop {
        let mut name = cursor.identifier()?;
        if name == "period" && !matches!(cursor.peek()?, Token::Symbol(_)) {
            name = cursor.identifier()?;
        }
        columns.push(name);
        if cursor.take_word("WITHOUT")? {
            without_overlaps |= cursor.take_word("OVERLAPS")?;
        }
        if cursor.take(')')? {
            return Ok((columns, without_overlaps));
        }
        if !cursor.take(',')? {
            return Err("a list of columns is not closed");
        }
    }
}

/// Reads the plain columns of an index, and whether it also has expressions.
pub(super) fn read_index_elements(cursor: &mut Cursor<'_>) -> Result<(Vec<String>, bool), Reason> {
    let (mut columns, mut has_expressions) = (Vec::new(), false);
    loop {
        let mut ahead = cursor.clone();
        let column = match ahead.next()? {
            Token::Word(_) | Token::Quoted(_) => {
                let is_call = matches!(ahead.peek()?, Token::Symbol('(' | '.'));
                if is_call { None } else { Some(cursor.identifier()?) }
            }
            _ => None,
        };
        match column {
            Some(column) => columns.push(column),
            None => has_expressions = true,
        }
        if skip_to_separator(cursor)? == ')' {
            return Ok((columns, has_expressions));
        }
    }
}

/// Whether the rest of CREATE INDEX has a WHERE clause. Stops before the semicolon.
pub(super) fn has_where(cursor: &mut Cursor<'_>) -> Result<bool, Reason> {
    loop {
        match cursor.peek()? {
            Token::Symbol(';') | Token::End => return Ok(false),
            token if token.is_word("WHERE") => return Ok(true),
            _ => cursor.next()?,
        };
    }
}
