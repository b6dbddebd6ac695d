//! Holds what every command works with: settings, screen, interrupt.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::watch;

use crate::adapters::postgres::{DatabaseUrl, Defaults, SslMode};
use crate::deployment::Deployments;
use crate::events::SharedReporter;
use crate::failure::{CommandError, FailureKind};
use crate::runbook;
use crate::settings::{Settings, SettingsError};
use crate::ui::Ui;

#[derive(Clone)]
pub struct Context {
    pub settings: Settings,
    /// Why a configuration file is not in force, for the few commands that work without it.
    pub problem: Option<Arc<SettingsError>>,
    pub ui: Arc<Ui>,
    pub interrupt: Interrupt,
    pub home: Option<PathBuf>,
}

impl Context {
    pub fn reporter(&self) -> SharedReporter {
        self.ui.clone()
    }

    pub fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    /// The environments, as this process reaches them.
    pub fn deployments(&self) -> Deployments<'_> {
        Deployments { settings: &self.settings, reporter: &*self.ui, home: self.home.as_deref() }
    }

    /// The database on this machine, with libpq's defaults.
    ///
    /// # Errors
    /// No local database is configured, or its URL cannot be used.
    pub fn local_database(&self) -> Result<DatabaseUrl, CommandError> {
        let hint = "set BCOPS_LOCAL_DATABASE_URL, or local.database_url in bcops.toml, for example to \
                    postgres:///site";
        let Some(configured) = &self.settings.local.database_url else {
            let text = "no database on this machine is configured";
            return Err(CommandError::new(FailureKind::Configuration, text).hint(hint));
        };
        let defaults = Defaults {
            variable: &|name| std::env::var(name).ok(),
            home: self.home.as_deref(),
            ssl_mode: SslMode::Prefer,
        };
        DatabaseUrl::parse(configured.value.expose(), &defaults).map_err(|error| {
            let text = format!("cannot use the URL of the local database ({})", configured.origin);
            CommandError::new(FailureKind::Configuration, text).with_cause(error).hint(hint)
        })
    }

    /// The local database, with the name of `--target` if that was given.
    pub fn local_target(&self, name: Option<&str>) -> Result<DatabaseUrl, CommandError> {
        let url = self.local_database()?;
        Ok(match name {
            Some(name) => url.with_database(name),
            None => url,
        })
    }
}

/// Whether Ctrl-C was pressed.
#[derive(Clone)]
pub struct Interrupt(watch::Receiver<bool>);

impl Interrupt {
    pub fn new(receiver: watch::Receiver<bool>) -> Self {
        Interrupt(receiver)
    }

    /// The same for a run, which stops between its steps.
    pub fn of_a_run(&self) -> runbook::Interrupt {
        runbook::Interrupt::new(self.0.clone())
    }

    /// Waits until Ctrl-C is pressed.
    pub async fn pressed(&self) {
        let mut receiver = self.0.clone();
        if receiver.wait_for(|interrupted| *interrupted).await.is_err() {
            // The sender is gone, so the key can no longer be pressed.
            std::future::pending::<()>().await;
        }
    }

    /// Does the work unless Ctrl-C comes first. The work is then dropped where it stands, so give
    /// only work that can be dropped at any point.
    pub async fn guard<T>(
        &self,
        work: impl Future<Output = Result<T, CommandError>>,
    ) -> Result<T, CommandError> {
        let mut receiver = self.0.clone();
        tokio::select! {
            result = work => result,
            Ok(_) = receiver.wait_for(|interrupted| *interrupted) => {
                Err(CommandError::new(FailureKind::Interrupted, "interrupted"))
            }
        }
    }
}
