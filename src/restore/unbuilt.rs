//! Decides whether a database is complete without an entry that failed, and saves the failed
//! statements.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use crate::adapters::postgres::PostgresError;
use crate::archive::TocEntry;
use crate::private_folder;

/// Kinds that hold no rows of their own. An entry of any other kind that cannot be built stops the
/// load.
const HOLD_NO_ROWS: [&str; 22] = [
    "AGGREGATE",
    "CAST",
    "COMMENT",
    "CONVERSION",
    "FUNCTION",
    "INDEX",
    "INDEX ATTACH",
    "MATERIALIZED VIEW",
    "MATERIALIZED VIEW DATA",
    "OPERATOR",
    "OPERATOR CLASS",
    "OPERATOR FAMILY",
    "POLICY",
    "PROCEDURE",
    "RULE",
    "STATISTICS",
    "TEXT SEARCH CONFIGURATION",
    "TEXT SEARCH DICTIONARY",
    "TRANSFORM",
    "TRIGGER",
    "VIEW",
    "ROW SECURITY",
];

/// Error classes that the statement or its data causes, as opposed to the server, the connection, a
/// lock or a full disk. A statement that failed with one of them may succeed later.
const OF_THE_STATEMENT: [&str; 15] =
    ["0A", "21", "22", "2B", "2F", "34", "38", "39", "3F", "42", "44", "54", "55", "P0", "HV"];

/// Another session's lock, and an object in use. Another order of statements does not help.
const OF_OTHER_SESSIONS: [&str; 2] = ["55P03", "55006"];

/// A CHECK may read a table whose rows come later.
const CHECK_VIOLATION: &str = "23514";

/// An entry that was skipped because its statement failed. The database is complete without it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Unbuilt {
    /// Type and name.
    pub entry: String,
    /// The server's message, without values of rows.
    pub cause: String,
    /// The statement, to run by hand.
    #[serde(skip)]
    pub sql: String,
}

impl Unbuilt {
    /// `None` if the database needs the entry.
    pub fn of(entry: &TocEntry, error: &PostgresError, sql: String) -> Option<Unbuilt> {
        let holds_no_rows = HOLD_NO_ROWS.contains(&entry.entry_type.as_str());
        (holds_no_rows && is_of_the_statement(error)).then(|| Unbuilt {
            entry: entry.describe(),
            cause: error.to_string(),
            sql,
        })
    }
}

/// Writes the statements to a file of this name in the folder, readable only by the user. Replaces
/// or deletes the file of an earlier load. Returns the file, if there are statements.
pub fn save(folder: &Path, name: &str, unbuilt: &[Unbuilt]) -> io::Result<Option<PathBuf>> {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
    let name: String = name.chars().map(plain).collect();
    let path = folder.join(format!("not-built-{name}.sql"));
    if unbuilt.is_empty() {
        return match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(None),
        };
    }
    private_folder::create(folder)?;
    let mut file = private_folder::new_file(&path)?;
    file.write_all(script(unbuilt).as_bytes())?;
    Ok(Some(path))
}

/// Puts each statement in its own transaction, because its search path is set per transaction.
fn script(unbuilt: &[Unbuilt]) -> String {
    let mut script =
        "-- Statements of the backup that failed. To run them by hand: psql -f with this \
         file\n"
            .to_owned();
    for one in unbuilt {
        let comment =
            |text: &str| text.lines().map(|line| format!("-- {line}\n")).collect::<String>();
        script.push_str(&format!(
            "\n{}{}BEGIN;\n{}\n;COMMIT;\n",
            comment(&one.entry),
            comment(&one.cause),
            one.sql.trim_end()
        ));
    }
    script
}

/// Whether the statement may succeed once more objects exist, or with another search path.
pub fn may_succeed_later(error: &PostgresError) -> bool {
    is_of_the_statement(error) || error.code().is_some_and(|code| code.code() == CHECK_VIOLATION)
}

fn is_of_the_statement(error: &PostgresError) -> bool {
    let Some(code) = error.code().map(|code| code.code()) else { return false };
    let class = code.get(..2).unwrap_or_default();
    OF_THE_STATEMENT.contains(&class) && !OF_OTHER_SESSIONS.contains(&code)
}
