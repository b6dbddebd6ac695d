//! Marks the databases that pulls make. A mark is a random word in a setting of the database and in
//! the state folder. A database with a known mark belongs to this machine.

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

/// The marks in this state folder.
pub struct Marks {
    file: PathBuf,
}

impl Marks {
    pub fn in_state_folder(folder: &Path) -> Marks {
        Marks { file: folder.join("database-marks") }
    }

    /// Gives a database its own mark. The state folder gets the mark first, so a kill in between
    /// leaves no database with an unknown mark.
    ///
    /// # Errors
    /// If the state folder cannot be written, or the role is not allowed to change the database.
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
            CommandError::new(
                FailureKind::Unexpected,
                "cannot make a mark: the system has no \
                                                        random numbers",
            )
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

    /// Whether a database of the session's server has a mark that this state folder knows.
    ///
    /// # Errors
    /// If the server cannot be asked.
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
