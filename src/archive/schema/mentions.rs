//! Finds the columns that an expression reads.

use super::super::sql::{Cursor, Token};
use crate::schema::Column;

/// The columns that the expression names, in the table's order. A type or a function with the name
/// of a column may count as the column, but no column is ever missed. An expression that cannot be
/// read, or that reads whole rows, names every column.
pub fn mentioned_columns(expression: &str, columns: &[Column]) -> Vec<String> {
    let names = names(expression);
    let is_named = |column: &&Column| names.as_ref().is_none_or(|all| all.contains(&column.name));
    columns.iter().filter(is_named).map(|column| column.name.clone()).collect()
}

/// All possible column names in the expression. `None` means that any column is possible.
fn names(expression: &str) -> Option<Vec<String>> {
    let mut cursor = Cursor::new(expression);
    let mut names = Vec::new();
    let mut before = Token::End;
    let mut second_before = Token::End;
    loop {
        let token = cursor.next().ok()?;
        let after_cast = before == Token::Symbol(':') && second_before == Token::Symbol(':');
        match &token {
            Token::End => return Some(names),
            // `t.*`
            Token::Symbol('*') if before == Token::Symbol('.') => return None,
            Token::Word(_) | Token::Quoted(_) if after_cast => {}
            Token::Word(_) | Token::Quoted(_)
                if cursor.peek().ok()? == Token::Symbol('(') && before == Token::Symbol('.') => {}
            Token::Word(word) => names.push(word.to_ascii_lowercase()),
            Token::Quoted(name) => names.push(name.clone()),
            _ => {}
        }
        second_before = std::mem::replace(&mut before, token);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_in_every_place() {
        let column = |name: &&str| Column {
            name: (*name).into(),
            type_name: "text".into(),
            not_null: false,
            generated: false,
        };
        let columns: Vec<Column> =
            ["a", "date", "Odd (", "lower", "select"].iter().map(column).collect();
        for (expression, expected) in [
            ("RANGE (a)", vec!["a"]),
            ("((A > 1) AND (\"Odd (\" = 'date'::text))", vec!["a", "Odd ("]),
            ("((a)::date)", vec!["a"]),
            ("(public.lower(\"select\"))", vec!["select"]),
            ("(lower(a))", vec!["a", "lower"]),
            ("((t.* IS NOT NULL))", vec!["a", "date", "Odd (", "lower", "select"]),
            ("('no end", vec!["a", "date", "Odd (", "lower", "select"]),
            ("((x).date)", vec!["date"]),
        ] {
            assert_eq!(mentioned_columns(expression, &columns), expected, "{expression}");
        }
    }
}
