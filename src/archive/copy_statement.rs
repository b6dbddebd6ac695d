//! Reads and writes the `COPY schema.table (columns) FROM stdin;` statement of a table's data.
//!
//! Only this statement gives the order of the columns in the rows. It names the parent if a
//! partition is loaded through its parent. Quoted identifiers may contain anything, including tabs,
//! newlines, commas and parentheses. A table without columns has no list.

use super::error::ArchiveError;
use super::sql::{Cursor, Reason, Token};
use super::toc_entry::TocEntry;
use crate::schema::{TableName, quote_identifier};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyStatement {
    pub target: TableName,
    /// The columns in the order of the rows' fields. Empty for a table without columns.
    pub columns: Vec<String>,
}

impl CopyStatement {
    /// The statement of an entry, or `None` if its rows were dumped as INSERT statements.
    pub fn of(entry: &TocEntry) -> Result<Option<CopyStatement>, ArchiveError> {
        let Some(statement) = &entry.copy_statement else {
            return Ok(None);
        };
        let default_schema = entry.namespace.as_deref().unwrap_or("public");
        match CopyStatement::parse(statement, default_schema) {
            Ok(statement) => Ok(Some(statement)),
            Err(reason) => Err(ArchiveError::CopyStatement { entry: entry.describe(), reason }),
        }
    }

    fn parse(statement: &str, default_schema: &str) -> Result<CopyStatement, Reason> {
        const FORM: Reason = "it does not have the form COPY table (columns) FROM stdin;";
        let mut cursor = Cursor::new(statement);
        if !cursor.take_word("COPY")? {
            return Err(FORM);
        }
        let target = cursor.table_name(default_schema)?;
        let mut columns = Vec::new();
        if cursor.take('(')? {
            loop {
                columns.push(cursor.identifier()?);
                if cursor.take(')')? {
                    break;
                }
                if !cursor.take(',')? {
                    return Err("its column list is not closed");
                }
            }
        }
        let ends = cursor.take_word("FROM")?
            && cursor.take_word("stdin")?
            && cursor.take(';')?
            && cursor.next()? == Token::End;
        if ends { Ok(CopyStatement { target, columns }) } else { Err(FORM) }
    }

    /// The statement as SQL for a server. It sets no options, because COPY's default is the
    /// archive's text format.
    pub fn to_sql(&self) -> String {
        let columns = match self.columns.as_slice() {
            [] => String::new(),
            columns => {
                let quoted: Vec<String> = columns.iter().map(|c| quote_identifier(c)).collect();
                format!(" ({})", quoted.join(", "))
            }
        };
        let (schema, name) =
            (quote_identifier(&self.target.schema), quote_identifier(&self.target.name));
        format!("COPY {schema}.{name}{columns} FROM STDIN")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parsed(statement: &str) -> (String, Vec<String>) {
        let statement = CopyStatement::parse(statement, "public").unwrap();
        (statement.target.to_string(), statement.columns)
    }

    #[test]
    fn plain_and_quoted_names_are_read() {
        assert_eq!(
            parsed("COPY public.a (id, b_id) FROM stdin;\n"),
            ("public.a".into(), vec!["id".into(), "b_id".into()])
        );
        let (table, columns) = parsed(
            "COPY \"Odd; S\".\"weird \"\"table\"\" (x), y\" (\"tab\tin\", \"new\nline\", \
             \"a\"\"b\", \"c,d)\", \"naïve ☃\") FROM stdin;\n",
        );
        assert_eq!(table, "Odd; S.weird \"table\" (x), y");
        assert_eq!(columns, ["tab\tin", "new\nline", "a\"b", "c,d)", "naïve ☃"]);
    }

    #[test]
    fn a_statement_without_columns_is_read() {
        assert_eq!(parsed("COPY public.no_columns  FROM stdin;\n").1, Vec::<String>::new());
    }

    #[test]
    fn keywords_can_be_quoted_names() {
        let (table, columns) = parsed("COPY \"from\".\"copy\" (\"from\", stdin) FROM stdin;");
        assert_eq!(table, "from.copy");
        assert_eq!(columns, ["from", "stdin"]);
    }

    #[test]
    fn other_statements_are_refused() {
        for statement in [
            "",
            "COPY",
            "COPY public.a (id FROM stdin;",
            "COPY public.a (id,) FROM stdin;",
            "COPY public.a () FROM stdin;",
            "COPY public.a (id) FROM stdin",
            "COPY public.a (id) FROM stdin; DROP TABLE a;",
            "COPY public.a (id) FROM '/etc/passwd';",
            "COPY public.a (id) FROM PROGRAM 'id';",
            "COPY public.a (id) FROM stdin WITH (FORMAT binary);",
            "COPY public.\"a (id) FROM stdin;",
            "COPY public.\"\" (id) FROM stdin;",
            "COPY (SELECT 1) TO STDOUT;",
            "COPYpublic.a FROM stdinx;",
        ] {
            assert!(CopyStatement::parse(statement, "public").is_err(), "{statement:?}");
        }
    }

    proptest! {
        #![proptest_config(crate::property_test::config(256))]

        #[test]
        fn any_names_survive(
            schema in "\\PC{1,12}|[\t\n\"(),;é ]{1,5}",
            name in "\\PC{1,12}|[\t\n\"(),;é ]{1,5}",
            columns in proptest::collection::vec("\\PC{1,8}|[\t\n\"(),;é ]{1,5}", 0..5),
        ) {
            let statement = CopyStatement { target: TableName::new(schema, name), columns };
            let again = CopyStatement::parse(&format!("{};\n", statement.to_sql()), "public");
            prop_assert_eq!(again, Ok(statement));
        }
    }
}
