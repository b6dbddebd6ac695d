//! Marks that pulls leave in the databases that they make: a random word that the database carries
//! as a setting, and that the state folder knows. A database with such a mark is this machine's own.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use aws_lc_rs::rand::{SecureRandom, SystemRandom};

use crate::adapters::postgres::{PostgresError, Session, quote_literal};
use crate::failure::{CommandError, FailureKind};
use crate::private_folder;
use crate::schema::quote_identifier;

/// The setting's name in the database.
const SETTING: &str = "bcops.mark";

/// The marks that this state folder knows.
pub struct Marks {
    file: PathBuf,
}

impl Marks {
    pub fn in_state_folder(folder: &Path) -> Marks {
        Marks { file: folder.join("database-marks") }
    }

    /// Gives a database a mark of its own. The state folder knows the mark before the database
    /// carries it, so that a kill in between leaves nothing unknown behind.
    ///
    /// # Errors
    /// Where the state folder cannot be written, or the role may not change the database.
    pub async fn leave_in(&self, session: &Session, database: &str) -> Result<(), CommandError> {
        let mark = self.remember_new()?;
        let sql = format!(
            "ALTER DATABASE {} SET {SETTING} = {}",
            quote_identifier(database),
            quote_literal(&mark)
        );
        session.batch_execute(&sql).await.map_err(PostgresError::from)?;
        Ok(())
    }

    fn remember_new(&self) -> Result<String, CommandError> {
        let mut bytes = [0; 16];
        SystemRandom::new().fill(&mut bytes).map_err(|_| {
            CommandError::new(FailureKind::Unexpected, "the system gives no random numbers")
        })?;
        let mark: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let written = || -> std::io::Result<()> {
            if let Some(folder) = self.file.parent() {
                private_folder::create(folder)?;
            }
            let mut file =
                std::fs::File::options().append(true).create(true).mode(0o600).open(&self.file)?;
            writeln!(file, "{mark}")?;
            file.sync_all()
        };
        written().map_err(|error| {
            let text = format!("cannot write {}", self.file.display());
            CommandError::new(FailureKind::Configuration, text).with_cause(error)
        })?;
        Ok(mark)
    }

    /// Whether a database of the session's server carries a mark that is known here.
    ///
    /// # Errors
    /// Where the server cannot be asked.
    pub async fn knows(&self, session: &Session, database: &str) -> Result<bool, PostgresError> {
        let sql = "SELECT unnest(setconfig) FROM pg_catalog.pg_db_role_setting s \
                   JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase \
                   WHERE d.datname = $1 AND s.setrole = 0";
        let rows = session.query(sql, &[&database]).await?;
        let known = std::fs::read_to_string(&self.file).unwrap_or_default();
        let carried = rows.iter().filter_map(|row| {
            let setting: &str = row.try_get(0).ok()?;
            setting.strip_prefix(SETTING)?.strip_prefix('=')
        });
        Ok(carried
            .into_iter()
            .any(|mark| mark.len() == 32 && known.lines().any(|line| line == mark)))
    }
}
