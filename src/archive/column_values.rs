//! Reads defaults, checks and enumerations of columns from the archive.
//!
//! They are used to find a value for an unclassified column. If a definition cannot be read here,
//! no value is found, and nothing else happens.

use std::collections::{BTreeMap, BTreeSet};

use super::sql::{Cursor, Reason, Token};
use super::toc::Toc;
use crate::schema::TableName;

/// Defaults, checks and enumerations of a whole archive.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ColumnValues {
    defaults: BTreeMap<TableName, BTreeSet<String>>,
    checks: BTreeMap<TableName, Vec<String>>,
    labels: BTreeMap<String, String>,
}

impl ColumnValues {
    pub fn read(toc: &Toc) -> ColumnValues {
        let mut values = ColumnValues::default();
        for entry in toc.entries() {
            let Some(definition) = entry.definition.as_deref() else { continue };
            let schema = entry.namespace.as_deref().unwrap_or("public");
            // A definition that cannot be read gives no value.
            let _ = match entry.entry_type.as_str() {
                "TABLE" | "DEFAULT" | "CHECK CONSTRAINT" | "CONSTRAINT" => {
                    values.statements(definition, schema)
                }
                "TYPE" => values.enumeration(definition, schema),
                _ => Ok(()),
            };
        }
        values
    }

    /// Whether the server fills the column if a row gives no value.
    pub fn has_default(&self, table: &TableName, column: &str) -> bool {
        self.defaults.get(table).is_some_and(|columns| columns.contains(column))
    }

    /// The expressions of the table's checks.
    pub fn checks(&self, table: &TableName) -> impl Iterator<Item = &str> {
        self.checks.get(table).into_iter().flatten().map(String::as_str)
    }

    /// The first label of an enumeration, by the type's name as spelt in a column.
    pub fn first_label(&self, type_name: &str) -> Option<&str> {
        self.labels.get(type_name).map(String::as_str)
    }

    fn statements(&mut self, definition: &str, schema: &str) -> Result<(), Reason> {
        let mut cursor = Cursor::new(definition);
        loop {
            if cursor.take_word("CREATE")? {
                cursor.take_word("UNLOGGED")?;
                if cursor.take_word("TABLE")? {
                    let table = cursor.table_name(schema)?;
                    if cursor.take('(')? {
                        self.elements(&mut cursor, &table)?;
                    }
                }
            } else if cursor.take_word("ALTER")? && cursor.take_word("TABLE")? {
                cursor.take_word("ONLY")?;
                let table = cursor.table_name(schema)?;
                self.alteration(&mut cursor, table)?;
            }
            if !cursor.skip_statement()? {
                return Ok(());
            }
        }
    }

    fn alteration(&mut self, cursor: &mut Cursor<'_>, table: TableName) -> Result<(), Reason> {
        if cursor.take_word("ALTER")? && cursor.take_word("COLUMN")? {
            let column = cursor.identifier()?;
            let has_default = (cursor.take_word("SET")? && cursor.take_word("DEFAULT")?)
                || cursor.take_word("ADD")?;
            if has_default {
                self.defaults.entry(table).or_default().insert(column);
            }
        } else if cursor.take_word("ADD")? && cursor.take_word("CONSTRAINT")? {
            cursor.identifier()?;
            if cursor.take_word("CHECK")? {
                self.check(cursor, &table)?;
            }
        }
        Ok(())
    }

    /// Reads the elements of CREATE TABLE, up to the closing parenthesis.
    fn elements(&mut self, cursor: &mut Cursor<'_>, table: &TableName) -> Result<(), Reason> {
        loop {
            if cursor.take(')')? {
                return Ok(());
            }
            let mut column = None;
            if cursor.take_word("CONSTRAINT")? {
                cursor.identifier()?;
            } else {
                column = Some(cursor.identifier()?);
            }
            loop {
                match cursor.peek()? {
                    Token::Symbol(')') => break,
                    Token::End => return Err("the column list is not closed"),
                    _ => {}
                }
                if cursor.take(',')? {
                    break;
                }
                if cursor.take_word("CHECK")? {
                    self.check(cursor, table)?;
                    continue;
                }
                let token = cursor.next()?;
                let gives = token.is_word("DEFAULT") || token.is_word("IDENTITY");
                if let Some(column) = column.as_ref().filter(|_| gives) {
                    self.defaults.entry(table.clone()).or_default().insert(column.clone());
                }
                if token == Token::Symbol('(') {
                    cursor.skip_parentheses()?;
                }
            }
        }
    }

    fn check(&mut self, cursor: &mut Cursor<'_>, table: &TableName) -> Result<(), Reason> {
        let before = cursor.clone();
        if cursor.take('(')? {
            cursor.skip_parentheses()?;
        }
        let expression = before.text_until(cursor).to_owned();
        self.checks.entry(table.clone()).or_default().push(expression);
        Ok(())
    }

    fn enumeration(&mut self, definition: &str, schema: &str) -> Result<(), Reason> {
        let mut cursor = Cursor::new(definition);
        if !(cursor.take_word("CREATE")? && cursor.take_word("TYPE")?) {
            return Ok(());
        }
        let before = cursor.clone();
        let name = cursor.table_name(schema)?;
        let spelt = before.text_until(&cursor).to_owned();
        if !(cursor.take_word("AS")? && cursor.take_word("ENUM")? && cursor.take('(')?) {
            return Ok(());
        }
        let before = cursor.clone();
        if cursor.next()? == Token::Literal {
            let literal = before.text_until(&cursor);
            let inner = literal.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
            if let Some(label) = inner {
                let label = label.replace("''", "'");
                self.labels.insert(spelt, label.clone());
                self.labels.insert(name.to_string(), label);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(statements: &str) -> ColumnValues {
        let mut values = ColumnValues::default();
        values.statements(statements, "public").unwrap();
        values
    }

    #[test]
    fn defaults_and_checks_are_found_in_every_place() {
        let values = of("CREATE TABLE public.t (\n id integer NOT NULL,\n \
             name text DEFAULT 'a, b)'::text NOT NULL,\n \"Odd \" integer GENERATED ALWAYS AS IDENTITY,\n \
             age integer,\n CONSTRAINT age_check CHECK ((age >= 18)),\n \
             CONSTRAINT two CHECK (((age > 1) AND (id > 0)))\n);\n\
             ALTER TABLE ONLY public.t ALTER COLUMN id SET DEFAULT nextval('s'::regclass);\n\
             ALTER TABLE public.t ADD CONSTRAINT late CHECK ((name <> ''::text)) NOT VALID;\n");
        let table = TableName::public("t");
        for (column, has) in [("id", true), ("name", true), ("Odd ", true), ("age", false)] {
            assert_eq!(values.has_default(&table, column), has, "{column}");
        }
        let checks: Vec<&str> = values.checks(&table).collect();
        let expected = ["((age >= 18))", "(((age > 1) AND (id > 0)))", "((name <> ''::text))"];
        assert_eq!(checks, expected);
    }

    #[test]
    fn the_first_label_of_an_enumeration_is_found() {
        let mut values = ColumnValues::default();
        let text = "CREATE TYPE public.mood AS ENUM (\n    'so''so',\n    'fine'\n);";
        values.enumeration(text, "public").unwrap();
        assert_eq!(values.first_label("public.mood"), Some("so'so"));
    }
}
