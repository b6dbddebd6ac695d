//! Judges whether the functions of a migration, which `RunPython` runs, may create tables.
//!
//! Most of them change rows only. What could create a table or a column is a gap.

use super::expression::{Expression, Kind};
use super::names::Names;
use super::sql::{self, Change};
use super::tokens::{Line, Token};

/// The functions of one file.
pub struct Functions<'a> {
    /// The lines outside of the class `Migration`.
    pub lines: &'a [&'a Line],
    pub names: &'a Names,
    /// The functions in the body of the class.
    pub methods: &'a [Line],
}

/// The commands of `manage.py` that change rows only.
const COMMANDS: [&str; 8] = [
    "fixtree",
    "loaddata",
    "rebuild_references_index",
    "rebuild_index",
    "update_index",
    "update_permissions",
    "clear_cache",
    "wagtail_update_image_renditions",
];

impl Functions<'_> {
    /// Why the code may change tables. `None` if it only changes rows.
    pub fn may_change_tables(&self, code: Option<&Expression>) -> Option<String> {
        let unseen = || Some("its function is not in this file".to_owned());
        let Some(code) = code else { return unseen() };
        match &code.kind {
            Kind::Path(path) if path.last().is_some_and(|name| name == "noop") => None,
            Kind::Path(path) => match path.as_slice() {
                [name] if self.is_here(name) => self.whole_file(),
                _ => unseen(),
            },
            // A lambda is in the file too.
            Kind::Other => self.whole_file(),
            _ => unseen(),
        }
    }

    fn is_here(&self, name: &str) -> bool {
        let defines = |line: &Line| {
            matches!(line.tokens.as_slice(), [def, Token::Name(own), ..]
                if def.is_name("def") && own == name)
        };
        self.names.function(name).is_some() || self.methods.iter().any(defines)
    }

    /// A function may call the others of its file, so all of them are judged.
    fn whole_file(&self) -> Option<String> {
        let lines = self.lines.iter().copied().chain(self.methods);
        lines.filter_map(judge).next()
    }
}

fn judge(line: &Line) -> Option<String> {
    for (place, token) in line.tokens.iter().enumerate() {
        let after = line.tokens.get(place + 1..).unwrap_or_default();
        match token {
            Token::Name(name) if name == "schema_editor" && changes_schema(after) => {
                return Some(format!("line {} changes the schema itself", line.row()));
            }
            Token::Name(name) if name == "call_command" && calls_unknown(after) => {
                return Some(format!("line {} runs a command of manage.py", line.row()));
            }
            Token::Name(name) if name == "execute" => match after {
                [Token::Sign('('), Token::Text(text), ..] if changes_tables(text) => {
                    return Some(format!("line {} has SQL that changes tables", line.row()));
                }
                [Token::Sign('('), Token::Text(_), ..] => return None,
                [Token::Sign('('), ..] => {
                    return Some(format!("the SQL of line {} is not plain text", line.row()));
                }
                _ => {}
            },
            Token::Text(text) if defines_tables(text) => {
                return Some(format!("line {} has SQL that changes tables", line.row()));
            }
            _ => {}
        }
    }
    None
}

/// `schema_editor.connection` only says which database it is, and SQL is judged on its own.
fn changes_schema(after: &[Token]) -> bool {
    match after {
        [Token::Sign('.'), Token::Name(name), ..] => {
            !["connection", "execute", "quote_name", "quote_value"].contains(&name.as_str())
        }
        _ => false,
    }
}

fn calls_unknown(after: &[Token]) -> bool {
    match after {
        [Token::Sign('('), Token::Text(command), ..] => !COMMANDS.contains(&command.as_str()),
        [Token::Sign('('), ..] => true,
        _ => false,
    }
}

/// Whether SQL adds a table or a column, or cannot be read. A change of a type is followed nowhere else,
/// so it counts too, except to the same text with another order of sorting.
fn changes_tables(text: &str) -> bool {
    sql::read(text).map_or_else(
        |_| !is_query(text),
        |changes| {
            let is_harmless = |change: &Change| match change {
                Change::AlterType { type_name, .. } => type_name.starts_with("character varying"),
                Change::DropTable { .. }
                | Change::DropColumn { .. }
                | Change::SetNotNull { .. } => true,
                _ => false,
            };
            !changes.iter().all(is_harmless)
        },
    )
}

/// A plain query, or a statement of another database.
fn is_query(text: &str) -> bool {
    let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
    match words.first().map(String::as_str) {
        Some("select") => !words.iter().any(|word| word == "into" || word.contains('(')),
        Some("pragma" | "show") => true,
        _ => false,
    }
}

fn defines_tables(text: &str) -> bool {
    let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
    let defines = words.windows(2).any(|pair| {
        let [first, second] = pair else { return false };
        let begins = ["create", "alter", "unlogged"].contains(&first.as_str());
        begins && ["table", "unlogged"].contains(&second.as_str())
    });
    let selects = words.first().is_some_and(|first| first == "select");
    defines || (selects && words.iter().any(|word| word == "into"))
}
