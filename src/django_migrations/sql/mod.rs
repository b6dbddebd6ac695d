//! Reads simple SQL: what its statements change in tables and columns.
//!
//! The reader has a list of statements that change no column. Everything that is neither on the list
//! nor understood is an error.

mod types;
mod words;

use words::Word;

/// What a statement changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    CreateTable { table: String, columns: Vec<NewColumn> },
    DropTable { table: String },
    RenameTable { table: String, new: String },
    AddColumn { table: String, column: NewColumn },
    DropColumn { table: String, column: String },
    RenameColumn { table: String, column: String, new: String },
    AlterType { table: String, column: String, type_name: String },
    SetNotNull { table: String, column: String, not_null: bool },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewColumn {
    pub name: String,
    pub type_name: String,
    pub not_null: bool,
    pub primary: bool,
}

/// The beginnings of statements that change no column. A view holds no rows in a backup.
const HARMLESS: [&[&str]; 34] = [
    &["alter", "index"],
    &["alter", "sequence"],
    &["analyze"],
    &["begin"],
    &["comment", "on"],
    &["commit"],
    &["create", "collation"],
    &["create", "extension"],
    &["create", "function"],
    &["create", "index"],
    &["create", "materialized", "view"],
    &["create", "or", "replace", "function"],
    &["create", "or", "replace", "trigger"],
    &["create", "or", "replace", "view"],
    &["create", "sequence"],
    &["create", "statistics"],
    &["create", "text", "search"],
    &["create", "trigger"],
    &["create", "unique", "index"],
    &["create", "view"],
    &["delete", "from"],
    &["drop", "function"],
    &["drop", "index"],
    &["drop", "materialized", "view"],
    &["drop", "sequence"],
    &["drop", "trigger"],
    &["drop", "view"],
    &["insert", "into"],
    &["lock", "table"],
    &["refresh", "materialized", "view"],
    &["reindex"],
    &["set"],
    &["truncate"],
    &["update"],
];

/// Reads statements that semicolons separate.
///
/// # Errors
/// What cannot be read.
pub fn read(text: &str) -> Result<Vec<Change>, String> {
    let words = words::split(text)?;
    let mut changes = Vec::new();
    for statement in words.split(|word| *word == Word::Sign(';')) {
        if !statement.is_empty() {
            Statement { rest: statement }.read(&mut changes)?;
        }
    }
    Ok(changes)
}

/// What remains of a statement.
struct Statement<'a> {
    rest: &'a [Word],
}

impl<'a> Statement<'a> {
    fn read(&mut self, changes: &mut Vec<Change>) -> Result<(), String> {
        if HARMLESS.iter().any(|beginning| self.begins_with(beginning)) || self.sets_a_sequence() {
            return Ok(());
        }
        let whole = self.rest;
        let unread = || {
            let words: Vec<String> = whole.iter().take(4).map(Word::written).collect();
            format!("cannot follow `{} …`", words.join(" "))
        };
        self.change(changes).ok_or_else(unread)
    }

    /// `SELECT setval(…)`
    fn sets_a_sequence(&self) -> bool {
        matches!(self.rest, [select, setval, Word::Sign('('), ..]
            if select.is("select") && (setval.is("setval") || setval.is("pg_catalog")))
            && !self.rest.iter().any(|word| word.is("into"))
    }

    fn change(&mut self, changes: &mut Vec<Change>) -> Option<()> {
        if self.pass("create") {
            if self.pass("temp") || self.pass("temporary") {
                return Some(());
            }
            self.pass("unlogged");
            return self.create_table(changes);
        }
        if self.pass("drop") && self.pass("table") {
            self.pass_all(&["if", "exists"]);
            loop {
                changes.push(Change::DropTable { table: self.table()? });
                if !self.pass_sign(',') {
                    return self.at_end();
                }
            }
        }
        if self.pass("alter") && self.pass("table") {
            self.pass_all(&["if", "exists"]);
            self.pass("only");
            let table = self.table()?;
            self.pass_sign('*');
            for mut action in self.parts() {
                changes.extend(action.action(&table)?);
            }
            return Some(());
        }
        None
    }

    fn create_table(&mut self, changes: &mut Vec<Change>) -> Option<()> {
        if !self.pass("table") {
            return None;
        }
        self.pass_all(&["if", "not", "exists"]);
        let table = self.table()?;
        let mut inside = self.brackets()?;
        // Storage parameters and the like. `INHERITS`, `PARTITION OF` and `AS` bring other columns.
        if !(self.rest.is_empty() || self.pass("with") || self.pass("tablespace")) {
            return None;
        }
        let mut columns = Vec::new();
        for mut part in inside.parts() {
            if part.is_constraint() {
                continue;
            }
            if part.rest.first()?.is("like") {
                return None;
            }
            columns.push(part.column()?);
        }
        changes.push(Change::CreateTable { table, columns });
        Some(())
    }

    fn is_constraint(&self) -> bool {
        let words = ["constraint", "primary", "unique", "foreign", "check", "exclude"];
        words.iter().any(|word| self.rest.first().is_some_and(|first| first.is(word)))
    }

    fn action(&mut self, table: &str) -> Option<Vec<Change>> {
        let table = table.to_owned();
        if self.pass("add") {
            if self.is_constraint() {
                return Some(Vec::new());
            }
            self.pass("column");
            self.pass_all(&["if", "not", "exists"]);
            return Some(vec![Change::AddColumn { table, column: self.column()? }]);
        }
        if self.pass("drop") {
            if self.pass("constraint") {
                return Some(Vec::new());
            }
            self.pass("column");
            self.pass_all(&["if", "exists"]);
            return Some(vec![Change::DropColumn { table, column: self.name()? }]);
        }
        if self.pass("rename") {
            if self.pass("constraint") {
                return Some(Vec::new());
            }
            if self.pass("to") {
                return Some(vec![Change::RenameTable { table, new: self.name()? }]);
            }
            self.pass("column");
            let column = self.name()?;
            let to = self.pass("to");
            return Some(vec![Change::RenameColumn { table, column, new: self.name()? }])
                .filter(|_| to);
        }
        if self.pass("alter") {
            if self.pass("constraint") {
                return Some(Vec::new());
            }
            self.pass("column");
            return self.alter_column(table);
        }
        let harmless = ["owner", "validate", "enable", "disable", "cluster", "replica"];
        harmless.iter().any(|word| self.pass(word)).then(Vec::new)
    }

    fn alter_column(&mut self, table: String) -> Option<Vec<Change>> {
        let column = self.name()?;
        let sets = self.pass("set");
        if self.pass("type") || (sets && self.pass_all(&["data", "type"])) {
            let type_name = types::usual(&types::read(self)?);
            return Some(vec![Change::AlterType { table, column, type_name }]);
        }
        if !sets && !self.pass("drop") {
            return None;
        }
        if self.pass_all(&["not", "null"]) {
            return Some(vec![Change::SetNotNull { table, column, not_null: sets }]);
        }
        let harmless = ["default", "statistics", "storage", "compression", "identity"];
        harmless.iter().any(|word| self.pass(word)).then(Vec::new)
    }

    fn column(&mut self) -> Option<NewColumn> {
        let name = self.name()?;
        let type_name = types::read(self)?;
        let follows = |first: &str, second: &str| {
            self.rest
                .windows(2)
                .any(|pair| matches!(pair, [one, two] if one.is(first) && two.is(second)))
        };
        let primary = follows("primary", "key");
        let not_null = primary || follows("not", "null") || types::is_serial(&type_name);
        Some(NewColumn { name, type_name: types::usual(&type_name), not_null, primary })
    }

    /// Passes a word if it is next.
    fn pass(&mut self, key: &str) -> bool {
        self.pass_all(&[key])
    }

    fn pass_all(&mut self, keys: &[&str]) -> bool {
        let fits = self.begins_with(keys);
        if fits {
            self.rest = self.rest.get(keys.len()..).unwrap_or_default();
        }
        fits
    }

    fn begins_with(&self, keys: &[&str]) -> bool {
        let words = self.rest.iter().zip(keys);
        self.rest.len() >= keys.len() && words.into_iter().all(|(word, key)| word.is(key))
    }

    fn pass_sign(&mut self, sign: char) -> bool {
        match self.rest.split_first() {
            Some((Word::Sign(own), rest)) if *own == sign => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    fn name(&mut self) -> Option<String> {
        let (word, rest) = self.rest.split_first()?;
        self.rest = rest;
        match word {
            Word::Bare(name) | Word::Quoted(name) => Some(name.clone()),
            _ => None,
        }
    }

    /// The name of a table in the schema `public`.
    fn table(&mut self) -> Option<String> {
        let name = self.name()?;
        match self.pass_sign('.') {
            false => Some(name),
            true if name == "public" => self.name(),
            true => None,
        }
    }

    /// After the names of `DROP TABLE`.
    fn at_end(&mut self) -> Option<()> {
        let _ = self.pass("cascade") || self.pass("restrict");
        self.rest.is_empty().then_some(())
    }

    /// What stands in the brackets that come next.
    fn brackets(&mut self) -> Option<Statement<'a>> {
        if !self.pass_sign('(') {
            return None;
        }
        let mut depth = 0usize;
        for (place, word) in self.rest.iter().enumerate() {
            match word {
                Word::Sign('(') => depth += 1,
                Word::Sign(')') if depth == 0 => {
                    let (inside, rest) = self.rest.split_at(place);
                    self.rest = rest.get(1..).unwrap_or_default();
                    return Some(Statement { rest: inside });
                }
                Word::Sign(')') => depth -= 1,
                _ => {}
            }
        }
        None
    }

    /// The parts between commas that are not in brackets.
    fn parts(&mut self) -> Vec<Statement<'a>> {
        let mut depth = 0usize;
        let rest = std::mem::take(&mut self.rest);
        let parts = rest.split(|word| {
            match word {
                Word::Sign('(' | '[') => depth += 1,
                Word::Sign(')' | ']') => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth == 0 && *word == Word::Sign(',')
        });
        parts.map(|rest| Statement { rest }).collect()
    }
}

#[cfg(test)]
mod tests;
