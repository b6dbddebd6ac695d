//! Reads the elements of CREATE TABLE: columns with their types, and constraints.

use std::collections::BTreeSet;

use super::super::sql::{Cursor, Reason, Token};
use super::MAXIMUM_COLUMNS;
use super::constraints::{read_check, read_constraint, takes_no_inherit};
use crate::schema::{Check, Column, Table};

pub(super) fn merge_columns(all: &mut Vec<Column>, more: Vec<Column>) -> Result<(), Reason> {
    for column in more {
        match all.iter_mut().find(|known| known.name == column.name) {
            Some(known) => {
                known.not_null |= column.not_null;
                known.generated |= column.generated;
            }
            None => push_column(all, column)?,
        }
    }
    Ok(())
}

pub(super) fn push_column(columns: &mut Vec<Column>, column: Column) -> Result<(), Reason> {
    if columns.len() == MAXIMUM_COLUMNS {
        return Err("it has more columns than Postgres allows");
    }
    columns.push(column);
    Ok(())
}

pub(super) fn set_not_null(table: &mut Table, column: &str) {
    for column in table.columns.iter_mut().filter(|known| known.name == column) {
        column.not_null = true;
    }
}

/// The table that is being read.
#[derive(Default)]
pub(super) struct Elements {
    pub(super) table: Table,
    /// Columns that are NOT NULL in this table only, and not in tables that inherit from it.
    pub(super) local_not_null: BTreeSet<String>,
}

impl Elements {
    /// Reads the columns and constraints of CREATE TABLE, up to the closing parenthesis.
    pub(super) fn read(
        &mut self,
        cursor: &mut Cursor<'_>,
        default_schema: &str,
    ) -> Result<(), Reason> {
        if cursor.take(')')? {
            return Ok(());
        }
        loop {
            // A column with this name would be quoted.
            if cursor.take_word("CONSTRAINT")? {
                let name = cursor.identifier()?;
                let local = &mut self.local_not_null;
                read_constraint(cursor, &mut self.table, name, default_schema, local)?;
            } else {
                let mut read = read_column(cursor)?;
                self.table.checks.append(&mut read.checks);
                if read.local_not_null {
                    self.local_not_null.insert(read.column.name.clone());
                }
                push_column(&mut self.table.columns, read.column)?;
            }
            if skip_to_separator(cursor)? == ')' {
                return Ok(());
            }
        }
    }

    /// Reads the column options and constraints of a typed table or a partition, whose columns have
    /// their types from elsewhere.
    pub(super) fn read_options(
        &mut self,
        cursor: &mut Cursor<'_>,
        default_schema: &str,
    ) -> Result<(), Reason> {
        loop {
            if cursor.take_word("CONSTRAINT")? {
                let name = cursor.identifier()?;
                let local = &mut self.local_not_null;
                read_constraint(cursor, &mut self.table, name, default_schema, local)?;
            } else {
                let column = cursor.identifier()?;
                let options = read_options(cursor)?;
                for known in self.table.columns.iter_mut().filter(|known| known.name == column) {
                    known.not_null |= options.not_null;
                    known.generated |= options.generated;
                }
            }
            if skip_to_separator(cursor)? == ')' {
                return Ok(());
            }
        }
    }
}

struct Options {
    not_null: bool,
    generated: bool,
}

/// Reads the options of a column, up to the comma or parenthesis after them.
fn read_options(cursor: &mut Cursor<'_>) -> Result<Options, Reason> {
    let mut options = Options { not_null: false, generated: false };
    loop {
        match cursor.peek()? {
            Token::Symbol(',' | ')') => return Ok(options),
            Token::End => return Err("the column list is not closed"),
            _ => {}
        }
        match cursor.next()? {
            Token::Symbol('(') => cursor.skip_parentheses()?,
            token if token.is_word("NOT") => options.not_null |= cursor.take_word("NULL")?,
            token if token.is_word("GENERATED") => options.generated = is_computed(cursor)?,
            _ => {}
        }
    }
}

/// Skips to the comma or closing parenthesis that ends an element of a list, and takes it.
pub(super) fn skip_to_separator(cursor: &mut Cursor<'_>) -> Result<char, Reason> {
    loop {
        match cursor.next()? {
            Token::Symbol(separator @ (',' | ')')) => return Ok(separator),
            Token::Symbol('(') => cursor.skip_parentheses()?,
            Token::End => return Err("a list is not closed"),
            _ => {}
        }
    }
}

/// A column, and the constraints in its definition.
pub(super) struct ReadColumn {
    pub(super) column: Column,
    checks: Vec<Check>,
    local_not_null: bool,
}

/// Reads a column, up to the comma or parenthesis after it.
pub(super) fn read_column(cursor: &mut Cursor<'_>) -> Result<ReadColumn, Reason> {
    let first = cursor.peek()?;
    if ["PRIMARY", "UNIQUE", "FOREIGN", "CHECK", "LIKE", "EXCLUDE"]
        .iter()
        .any(|key| first.is_word(key))
    {
        return Err("a constraint has no name");
    }
    let name = cursor.identifier()?;
    let type_name = read_type(cursor)?;
    let column = Column { name, type_name, not_null: false, generated: false };
    let mut read = ReadColumn { column, checks: Vec::new(), local_not_null: false };
    let mut constraint = None;
    loop {
        match cursor.peek()? {
            Token::Symbol(',' | ')') => return Ok(read),
            Token::End => return Err("the column list is not closed"),
            _ => {}
        }
        match cursor.next()? {
            Token::Symbol('(') => cursor.skip_parentheses()?,
            token if token.is_word("NOT") && cursor.take_word("NULL")? => {
                read.column.not_null = true;
                read.local_not_null = takes_no_inherit(cursor)?;
            }
            token if token.is_word("GENERATED") => read.column.generated = is_computed(cursor)?,
            token if token.is_word("CONSTRAINT") => constraint = Some(cursor.identifier()?),
            token if token.is_word("CHECK") => {
                let name = constraint.take().unwrap_or_else(|| read.column.name.clone());
                read.checks.extend(read_check(cursor, name)?);
            }
            token if ["PRIMARY", "UNIQUE", "REFERENCES"].iter().any(|key| token.is_word(key)) => {
                return Err("a column has a key in its own definition");
            }
            _ => {}
        }
    }
}

/// `GENERATED ALWAYS AS (...)`, as opposed to `GENERATED ... AS IDENTITY`.
pub(super) fn is_computed(cursor: &mut Cursor<'_>) -> Result<bool, Reason> {
    let always = cursor.take_word("ALWAYS")?;
    Ok(always && cursor.take_word("AS")? && cursor.peek()? == Token::Symbol('('))
}

/// Reads a type as spelt. It may have several words, parentheses and brackets.
pub(super) fn read_type(cursor: &mut Cursor<'_>) -> Result<String, Reason> {
    const ENDS: [&str; 12] = [
        "COLLATE",
        "DEFAULT",
        "GENERATED",
        "NOT",
        "NULL",
        "CONSTRAINT",
        "CHECK",
        "PRIMARY",
        "UNIQUE",
        "REFERENCES",
        "COMPRESSION",
        "STORAGE",
    ];
    let start = cursor.clone();
    loop {
        let token = cursor.peek()?;
        let ends = matches!(token, Token::Symbol(',' | ')' | ';') | Token::End)
            || ENDS.iter().any(|end| token.is_word(end));
        if ends {
            break;
        }
        cursor.next()?;
        if token == Token::Symbol('(') {
            cursor.skip_parentheses()?;
        }
    }
    let spelt = start.text_until(cursor);
    if spelt.is_empty() {
        return Err("a column has no type");
    }
    Ok(without_needless_quotes(spelt))
}

/// Removes quotes that have no meaning. Dumps made with --quote-all-identifiers have `"jsonb"` for
/// `jsonb`. Quotes around a keyword of a built-in type stay: the server never quotes those, so a
/// quoted one is another type.
pub(super) fn without_needless_quotes(spelt: &str) -> String {
    const KEYWORDS: [&str; 18] = [
        "bigint",
        "bit",
        "boolean",
        "char",
        "character",
        "dec",
        "decimal",
        "double",
        "float",
        "int",
        "integer",
        "interval",
        "numeric",
        "real",
        "smallint",
        "time",
        "timestamp",
        "varchar",
    ];
    if !spelt.contains('"') || spelt.contains("\"\"") {
        return spelt.to_owned();
    }
    let is_needless = |name: &str| {
        name.starts_with(|c: char| c == '_' || c.is_ascii_lowercase())
            && name.chars().all(|c| c == '_' || c.is_ascii_lowercase() || c.is_ascii_digit())
            && !KEYWORDS.contains(&name)
    };
    let parts = spelt.split('"').enumerate().map(|(index, part)| match index % 2 {
        1 if !is_needless(part) => format!("\"{part}\""),
        _ => part.to_owned(),
    });
    parts.collect()
}

/// Reads a type's name as columns spell it.
pub(super) fn spelt_name(cursor: &mut Cursor<'_>) -> Result<String, Reason> {
    let start = cursor.clone();
    cursor.identifier()?;
    if cursor.take('.')? {
        cursor.identifier()?;
    }
    Ok(without_needless_quotes(start.text_until(cursor)))
}
