//! The database's shape, as far as [`crate::schema`] models it, from the SQL in the TOC.
//!
//! pg_dump writes columns into CREATE TABLE, and keys, indexes, foreign keys and the attachment of
//! partitions as statements of their own. An inherited column is written with the parent only.
//! What is not understood is an error that names the entry, never a table that lacks something.

use std::collections::BTreeMap;

use super::error::ArchiveError;
use super::sql::{Cursor, Reason, Token};
use super::toc::Toc;
use crate::schema::{Column, ForeignKey, Schema, Table, TableName, UniqueKey};

/// More levels of partitions than anybody has; a cycle in a damaged archive ends here.
const MAXIMUM_PARTITION_LEVELS: usize = 64;

/// Postgres' own limit.
const MAXIMUM_COLUMNS: usize = 1600;

/// Bounds what a table may inherit, so that a small archive cannot make a huge schema.
const MAXIMUM_INHERITED: usize = 1_000_000;

pub fn read_schema(toc: &Toc) -> Result<Schema, ArchiveError> {
    let mut schema = Schema { has_large_objects: toc.has_large_objects(), ..Schema::default() };
    let mut room = Room(MAXIMUM_INHERITED);
    let types = CompositeTypes::read(toc)?;
    for entry in toc.entries() {
        let matters = matches!(
            entry.entry_type.as_str(),
            "TABLE" | "TABLE ATTACH" | "CONSTRAINT" | "INDEX" | "FK CONSTRAINT" | "COMMENT"
        );
        let Some(definition) = entry.definition.as_deref().filter(|_| matters) else {
            continue;
        };
        let refuse = |reason| Err(ArchiveError::Definition { entry: entry.describe(), reason });
        let default_schema = entry.namespace.as_deref().unwrap_or("public");
        let mut reader =
            StatementReader { schema: &mut schema, types: &types, room: &mut room, default_schema };
        if let Err(reason) = reader.read_all(definition) {
            return refuse(reason);
        }
        if entry.entry_type == "TABLE" && !schema.tables.contains_key(&entry.table_name()) {
            return refuse("it does not create the table that it is named after");
        }
    }
    inherit_foreign_keys(&mut schema, &mut room)?;
    Ok(schema)
}

/// How many more columns and keys may be inherited.
struct Room(usize);

impl Room {
    fn take(&mut self, count: usize) -> Result<(), Reason> {
        self.0 = self.0.checked_sub(count).ok_or("more is inherited than any database needs")?;
        Ok(())
    }
}

/// A partition has its parents' foreign keys, which are written with the parents only.
fn inherit_foreign_keys(schema: &mut Schema, room: &mut Room) -> Result<(), ArchiveError> {
    let mut inherited: Vec<(TableName, Vec<ForeignKey>)> = Vec::new();
    for (name, table) in &schema.tables {
        let keys = foreign_keys_of_parents(schema, table, room).map_err(|reason| {
            ArchiveError::Definition { entry: format!("TABLE {name}"), reason }
        })?;
        inherited.push((name.clone(), keys));
    }
    for (name, keys) in inherited {
        if let Some(table) = schema.tables.get_mut(&name) {
            table.foreign_keys.extend(keys);
        }
    }
    Ok(())
}

/// Those that the table does not have itself.
fn foreign_keys_of_parents(
    schema: &Schema,
    table: &Table,
    room: &mut Room,
) -> Result<Vec<ForeignKey>, Reason> {
    let mut keys: Vec<ForeignKey> = Vec::new();
    let mut parent = table.partition_of.as_ref();
    for _ in 0..MAXIMUM_PARTITION_LEVELS {
        let Some(ancestor) = parent.and_then(|name| schema.tables.get(name)) else { break };
        for key in &ancestor.foreign_keys {
            let mut known = table.foreign_keys.iter().chain(&keys);
            if !known.any(|own| own.columns == key.columns && own.references == key.references) {
                room.take(1)?;
                keys.push(key.clone());
            }
        }
        parent = ancestor.partition_of.as_ref();
    }
    Ok(keys)
}

/// Takes what the statements say into a schema.
struct StatementReader<'a> {
    schema: &'a mut Schema,
    types: &'a CompositeTypes,
    room: &'a mut Room,
    /// Archives before version 1.13 leave out the schema of names in the entry's own schema.
    default_schema: &'a str,
}

impl StatementReader<'_> {
    fn read_all(&mut self, definition: &str) -> Result<(), Reason> {
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
        if cursor.take_word("UNIQUE")? && cursor.take_word("INDEX")? {
            return self.create_unique_index(cursor);
        }
        Ok(())
    }

    fn create_table(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Reason> {
        let name = cursor.table_name(self.default_schema)?;
        let mut table = Table::default();
        if cursor.take_word("PARTITION")? {
            // Only pg_dump 10 writes partitions like this.
            cursor.take_word("OF")?;
            let parent = cursor.table_name(self.default_schema)?;
            table.columns = self.columns_of(&parent)?;
            table.partition_of = Some(parent);
        } else if cursor.take('(')? {
            read_table_elements(cursor, &mut table, self.default_schema)?;
            if cursor.take_word("INHERITS")? {
                self.inherit(cursor, &mut table)?;
            }
        } else if cursor.take_word("OF")? {
            let of_type = cursor.table_name(self.default_schema)?;
            table.columns = self.types.columns(&of_type)?.to_vec();
            self.room.take(table.columns.len())?;
            if cursor.take('(')? {
                read_typed_elements(cursor, &mut table, self.default_schema)?;
            }
        } else {
            return Err("its columns are not listed");
        }
        self.schema.tables.insert(name, table);
        Ok(())
    }

    /// The parents' columns come first; one that the child repeats stays in the parent's place.
    fn inherit(&mut self, cursor: &mut Cursor<'_>, table: &mut Table) -> Result<(), Reason> {
        let own = std::mem::take(&mut table.columns);
        let mut all: Vec<Column> = Vec::new();
        if !cursor.take('(')? {
            return Err("the list of parents is missing");
        }
        loop {
            let parent = cursor.table_name(self.default_schema)?;
            merge_columns(&mut all, self.columns_of(&parent)?)?;
            if cursor.take(')')? {
                break;
            }
            if !cursor.take(',')? {
                return Err("the list of parents has no end");
            }
        }
        merge_columns(&mut all, own)?;
        table.columns = all;
        Ok(())
    }

    fn columns_of(&mut self, parent: &TableName) -> Result<Vec<Column>, Reason> {
        let parent = self.schema.tables.get(parent).ok_or("its parent table is not known")?;
        self.room.take(parent.columns.len())?;
        Ok(parent.columns.clone())
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
        // Tables that the archive does not create, such as foreign ones, have no rows in it.
        let Some(table) = self.schema.tables.get_mut(&name) else {
            return Ok(());
        };
        if cursor.take_word("ADD")? {
            if cursor.take_word("CONSTRAINT")? {
                let constraint = cursor.identifier()?;
                read_constraint(cursor, table, constraint, self.default_schema)?;
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

    /// Only those of columns matter here. Of a view's columns nothing else is known either.
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

fn merge_columns(all: &mut Vec<Column>, more: Vec<Column>) -> Result<(), Reason> {
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

fn push_column(columns: &mut Vec<Column>, column: Column) -> Result<(), Reason> {
    if columns.len() == MAXIMUM_COLUMNS {
        return Err("it has more columns than Postgres allows");
    }
    columns.push(column);
    Ok(())
}

fn set_not_null(table: &mut Table, column: &str) {
    for column in table.columns.iter_mut().filter(|known| known.name == column) {
        column.not_null = true;
    }
}

/// The attributes of composite types, of which typed tables have their columns.
struct CompositeTypes(BTreeMap<TableName, Vec<Column>>);

impl CompositeTypes {
    fn read(toc: &Toc) -> Result<CompositeTypes, ArchiveError> {
        let mut types = BTreeMap::new();
        for entry in toc.entries().iter().filter(|entry| entry.entry_type == "TYPE") {
            let Some(definition) = entry.definition.as_deref() else { continue };
            let schema = entry.namespace.as_deref().unwrap_or("public");
            let mut cursor = Cursor::new(definition);
            match read_composite_type(&mut cursor, schema) {
                Ok(Some((name, columns))) => _ = types.insert(name, columns),
                Ok(None) => {}
                Err(reason) => {
                    return Err(ArchiveError::Definition { entry: entry.describe(), reason });
                }
            }
        }
        Ok(CompositeTypes(types))
    }

    fn columns(&self, name: &TableName) -> Result<&[Column], Reason> {
        let columns = self.0.get(name).map(Vec::as_slice);
        columns.ok_or("the type that its columns are of is not known")
    }
}

/// `CREATE TYPE name AS (…)`. `None` for types of another kind.
fn read_composite_type(
    cursor: &mut Cursor<'_>,
    schema: &str,
) -> Result<Option<(TableName, Vec<Column>)>, Reason> {
    // What a binary upgrade puts before the statement does not belong to it.
    while !cursor.take_word("CREATE")? {
        if !cursor.skip_statement()? {
            return Ok(None);
        }
    }
    if !cursor.take_word("TYPE")? {
        return Ok(None);
    }
    let name = cursor.table_name(schema)?;
    if !(cursor.take_word("AS")? && cursor.take('(')?) {
        return Ok(None);
    }
    let mut columns = Vec::new();
    if cursor.take(')')? {
        return Ok(Some((name, columns)));
    }
    loop {
        push_column(&mut columns, read_column(cursor)?)?;
        if skip_to_separator(cursor)? == ')' {
            return Ok(Some((name, columns)));
        }
    }
}

/// What a typed table says of its columns beside their types, and its constraints.
fn read_typed_elements(
    cursor: &mut Cursor<'_>,
    table: &mut Table,
    default_schema: &str,
) -> Result<(), Reason> {
    loop {
        if cursor.take_word("CONSTRAINT")? {
            let name = cursor.identifier()?;
            read_constraint(cursor, table, name, default_schema)?;
        } else {
            let column = cursor.identifier()?;
            if read_options(cursor)? {
                set_not_null(table, &column);
            }
        }
        match skip_to_separator(cursor)? {
            ',' => {}
            _ => return Ok(()),
        }
    }
}

/// Whether the options of a column, up to the comma or parenthesis after them, forbid NULL.
fn read_options(cursor: &mut Cursor<'_>) -> Result<bool, Reason> {
    let mut not_null = false;
    loop {
        match cursor.peek()? {
            Token::Symbol(',' | ')') => return Ok(not_null),
            Token::End => return Err("the column list has no end"),
            _ => {}
        }
        match cursor.next()? {
            Token::Symbol('(') => cursor.skip_parentheses()?,
            token if token.is_word("NOT") => not_null |= cursor.take_word("NULL")?,
            _ => {}
        }
    }
}

/// The columns and constraints of CREATE TABLE, up to the closing parenthesis.
fn read_table_elements(
    cursor: &mut Cursor<'_>,
    table: &mut Table,
    default_schema: &str,
) -> Result<(), Reason> {
    if cursor.take(')')? {
        return Ok(());
    }
    loop {
        // A column of one of these names would be in quotes.
        if cursor.take_word("CONSTRAINT")? {
            let name = cursor.identifier()?;
            read_constraint(cursor, table, name, default_schema)?;
        } else {
            let column = read_column(cursor)?;
            push_column(&mut table.columns, column)?;
        }
        match skip_to_separator(cursor)? {
            ',' => {}
            _ => return Ok(()),
        }
    }
}

/// Takes the comma or the closing parenthesis that ends a list's element.
fn skip_to_separator(cursor: &mut Cursor<'_>) -> Result<char, Reason> {
    loop {
        match cursor.next()? {
            Token::Symbol(separator @ (',' | ')')) => return Ok(separator),
            Token::Symbol('(') => cursor.skip_parentheses()?,
            Token::End => return Err("a list has no end"),
            _ => {}
        }
    }
}

/// A column, up to the comma or parenthesis after it.
fn read_column(cursor: &mut Cursor<'_>) -> Result<Column, Reason> {
    let first = cursor.peek()?;
    if ["PRIMARY", "UNIQUE", "FOREIGN", "CHECK", "LIKE"].iter().any(|key| first.is_word(key)) {
        return Err("a constraint has no name");
    }
    let name = cursor.identifier()?;
    let type_name = read_type(cursor)?;
    let mut column = Column { name, type_name, not_null: false, generated: false };
    loop {
        match cursor.peek()? {
            Token::Symbol(',' | ')') => return Ok(column),
            Token::End => return Err("the column list has no end"),
            _ => {}
        }
        match cursor.next()? {
            Token::Symbol('(') => cursor.skip_parentheses()?,
            token if token.is_word("NOT") => column.not_null |= cursor.take_word("NULL")?,
            token if token.is_word("GENERATED") => column.generated = is_computed(cursor)?,
            token if ["PRIMARY", "UNIQUE", "REFERENCES"].iter().any(|key| token.is_word(key)) => {
                return Err("a column has a key within its own definition");
            }
            _ => {}
        }
    }
}

/// `GENERATED ALWAYS AS (...)`, as opposed to `GENERATED ... AS IDENTITY`.
fn is_computed(cursor: &mut Cursor<'_>) -> Result<bool, Reason> {
    let always = cursor.take_word("ALWAYS")?;
    Ok(always && cursor.take_word("AS")? && cursor.peek()? == Token::Symbol('('))
}

/// A type as it is spelt. It may be several words, and have parentheses and brackets.
fn read_type(cursor: &mut Cursor<'_>) -> Result<String, Reason> {
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
        let ends = matches!(token, Token::Symbol(',' | ')') | Token::End)
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

/// What a string literal stands for, as pg_dump writes it: `'it''s'`, or `E'a\\b'`.
fn string_value(literal: &str) -> String {
    let (escapes, quoted) = match literal.strip_prefix(['E', 'e']) {
        Some(rest) => (true, rest),
        None => (false, literal),
    };
    let inner = quoted.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
    let text = inner.unwrap_or(quoted).replace("''", "'");
    if escapes { text.replace("\\\\", "\\") } else { text }
}

/// Dumps made with --quote-all-identifiers have `"jsonb"` for `jsonb`. Quotes that mean something
/// stay: the server never puts a keyword of a built-in type's name in quotes, so that in quotes it
/// is some other type.
fn without_needless_quotes(spelt: &str) -> String {
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

/// What follows the name of a constraint.
fn read_constraint(
    cursor: &mut Cursor<'_>,
    table: &mut Table,
    name: String,
    default_schema: &str,
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
            return Err("a foreign key refers to nothing");
        }
        let references = cursor.table_name(default_schema)?;
        let (referenced_columns, _) = read_column_list(cursor)?;
        if table.foreign_keys.len() == MAXIMUM_COLUMNS {
            return Err("its table has more foreign keys than columns are allowed");
        }
        table.foreign_keys.push(ForeignKey { name, columns, references, referenced_columns });
    } else if cursor.take_word("NOT")? && cursor.take_word("NULL")? {
        let column = cursor.identifier()?;
        set_not_null(table, &column);
    }
    Ok(())
}

/// Names in parentheses, and whether one is a range that must not overlap, instead of a value that
/// must be unique.
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
            return Err("a list of columns has no end");
        }
    }
}

/// The plain columns of an index, and whether it has expressions too.
fn read_index_elements(cursor: &mut Cursor<'_>) -> Result<(Vec<String>, bool), Reason> {
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
fn has_where(cursor: &mut Cursor<'_>) -> Result<bool, Reason> {
    loop {
        match cursor.peek()? {
            Token::Symbol(';') | Token::End => return Ok(false),
            token if token.is_word("WHERE") => return Ok(true),
            _ => cursor.next()?,
        };
    }
}
