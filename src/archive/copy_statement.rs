//! The `COPY schema.table (columns) FROM stdin;` statement of a table's data.
//!
//! It is the only place that tells the columns' order in the rows, and it names the parent when a
//! partition is loaded through it. Identifiers are bare or in double quotes, and quoted ones may
//! hold anything, tabs, newlines, commas and parentheses included. A table without columns has no
//! list.

use super::error::ArchiveError;
use super::toc_entry::TocEntry;
use crate::schema::TableName;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyStatement {
    pub target: TableName,
    /// In the order of the rows' fields. Empty for a table without columns.
    pub columns: Vec<String>,
}

impl CopyStatement {
    /// The statement of an entry; `None` if it has none (rows dumped as INSERT statements).
    pub fn of(entry: &TocEntry) -> Result<Option<CopyStatement>, ArchiveError> {
        let Some(statement) = &entry.copy_statement else {
            return Ok(None);
        };
        match CopyStatement::parse(statement) {
            Ok(statement) => Ok(Some(statement)),
            Err(reason) => Err(ArchiveError::CopyStatement { entry: entry.describe(), reason }),
        }
    }

    fn parse(statement: &str) -> Result<CopyStatement, &'static str> {
        let mut rest = Rest(statement);
        rest.keyword("COPY")?;
        let first = rest.identifier()?;
        let target = match rest.take('.') {
            true => TableName::new(first, rest.identifier()?),
            false => TableName::public(first),
        };
        let mut columns = Vec::new();
        if rest.take('(') {
            loop {
                columns.push(rest.identifier()?);
                if rest.take(')') {
                    break;
                }
                if !rest.take(',') {
                    return Err("its column list has no end");
                }
            }
        }
        rest.keyword("FROM")?;
        rest.keyword("stdin")?;
        if !rest.take(';') || !rest.0.trim_ascii().is_empty() {
            return Err("it does not end with FROM stdin;");
        }
        Ok(CopyStatement { target, columns })
    }

    /// The statement anew, ready for a server. Options are left to COPY's defaults, which are the
    /// text format of the archive.
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

/// Always quotes: whether a bare word is reserved depends on the server's version.
pub fn quote_identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// What is left of a statement.
struct Rest<'a>(&'a str);

impl Rest<'_> {
    fn skip_spaces(&mut self) {
        self.0 = self.0.trim_ascii_start();
    }

    fn take(&mut self, wanted: char) -> bool {
        self.skip_spaces();
        match self.0.strip_prefix(wanted) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    fn keyword(&mut self, word: &str) -> Result<(), &'static str> {
        self.skip_spaces();
        let (start, rest) = self.0.split_at_checked(word.len()).ok_or("it is cut short")?;
        let continues = rest.starts_with(|c: char| c == '_' || c.is_alphanumeric());
        if !start.eq_ignore_ascii_case(word) || continues {
            return Err("it is not of the form COPY table (columns) FROM stdin;");
        }
        self.0 = rest;
        Ok(())
    }

    fn identifier(&mut self) -> Result<String, &'static str> {
        self.skip_spaces();
        match self.0.strip_prefix('"') {
            Some(quoted) => self.quoted_identifier(quoted),
            None => self.bare_identifier(),
        }
    }

    fn quoted_identifier(&mut self, quoted: &str) -> Result<String, &'static str> {
        let mut name = String::new();
        let mut characters = quoted.char_indices().peekable();
        while let Some((index, character)) = characters.next() {
            if character != '"' {
                name.push(character);
            } else if characters.next_if(|&(_, next)| next == '"').is_some() {
                name.push('"');
            } else if name.is_empty() {
                return Err("it has an empty identifier");
            } else {
                // The opening quote is one byte longer than `quoted`.
                self.0 = self.0.get(index + 2..).unwrap_or_default();
                return Ok(name);
            }
        }
        Err("a quoted identifier has no end")
    }

    fn bare_identifier(&mut self) -> Result<String, &'static str> {
        let end = self
            .0
            .find(|c: char| !(c == '_' || c == '$' || c.is_ascii_alphanumeric() || !c.is_ascii()))
            .unwrap_or(self.0.len());
        let (name, rest) = self.0.split_at(end);
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit() || c == '$') {
            return Err("an identifier is missing");
        }
        self.0 = rest;
        Ok(name.to_ascii_lowercase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parsed(statement: &str) -> (String, Vec<String>) {
        let statement = CopyStatement::parse(statement).unwrap();
        (statement.target.to_string(), statement.columns)
    }

    #[test]
    fn plain_and_quoted_names() {
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
    fn no_columns() {
        assert_eq!(parsed("COPY public.no_columns  FROM stdin;\n").1, Vec::<String>::new());
    }

    #[test]
    fn keywords_as_quoted_names() {
        let (table, columns) = parsed("COPY \"from\".\"copy\" (\"from\", stdin) FROM stdin;");
        assert_eq!(table, "from.copy");
        assert_eq!(columns, ["from", "stdin"]);
    }

    #[test]
    fn refuses_what_is_not_a_copy_statement() {
        for statement in [
            "",
            "COPY",
            "COPY public.a (id FROM stdin;",
            "COPY public.a (id,) FROM stdin;",
            "COPY public.a () FROM stdin;",
            "COPY public.a (id) FROM stdin",
            "COPY public.a (id) FROM stdin; DROP TABLE a;",
            "COPY public.a (id) FROM '/etc/passwd';",
            "COPY public.a (id) FROM stdin WITH (FORMAT binary);",
            "COPY public.\"a (id) FROM stdin;",
            "COPY public.\"\" (id) FROM stdin;",
            "COPY (SELECT 1) TO STDOUT;",
            "COPYpublic.a FROM stdinx;",
        ] {
            assert!(CopyStatement::parse(statement).is_err(), "{statement:?}");
        }
    }

    proptest! {
        #[test]
        fn any_names_survive(
            schema in "\\PC{1,12}|[\t\n\"(),;é ]{1,5}",
            name in "\\PC{1,12}|[\t\n\"(),;é ]{1,5}",
            columns in proptest::collection::vec("\\PC{1,8}|[\t\n\"(),;é ]{1,5}", 0..5),
        ) {
            let statement = CopyStatement { target: TableName::new(schema, name), columns };
            let again = CopyStatement::parse(&format!("{};\n", statement.to_sql()));
            prop_assert_eq!(again, Ok(statement));
        }
    }
}
