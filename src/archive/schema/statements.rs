//! Reads CREATE TABLE, ALTER TABLE, CREATE INDEX and COMMENT into a schema.

use std::collections::{BTreeMap, BTreeSet};

use super::super::copy_statement::CopyStatement;
use super::super::sql::{Cursor, Reason, Token};
use super::super::toc::Toc;
use super::columns::{Elements, merge_columns, set_not_null};
use super::constraints::{has_where, read_constraint, read_index_elements};
use super::types::Types;
use super::{Parents, Room, mentioned_columns};
use crate::schema::{Column, Schema, Table, TableName, UniqueKey};

/// What is known besides the tables, and what later tables need.
pub(super) struct Surroundings {
    types: Types,
    /// The columns that COPY lists, for tables without a description.
    copied: BTreeMap<TableName, Vec<String>>,
    /// Tables on other servers, from which tables may inherit.
    foreign: BTreeMap<TableName, Table>,
    local_not_null: BTreeMap<TableName, BTreeSet<String>>,
    pub(super) parents: Parents,
}

impl Surroundings {
    pub(super) fn new(toc: &Toc, types: Types) -> Surroundings {
        let copied = toc.table_data().filter_map(|entry| {
            let statement = CopyStatement::of(entry).ok().flatten()?;
            Some((entry.table_name(), statement.columns))
        });
        Surroundings {
            types,
            copied: copied.collect(),
            foreign: BTreeMap::new(),
            local_not_null: BTreeMap::new(),
            parents: Parents::new(),
        }
    }

    /// The columns of a typed table. The archive does not describe types of extensions. Then the
    /// columns are those of the rows, and their types are unknown.
    fn typed_columns(&self, table: &TableName, of_type: &TableName) -> Option<Vec<Column>> {
        if let Some(columns) = self.types.columns(of_type) {
            return Some(columns.to_vec());
        }
        let column = |name: &String| Column {
            name: name.clone(),
            type_name: String::new(),
            not_null: false,
            generated: false,
        };
        Some(self.copied.get(table)?.iter().map(column).collect())
    }
}

/// Adds the contents of statements to a schema.
pub(super) struct StatementReader<'a> {
    pub(super) schema: &'a mut Schema,
    pub(super) surroundings: &'a mut Surroundings,
    pub(super) room: &'a mut Room,
    /// The schema of names without one. Archives before version 1.13 omit the entry's own schema.
    pub(super) default_schema: &'a str,
}

impl StatementReader<'_> {
    pub(super) fn read_all(&mut self, definition: &str) -> Result<(), Reason> {
        let mut cursor = Cursor::new(definition);
        loop {
            if cursor.take_word("CREATE")? {
                self.create(&mut cursor)?;
            } else if cursor.take_word("ALTER")? && cursor.take_word("TABLE")? {
                self.alter_table(&mut cursor)?;
            } else if cursor.take_word("COMMENT")? && cursor.take_word("ON")? {
                self.comment(&mut cursor)?;
            }
            if !cursor.skip_statement()? {
                return Ok(());
            }
        }
    }

    fn create(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Reason> {
        let _unlogged = cursor.take_word("UNLOGGED")?;
        if cursor.take_word("TABLE")? {
            return self.create_table(cursor);
        }
        if cursor.take_word("FOREIGN")? && cursor.take_word("TABLE")? {
            let (name, elements) = self.table(cursor)?;
            self.surroundings.foreign.insert(name, elements.table);
            return Ok(());
        }
        if cursor.take_word("UNIQUE")? && cursor.take_word("INDEX")? {
            return self.create_unique_index(cursor);
        }
        Ok(())
    }

    fn create_table(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Reason> {
        let (name, elements) = self.table(cursor)?;
        if !elements.local_not_null.is_empty() {
            self.surroundings.local_not_null.insert(name.clone(), elements.local_not_null);
        }
        self.schema.tables.insert(name, elements.table);
        Ok(())
    }

    fn table(&mut self, cursor: &mut Cursor<'_>) -> Result<(TableName, Elements), Reason> {
        let name = cursor.table_name(self.default_schema)?;
        let mut elements = Elements::default();
        if cursor.take_word("PARTITION")? {
            // Only pg_dump 10 writes partitions like this.
            cursor.take_word("OF")?;
            let parent = cursor.table_name(self.default_schema)?;
            elements.table.columns = self.columns_of(&parent)?;
            elements.table.partition_of = Some(parent);
            if cursor.take('(')? {
                elements.read_options(cursor, self.default_schema)?;
            }
        } else if cursor.take('(')? {
            elements.read(cursor, self.default_schema)?;
            if cursor.take_word("INHERITS")? {
                self.inherit(cursor, &name, &mut elements.table)?;
            }
        } else if cursor.take_word("OF")? {
            let of_type = cursor.table_name(self.default_schema)?;
            let columns = self.surroundings.typed_columns(&name, &of_type);
            elements.table.columns = columns.ok_or("the type of its columns is unknown")?;
            self.room.take(elements.table.columns.len())?;
            if cursor.take('(')? {
                elements.read_options(cursor, self.default_schema)?;
            }
        } else {
            return Err("its columns are not listed");
        }
        read_partition_key(cursor, &mut elements.table)?;
        Ok((name, elements))
    }

    /// Merges the columns. The parents' columns come first, and a column that the child repeats
    /// stays in the parent's place.
    fn inherit(
        &mut self,
        cursor: &mut Cursor<'_>,
        name: &TableName,
        table: &mut Table,
    ) -> Result<(), Reason> {
        let own = std::mem::take(&mut table.columns);
        let mut all: Vec<Column> = Vec::new();
        let mut parents = Vec::new();
        if !cursor.take('(')? {
            return Err("the list of parents is missing");
        }
        loop {
            let parent = cursor.table_name(self.default_schema)?;
            merge_columns(&mut all, self.columns_of(&parent)?)?;
            parents.push(parent);
            if cursor.take(')')? {
                break;
            }
            if !cursor.take(',')? {
                return Err("the list of parents is not closed");
            }
        }
        merge_columns(&mut all, own)?;
        table.columns = all;
        self.surroundings.parents.insert(name.clone(), parents);
        Ok(())
    }

    /// The columns that a child inherits from the table.
    fn columns_of(&mut self, parent: &TableName) -> Result<Vec<Column>, Reason> {
        let found = self.schema.tables.get(parent);
        let found = found.or_else(|| self.surroundings.foreign.get(parent));
        let mut columns = found.ok_or("its parent table is unknown")?.columns.clone();
        self.room.take(columns.len())?;
        if let Some(local) = self.surroundings.local_not_null.get(parent) {
            for column in columns.iter_mut().filter(|column| local.contains(&column.name)) {
                column.not_null = false;
            }
        }
        Ok(columns)
    }

    fn alter_table(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Reason> {
        let _only = cursor.take_word("ONLY")?;
        let name = cursor.table_name(self.default_schema)?;
        if cursor.take_word("ATTACH")? && cursor.take_word("PARTITION")? {
            let part = cursor.table_name(self.default_schema)?;
            if let Some(table) = self.schema.tables.get_mut(&part) {
                table.partition_of = Some(name);
            }
            return Ok(());
        }
        // The archive holds no rows of tables that it does not create, such as foreign tables.
        let Some(table) = self.schema.tables.get_mut(&name) else {
            return Ok(());
        };
        if cursor.take_word("ADD")? {
            if cursor.take_word("CONSTRAINT")? {
                let constraint = cursor.identifier()?;
                let local = self.surroundings.local_not_null.entry(name).or_default();
                read_constraint(cursor, table, constraint, self.default_schema, local)?;
            }
        } else if cursor.take_word("ALTER")? && cursor.take_word("COLUMN")? {
            let column = cursor.identifier()?;
            let not_null =
                cursor.take_word("SET")? && cursor.take_word("NOT")? && cursor.take_word("NULL")?;
            if not_null {
                set_not_null(table, &column);
            }
        }
        Ok(())
    }

    /// Reads a comment on a column. Other comments, and comments on columns of views, do not
    /// matter.
    fn comment(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Reason> {
        if !cursor.take_word("COLUMN")? {
            return Ok(());
        }
        let mut names = vec![cursor.identifier()?];
        while cursor.take('.')? {
            names.push(cursor.identifier()?);
        }
        let (table, column) = match names.as_slice() {
            [schema, table, column] => (TableName::new(schema, table), column),
            [table, column] => (TableName::new(self.default_schema, table), column),
            _ => return Err("a comment has no column"),
        };
        if !cursor.take_word("IS")? {
            return Err("a comment has no text");
        }
        let before = cursor.clone();
        if cursor.next()? == Token::Literal
            && let Some(table) = self.schema.tables.get_mut(&table)
        {
            table.comments.insert(column.clone(), string_value(before.text_until(cursor)));
        }
        Ok(())
    }

    fn create_unique_index(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Reason> {
        let name = cursor.identifier()?;
        if !cursor.take_word("ON")? {
            return Err("the index has no table");
        }
        let _only = cursor.take_word("ONLY")?;
        let table = cursor.table_name(self.default_schema)?;
        if cursor.take_word("USING")? {
            cursor.identifier()?;
        }
        if !cursor.take('(')? {
            return Err("the index has no columns");
        }
        let (columns, has_expressions) = read_index_elements(cursor)?;
        let partial = has_expressions || has_where(cursor)?;
        if let Some(table) = self.schema.tables.get_mut(&table) {
            table.unique_keys.push(UniqueKey { name, columns, partial, primary: false });
        }
        Ok(())
    }
}

/// Reads the text after the columns, up to the semicolon, for `PARTITION BY RANGE (…)`.
fn read_partition_key(cursor: &mut Cursor<'_>, table: &mut Table) -> Result<(), Reason> {
    loop {
        if cursor.take_word("PARTITION")? {
            if cursor.take_word("BY")? {
                let start = cursor.clone();
                let _method = cursor.identifier()?;
                if !cursor.take('(')? {
                    return Err("a partition key has no columns");
                }
                cursor.skip_parentheses()?;
                table.partition_key = mentioned_columns(start.text_until(cursor), &table.columns);
            }
            continue;
        }
        match cursor.peek()? {
            Token::Symbol(';') | Token::End => return Ok(()),
            _ => cursor.next()?,
        };
    }
}

/// The value of a string literal as pg_dump writes it: `'it''s'`, or `E'a\\b'`.
fn string_value(literal: &str) -> String {
    let (escapes, quoted) = match literal.strip_prefix(['E', 'e']) {
        Some(rest) => (true, rest),
        None => (false, literal),
    };
    let inner = quoted.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
    let text = inner.unwrap_or(quoted).replace("''", "'");
    if escapes { text.replace("\\\\", "\\") } else { text }
}
