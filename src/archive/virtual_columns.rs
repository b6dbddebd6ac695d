//! Converts virtual generated columns for servers that have only stored ones.
//!
//! By default Postgres 18 computes generated columns when they are read, and its pg_dump writes
//! such columns without a keyword. Older servers need `STORED` there. Stored columns have the same
//! values, so the table can be created on an older server.

use super::sql::{Cursor, Reason, Token};

/// The first server version, as a number, with virtual generated columns.
pub const KNOWN_SINCE: u32 = 180_000;

/// The statement with `STORED` after every virtual generated column, or `None` if it has none.
pub fn as_stored(sql: &str) -> Option<String> {
    let places = places(sql).ok().filter(|places| !places.is_empty())?;
    let mut text = String::with_capacity(sql.len() + places.len() * 8);
    let mut copied = 0;
    for place in places {
        text.push_str(sql.get(copied..place)?);
        text.push_str(" STORED");
        copied = place;
    }
    text.push_str(sql.get(copied..)?);
    Some(text)
}

/// The offset after each `GENERATED ALWAYS AS (…)` that has no `STORED`.
fn places(sql: &str) -> Result<Vec<usize>, Reason> {
    let mut cursor = Cursor::new(sql);
    let mut places = Vec::new();
    loop {
        match cursor.next()? {
            Token::End => return Ok(places),
            token if token.is_word("GENERATED") => {}
            _ => continue,
        }
        let computed =
            cursor.take_word("ALWAYS")? && cursor.take_word("AS")? && cursor.take('(')?;
        if !computed {
            continue;
        }
        cursor.skip_parentheses()?;
        let place = cursor.offset_in(sql);
        if !cursor.take_word("STORED")? {
            places.push(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_virtual_columns_change() {
        let sql = "CREATE TABLE public.t (\n    a integer NOT NULL,\n    b integer GENERATED ALWAYS AS ((a * 2)),\n    \
                   c text GENERATED ALWAYS AS (('x)'::text || a)) STORED,\n    d integer GENERATED ALWAYS AS (a) NOT NULL\n);\n";
        let stored = as_stored(sql).unwrap();
        assert_eq!(stored.matches("STORED").count(), 3);
        assert!(stored.contains("((a * 2)) STORED,") && stored.contains("(a) STORED NOT NULL"));
        assert_eq!(
            as_stored(
                "ALTER TABLE t ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (\n START WITH 1\n);"
            ),
            None
        );
        assert_eq!(as_stored("COMMENT ON TABLE t IS 'GENERATED ALWAYS AS (a)';"), None);
        assert_eq!(as_stored("CREATE TABLE t (a int GENERATED ALWAYS AS (b"), None);
    }
}
