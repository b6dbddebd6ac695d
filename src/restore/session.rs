//! Sets up every session of a load, so that the server reads the archive's SQL and rows correctly
//! and works fast.
//!
//! All settings are session settings, so no server needs another configuration.

use std::time::Duration;

use crate::adapters::postgres::{DatabaseUrl, Session, connect, quote_literal};
use crate::archive::Toc;

use super::RestoreError;

/// The statements that set up a session.
#[derive(Debug, Clone)]
pub struct SessionSettings {
    statements: String,
}

impl SessionSettings {
    /// Asks the server which of the settings it knows. A newer server knows more of them.
    pub async fn for_archive(
        session: &Session,
        toc: &Toc,
        lock_timeout: Duration,
    ) -> Result<Self, RestoreError> {
        let lock_timeout = format!("{}ms", lock_timeout.as_millis().min(i32::MAX as u128));
        let encoding = toc.encoding().unwrap_or("UTF8");
        let standard_strings = !toc.entries().iter().any(|entry| {
            entry.entry_type == "STDSTRINGS"
                && entry.definition.as_deref().is_some_and(|sql| sql.contains("'off'"))
        });
        let strings = if standard_strings { "on" } else { "off" };
        let wanted: [(&str, &str); 15] = [
            ("statement_timeout", "0"),
            ("lock_timeout", &lock_timeout),
            ("idle_in_transaction_session_timeout", "0"),
            // A session may be idle while the others load a large table.
            ("idle_session_timeout", "0"),
            ("transaction_timeout", "0"),
            ("client_encoding", encoding),
            ("standard_conforming_strings", strings),
            ("check_function_bodies", "off"),
            ("xmloption", "content"),
            ("client_min_messages", "warning"),
            ("row_security", "off"),
            ("synchronous_commit", "off"),
            ("maintenance_work_mem", "256MB"),
            // Compression of large values is a third of a load's work. lz4 takes a fraction of the
            // time of the server's default.
            ("default_toast_compression", "lz4"),
            ("search_path", ""),
        ];
        let names: Vec<&str> = wanted.iter().map(|(name, _)| *name).collect();
        let known = session
            .query(
                "SELECT name FROM pg_catalog.pg_settings WHERE name = ANY($1) \
                 AND (name <> 'default_toast_compression' OR 'lz4' = ANY(enumvals))",
                &[&names],
            )
            .await?;
        let known: Vec<String> = known.iter().map(|row| row.get(0)).collect();
        let statements = wanted
            .iter()
            .filter(|(name, _)| known.iter().any(|known| known == name))
            .map(|(name, value)| {
                format!(
                    "SELECT pg_catalog.set_config('{name}', {}, false);\n",
                    quote_literal(value)
                )
            })
            .collect();
        Ok(SessionSettings { statements })
    }

    /// The same settings and one more statement.
    pub fn with(&self, statement: &str) -> SessionSettings {
        SessionSettings { statements: format!("{}{statement}", self.statements) }
    }

    /// Opens a session with these settings.
    pub async fn open(&self, url: &DatabaseUrl) -> Result<Session, RestoreError> {
        let session = connect(url).await?;
        self.apply(&session).await?;
        // The watch over the load asks by this number what the session waits for.
        session.learn_number().await?;
        Ok(session)
    }

    /// Applies these settings to a session.
    pub async fn apply(&self, session: &Session) -> Result<(), RestoreError> {
        Ok(session.batch_execute(&self.statements).await?)
    }
}
