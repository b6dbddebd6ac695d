//! Converts named NOT NULL constraints for servers that have only NOT NULL columns.
//!
//! Postgres 18 names these constraints. Its pg_dump writes those that are not valid for all rows as
//! `ADD CONSTRAINT name NOT NULL column NOT VALID`. On older servers a CHECK means the same.

use super::sql::{Cursor, Reason};
use crate::schema::quote_identifier;

/// The statement with a CHECK instead of the NOT NULL, or `None` for any other statement.
pub fn as_check(sql: &str) -> Option<String> {
    let (start, column, end) = place(sql).ok().flatten()?;
    let (before, after) = (sql.get(..start)?, sql.get(end..)?);
    Some(format!("{before}CHECK ({} IS NOT NULL){after}", quote_identifier(&column)))
}

/// The range of `NOT NULL column` after `ADD CONSTRAINT name`, and the column.
fn place(sql: &str) -> Result<Option<(usize, String, usize)>, Reason> {
    let mut cursor = Cursor::new(sql);
    if !(cursor.take_word("ALTER")? && cursor.take_word("TABLE")?) {
        return Ok(None);
    }
    cursor.take_word("ONLY")?;
    cursor.table_name("public")?;
    if !(cursor.take_word("ADD")? && cursor.take_word("CONSTRAINT")?) {
        return Ok(None);
    }
    cursor.identifier()?;
    let start = cursor.clone();
    if !(cursor.take_word("NOT")? && cursor.take_word("NULL")?) {
        return Ok(None);
    }
    let column = cursor.identifier()?;
    // The length from the word NOT, so that the space before it stays.
    let spaces = start.text_until(&cursor).len();
    let end = cursor.offset_in(sql);
    Ok(Some((end - spaces, column, end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_constraint_is_replaced() {
        let sql =
            "ALTER TABLE public.nn\n    ADD CONSTRAINT \"b NOT NULL\" NOT NULL \"B\" NOT VALID;\n";
        assert_eq!(
            as_check(sql).as_deref(),
            Some(
                "ALTER TABLE public.nn\n    ADD CONSTRAINT \"b NOT NULL\" \
                 CHECK (\"B\" IS NOT NULL) NOT VALID;\n"
            )
        );
        for other in [
            "ALTER TABLE ONLY public.nn ADD CONSTRAINT k PRIMARY KEY (id);",
            "ALTER TABLE ONLY public.nn ADD CONSTRAINT k NOT NULL",
            "CREATE INDEX x ON y (z)",
            "",
        ] {
            assert_eq!(as_check(other), None, "{other}");
        }
    }
}
