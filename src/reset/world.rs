//! Holds what the steps work with: both environments, looked up and compared before.

use std::io::Read;
use std::ops::Deref;

use crate::adapters::git::{Remote, Repository};
use crate::adapters::gitlab::Gitlab;
use crate::adapters::heroku::{
    Build, ConfigVars, DatabaseAttachment, DestinationApp, DestinationDatabase, Dyno, Formation,
    Heroku, HerokuError, Releases,
};
use crate::adapters::postgres::{DatabaseUrl, PostgresError, Session, connect};
use crate::adapters::s3::{DestinationBucket, SourceBucket};
use crate::deployment::Fingerprint;
use crate::failure::{CommandError, FailureKind};
use crate::restore::OpenBackup;
use crate::runbook::{StepContext, StepResult};
use crate::scrub::Manifest;
use crate::secret::Secret;
use crate::settings::{Destination, Environment, Settings};

use super::answers::Answers;

/// One reset: both environments, and the answers of the operator.
pub struct Reset {
    pub sides: Sides,
    pub answers: Answers,
}

/// Lets steps write `world.source` instead of `world.sides.source`.
impl Deref for Reset {
    type Target = Sides;

    fn deref(&self) -> &Sides {
        &self.sides
    }
}

/// Both environments before anything is decided. Everything was resolved from the configuration and
/// from Heroku, and compared with every protected environment.
pub struct Sides {
    pub settings: Settings,
    pub heroku: Heroku,
    pub source: SourceSide,
    pub destination: DestinationSide,
    pub branches: Branches,
    /// The site's repository, in the namespace of planning.
    pub repository: Repository,
    pub manifest: Manifest,
    /// `None` if neither side has a bucket.
    pub media: Option<MediaSides>,
    /// `None` without a token.
    pub gitlab: Option<Gitlab>,
    pub slack: Option<Secret>,
    /// More secrets that must not be written anywhere, beside the passwords of databases and
    /// buckets.
    pub secrets: Vec<Secret>,
    /// Protected environments and their repositories at Heroku.
    pub protected_repositories: Vec<(String, String)>,
    /// The operator's name, for messages.
    pub operator: String,
}

/// The environment that staging is made from. It is only read.
pub struct SourceSide {
    pub environment: Environment,
    pub app_id: String,
    /// The database at Heroku whose backups are loaded.
    pub database: DatabaseAttachment,
    /// The URL for comparing the two databases.
    pub url: DatabaseUrl,
}

impl Deref for SourceSide {
    type Target = Environment;

    fn deref(&self) -> &Environment {
        &self.environment
    }
}

/// The environment that is reset.
pub struct DestinationSide {
    pub environment: Destination,
    pub app: DestinationApp,
    pub database: DestinationDatabase,
    pub url: DatabaseUrl,
    /// The config vars in force, with their overrides.
    pub variables: ConfigVars,
    /// The app's own repository at Heroku, which builds every push.
    pub remote: Remote,
    /// The identity when it was compared with every protected environment.
    pub fingerprint: Fingerprint,
    /// The zone in front of its sites, if that was compared.
    pub zone: Option<String>,
}

impl Deref for DestinationSide {
    type Target = Destination;

    fn deref(&self) -> &Destination {
        &self.environment
    }
}

/// The branches that the two environments are deployed from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branches {
    pub master: String,
    pub staging: String,
}

/// The two buckets. Staging's was compared with every protected one before it was made.
#[derive(Clone)]
pub struct MediaSides {
    pub source: SourceBucket,
    /// The source, read with staging's keys, which may let the server copy by itself.
    pub reader: SourceBucket,
    pub destination: DestinationBucket,
    /// Secrets that must not be written anywhere.
    pub secrets: Vec<Secret>,
}

impl Sides {
    /// The repository, in the namespace of the run.
    pub fn repository(&self, context: &StepContext) -> StepResult<Repository> {
        Ok(self.repository.for_run(context.run().as_str())?)
    }

    pub async fn connect_destination(&self) -> Result<Session, PostgresError> {
        connect(&self.destination.url).await
    }

    /// A session in which the server refuses every change.
    pub async fn connect_source(&self) -> Result<Session, PostgresError> {
        let session = connect(&self.source.url).await?;
        session
            .batch_execute("SET default_transaction_read_only = on; SET statement_timeout = '120s'")
            .await?;
        Ok(session)
    }

    /// Staging's app, by its name.
    pub fn app_name(&self) -> &str {
        self.destination.app.name()
    }

    pub async fn maintenance(&self) -> Result<bool, HerokuError> {
        Ok(self.heroku.app(self.destination.app.id()).await?.maintenance)
    }

    pub async fn formation(&self) -> Result<Formation, HerokuError> {
        self.heroku.formation(self.destination.app.id()).await
    }

    pub async fn dynos(&self) -> Result<Vec<Dyno>, HerokuError> {
        self.heroku.dynos(self.destination.app.id()).await
    }

    pub async fn releases(&self) -> Result<Releases, HerokuError> {
        self.heroku.releases(self.destination.app.id()).await
    }

    pub async fn newest_builds(&self) -> Result<Vec<Build>, HerokuError> {
        self.heroku.newest_builds(self.destination.app.id()).await
    }

    /// `refs/heads/staging`.
    pub fn staging_reference(&self) -> String {
        format!("refs/heads/{}", self.branches.staging)
    }

    /// Reads a backup of staging to its end, on a separate thread.
    pub async fn read_backup<T, E>(
        &self,
        number: u64,
        read: impl FnOnce(Box<dyn Read + Send>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, CommandError>
    where
        T: Send + 'static,
        E: Send + 'static,
        CommandError: From<E>,
    {
        let owner = self.destination_backups();
        let bytes = OpenBackup::download(&self.heroku, owner, number).await?.bytes;
        let read = tokio::task::spawn_blocking(move || read(bytes)).await.map_err(|cause| {
            CommandError::new(
                FailureKind::Unexpected,
                "cannot read the backup: the reader stopped early",
            )
            .with_cause(cause)
        })?;
        Ok(read?)
    }

    /// The app that owns staging's database, and with it its backups.
    pub fn destination_backups(&self) -> &str {
        &self.destination.database.attachment().billing_app.name
    }
}
