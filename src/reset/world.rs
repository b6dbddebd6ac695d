//! What the steps work with: two environments, looked up and compared before any of it is made.

use std::ops::Deref;

use crate::adapters::git::{Remote, Repository};
use crate::adapters::gitlab::Gitlab;
use crate::adapters::heroku::{
    ConfigVars, DatabaseAttachment, DestinationApp, DestinationDatabase, Heroku,
};
use crate::adapters::postgres::{DatabaseUrl, PostgresError, Session, connect};
use crate::adapters::s3::{DestinationBucket, SourceBucket};
use crate::deployment::Fingerprint;
use crate::runbook::{StepContext, StepResult};
use crate::scrub::Manifest;
use crate::secret::Secret;
use crate::settings::{Destination, Environment, Settings};

use super::choices::Choices;

/// One reset: what it works with, and what the person decided when they saw that.
pub struct World {
    pub surroundings: Surroundings,
    pub choices: Choices,
}

/// The steps speak of `world.app`: where a field lies is not what they are about.
impl Deref for World {
    type Target = Surroundings;

    fn deref(&self) -> &Surroundings {
        &self.surroundings
    }
}

/// What is there before anything is decided. Everything in it was resolved from the configuration
/// and from Heroku, and the command's guard has compared it with what is protected.
pub struct Surroundings {
    pub settings: Settings,
    pub source: Environment,
    pub destination: Destination,
    pub heroku: Heroku,
    pub app: DestinationApp,
    pub source_app_id: String,
    pub database: DestinationDatabase,
    /// The source's database as Heroku knows it: whose backups are loaded.
    pub source_database: DatabaseAttachment,
    /// For reading what the two have in common.
    pub source_url: DatabaseUrl,
    pub destination_url: DatabaseUrl,
    /// Staging's config vars in force, with what stands in for them.
    pub destination_vars: ConfigVars,
    pub branches: Branches,
    /// The site's repository, in the namespace of planning.
    pub repository: Repository,
    pub heroku_remote: Remote,
    pub manifest: Manifest,
    /// Absent where neither side has a bucket.
    pub media: Option<MediaSides>,
    /// Absent without a token.
    pub gitlab: Option<Gitlab>,
    pub slack: Option<Secret>,
    /// What must not be written anywhere, beside the passwords of databases and buckets.
    pub secrets: Vec<Secret>,
    /// Names of protected environments with their repositories at Heroku.
    pub protected_repositories: Vec<(String, String)>,
    /// What staging was when it was compared with everything that is protected.
    pub fingerprint: Fingerprint,
    /// The zone before its sites, where that was compared.
    pub zone: Option<String>,
    /// Who runs this, for the messages.
    pub operator: String,
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
    /// The source, read with staging's keys, with which the server may copy by itself.
    pub reader: SourceBucket,
    pub destination: DestinationBucket,
    /// What must not be written anywhere.
    pub secrets: Vec<Secret>,
}

impl Surroundings {
    /// The repository, in the namespace of the run.
    pub fn repository(&self, context: &StepContext) -> StepResult<Repository> {
        Ok(self.repository.for_run(context.run().as_str())?)
    }

    pub async fn connect_destination(&self) -> Result<Session, PostgresError> {
        connect(&self.destination_url).await
    }

    /// A session in which the server refuses every change.
    pub async fn connect_source(&self) -> Result<Session, PostgresError> {
        let session = connect(&self.source_url).await?;
        session
            .batch_execute("SET default_transaction_read_only = on; SET statement_timeout = '120s'")
            .await?;
        Ok(session)
    }

    /// `refs/heads/staging`.
    pub fn staging_reference(&self) -> String {
        format!("refs/heads/{}", self.branches.staging)
    }

    /// The app that owns staging's database, and with it its backups.
    pub fn destination_backups(&self) -> &str {
        &self.database.attachment().billing_app.name
    }
}
