//! Reads the search paths of the archive's database from `ALTER DATABASE … SET` and `ALTER ROLE …
//! IN DATABASE … SET`. pg_dump writes both into one entry.

use super::sql::{Cursor, Reason, Token};
use super::toc::Toc;

/// The values of every `SET search_path TO …`, as SQL. Values of roles come first, because on the
/// server they override the database's own. Statements that cannot be read are skipped.
pub fn database_search_paths(toc: &Toc) -> Vec<&str> {
    let entries = toc.entries().iter().filter(|entry| entry.entry_type == "DATABASE PROPERTIES");
    let definitions = entries.filter_map(|entry| entry.definition.as_deref());
    let (mut of_roles, mut of_database) = (Vec::new(), Vec::new());
    for definition in definitions {
        let mut cursor = Cursor::new(definition);
        while let Ok(Some((is_of_role, path))) = next_path(&mut cursor) {
            if let Some(path) = path {
                if is_of_role { of_roles.push(path) } else { of_database.push(path) }
            }
        }
    }
    of_roles.append(&mut of_database);
    of_roles
}

/// Reads one statement: whether it is about a role, and the search path that it sets. `None` at the
/// end.
fn next_path<'a>(cursor: &mut Cursor<'a>) -> Result<Option<(bool, Option<&'a str>)>, Reason> {
    if cursor.peek()? == Token::End {
        return Ok(None);
    }
    let is_of_role = cursor.take_word("ALTER")? && cursor.take_word("ROLE")?;
    let mut path = None;
    loop {
        match cursor.next()? {
            Token::Symbol(';') | Token::End => return Ok(Some((is_of_role, path))),
            token if token.is_word("SET") && cursor.take_word("search_path")? => {
                cursor.take_word("TO")?;
                let start = cursor.clone();
                skip_value(cursor)?;
                path = Some(start.text_until(cursor)).filter(|text| !text.is_empty());
            }
            _ => {}
        }
    }
}

/// Moves to the end of the statement, without taking the semicolon.
fn skip_value(cursor: &mut Cursor<'_>) -> Result<(), Reason> {
    while !matches!(cursor.peek()?, Token::Symbol(';') | Token::End) {
        cursor.next()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(sql: &str) -> Vec<(bool, Option<&str>)> {
        let mut cursor = Cursor::new(sql);
        std::iter::from_fn(|| next_path(&mut cursor).ok().flatten()).collect()
    }

    #[test]
    fn only_search_paths_are_found() {
        let sql = "ALTER DATABASE \"a SET search_path TO b\" SET work_mem TO '1MB';\n\
             ALTER DATABASE d SET search_path TO '$user', 'a;b', 'we''ird';\n\
             ALTER ROLE r IN DATABASE d SET search_path TO 'x';\n";
        assert_eq!(
            paths(sql),
            [(false, None), (false, Some("'$user', 'a;b', 'we''ird'")), (true, Some("'x'")),]
        );
        assert_eq!(paths("ALTER DATABASE d SET search_path TO 'open"), []);
    }
}
