//! Reads the composite types and domains that an archive creates.

use std::collections::BTreeMap;

use super::super::error::ArchiveError;
use super::super::sql::{Cursor, Reason, Token};
use super::super::toc::Toc;
use super::columns::{push_column, read_column, read_type, skip_to_separator, spelt_name};
use super::constraints::read_check;
use crate::schema::{Column, Domain, TableName};

#[derive(Default)]
pub(super) struct Types {
    /// The attributes of composite types. A typed table has them as columns.
    composites: BTreeMap<TableName, Vec<Column>>,
    /// Domains, by their names as columns spell them.
    pub(super) domains: BTreeMap<String, Domain>,
}

impl Types {
    pub(super) fn read(toc: &Toc) -> Result<Types, ArchiveError> {
        let mut types = Types::default();
        for entry in toc.entries() {
            let Some(definition) = entry.definition.as_deref() else { continue };
            let schema = entry.namespace.as_deref().unwrap_or("public");
            let mut cursor = Cursor::new(definition);
            let read = match entry.entry_type.as_str() {
                "TYPE" => types.composite(&mut cursor, schema),
                "DOMAIN" => types.domain(&mut cursor),
                // A check that was added later and is not valid for older rows.
                "CHECK CONSTRAINT" => types.altered_domain(&mut cursor),
                _ => Ok(()),
            };
            read.map_err(|reason| ArchiveError::Definition { entry: entry.describe(), reason })?;
        }
        Ok(types)
    }

    /// The columns of a composite type. `None` if the archive does not describe it, for example a
    /// type of an extension.
    pub(super) fn columns(&self, name: &TableName) -> Option<&[Column]> {
        self.composites.get(name).map(Vec::as_slice)
    }

    /// Reads `CREATE TYPE name AS (…)`. Skips types of other kinds.
    fn composite(&mut self, cursor: &mut Cursor<'_>, schema: &str) -> Result<(), Reason> {
        if !(find_create(cursor)? && cursor.take_word("TYPE")?) {
            return Ok(());
        }
        let name = cursor.table_name(schema)?;
        if !(cursor.take_word("AS")? && cursor.take('(')?) {
            return Ok(());
        }
        let mut columns = Vec::new();
        if !cursor.take(')')? {
            loop {
                push_column(&mut columns, read_column(cursor)?.column)?;
                if skip_to_separator(cursor)? == ')' {
                    break;
                }
            }
        }
        self.composites.insert(name, columns);
        Ok(())
    }

    /// Reads `CREATE DOMAIN name AS type … CONSTRAINT name CHECK (…)`.
    fn domain(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Reason> {
        if !(find_create(cursor)? && cursor.take_word("DOMAIN")?) {
            return Ok(());
        }
        let name = spelt_name(cursor)?;
        let _as = cursor.take_word("AS")?;
        let mut domain = Domain { base_type: read_type(cursor)?, ..Domain::default() };
        let mut constraint = None;
        loop {
            match cursor.next()? {
                Token::Symbol(';') | Token::End => break,
                Token::Symbol('(') => cursor.skip_parentheses()?,
                token if token.is_word("CONSTRAINT") => constraint = Some(cursor.identifier()?),
                token if token.is_word("NOT") => domain.not_null |= cursor.take_word("NULL")?,
                token if token.is_word("CHECK") => {
                    let check = constraint.take().unwrap_or_else(|| name.clone());
                    domain.checks.extend(read_check(cursor, check)?);
                }
                _ => {}
            }
        }
        domain.checks.sort_by(|one, other| one.name.cmp(&other.name));
        self.domains.insert(name, domain);
        Ok(())
    }

    /// Reads `ALTER DOMAIN name ADD CONSTRAINT name CHECK (…) NOT VALID`. Skips statements about
    /// tables, which are read elsewhere.
    fn altered_domain(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Reason> {
        if !(cursor.take_word("ALTER")? && cursor.take_word("DOMAIN")?) {
            return Ok(());
        }
        let name = spelt_name(cursor)?;
        if !(cursor.take_word("ADD")? && cursor.take_word("CONSTRAINT")?) {
            return Ok(());
        }
        let constraint = cursor.identifier()?;
        let is_check = cursor.take_word("CHECK")?;
        if let Some(domain) = self.domains.get_mut(&name).filter(|_| is_check) {
            domain.checks.extend(read_check(cursor, constraint)?);
            domain.checks.sort_by(|one, other| one.name.cmp(&other.name));
        }
        Ok(())
    }
}

/// Finds CREATE. A binary upgrade writes other statements before it.
fn find_create(cursor: &mut Cursor<'_>) -> Result<bool, Reason> {
    while !cursor.take_word("CREATE")? {
        if !cursor.skip_statement()? {
            return Ok(false);
        }
    }
    Ok(true)
}
