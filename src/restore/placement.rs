//! Reads the tablespace and the locale of a database, and creates a new database with them. A
//! locale can only be chosen when a database is created.

use tokio_postgres::Row;

use crate::adapters::postgres::{Session, describe, quote_literal};
use crate::schema::quote_identifier;

use super::properties::NotKept;

/// Properties of an existing database that a new one gets when it is created.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Placement {
    /// `LC_COLLATE … LC_CTYPE …`, with the provider if the server knows more than one.
    locale: Option<String>,
    tablespace: Option<String>,
}

impl Placement {
    /// The server's defaults if there is no such database.
    pub(super) async fn of(
        session: &Session,
        database: &str,
    ) -> Result<Placement, tokio_postgres::Error> {
        // The columns differ between server versions, so the query reads them all.
        let statement = "SELECT pg_catalog.to_jsonb(d)::text, t.spcname::text, \
                         t.oid <> (SELECT dattablespace FROM pg_catalog.pg_database \
                         WHERE datname = 'template0') \
                         FROM pg_catalog.pg_database d \
                         JOIN pg_catalog.pg_tablespace t ON t.oid = d.dattablespace \
                         WHERE d.datname = $1";
        let Some(row) = session.query_opt(statement, &[&database]).await? else {
            return Ok(Placement::default());
        };
        Ok(Placement {
            locale: locale(&row),
            tablespace: row.get::<_, Option<bool>>(2).unwrap_or(true).then(|| row.get(1)),
        })
    }

    /// Creates a database with these properties, and returns those that the server refused.
    pub(super) async fn create(
        &self,
        session: &Session,
        incoming: &str,
        encoding: &str,
        current: &str,
    ) -> Result<Vec<NotKept>, tokio_postgres::Error> {
        let create = format!(
            "CREATE DATABASE {} TEMPLATE template0 ENCODING {}",
            quote_identifier(incoming),
            quote_literal(encoding)
        );
        let mut refused = None;
        for (with_locale, with_tablespace) in
            [(true, true), (true, false), (false, true), (false, false)]
        {
            let locale = self.locale.as_ref().filter(|_| with_locale);
            let tablespace = self.tablespace.as_ref().filter(|_| with_tablespace);
            // A property that does not exist would only repeat another statement.
            if (with_locale && locale.is_none()) || (with_tablespace && tablespace.is_none()) {
                continue;
            }
            let mut statement = create.clone();
            if let Some(locale) = locale {
                statement.push_str(&format!(" {locale}"));
            }
            if let Some(tablespace) = tablespace {
                statement.push_str(&format!(" TABLESPACE {}", quote_identifier(tablespace)));
            }
            match session.batch_execute(&statement).await {
                Ok(()) => {
                    let why = refused.as_ref().map(describe).unwrap_or_default();
                    return Ok(self.lacking(with_locale, with_tablespace, current, &why));
                }
                Err(error) => refused = Some(error),
            }
        }
        // The cluster's locale may require another encoding. The locale C works with every
        // encoding.
        let with_c = format!("{create} LC_COLLATE 'C' LC_CTYPE 'C'");
        session.batch_execute(&with_c).await.map_err(|error| refused.unwrap_or(error))?;
        Ok(Vec::new())
    }

    fn lacking(
        &self,
        with_locale: bool,
        with_tablespace: bool,
        current: &str,
        why: &str,
    ) -> Vec<NotKept> {
        let mut lacking = Vec::new();
        let mut lost = |what: String, statement| {
            let (database, why) = (current.to_owned(), why.to_owned());
            lacking.push(NotKept { database, what, why, statement });
        };
        if let Some(locale) = self.locale.as_ref().filter(|_| !with_locale) {
            lost(format!("locale ({locale})"), None);
        }
        if let Some(tablespace) = self.tablespace.as_ref().filter(|_| !with_tablespace) {
            let statement = format!(
                "ALTER DATABASE {} SET TABLESPACE {}",
                quote_identifier(current),
                quote_identifier(tablespace)
            );
            lost(format!("tablespace {tablespace}"), Some(statement));
        }
        lacking
    }
}

fn locale(row: &Row) -> Option<String> {
    let database: serde_json::Value = serde_json::from_str(row.get(0)).ok()?;
    let of = |name: &str| database.get(name).and_then(serde_json::Value::as_str);
    let mut text = format!(
        "LC_COLLATE {} LC_CTYPE {}",
        quote_literal(of("datcollate")?),
        quote_literal(of("datctype")?)
    );
    // `datlocale` since Postgres 17, `daticulocale` before.
    let named = of("datlocale").or(of("daticulocale"));
    match (of("datlocprovider"), named) {
        (Some("i"), Some(locale)) => {
            text.push_str(&format!(" LOCALE_PROVIDER icu ICU_LOCALE {}", quote_literal(locale)));
            if let Some(rules) = of("daticurules") {
                text.push_str(&format!(" ICU_RULES {}", quote_literal(rules)));
            }
        }
        (Some("b"), Some(locale)) => {
            let locale = quote_literal(locale);
            text.push_str(&format!(" LOCALE_PROVIDER builtin BUILTIN_LOCALE {locale}"));
        }
        (Some("c"), _) => text.push_str(" LOCALE_PROVIDER libc"),
        _ => {}
    }
    Some(text)
}
