//! Checks once more, right before a change, that the destination is staging and not protected,
//! because config vars may have changed since the run began.
//!
//! Only staging is asked for its identity. Only if that differs from the proved one is everything
//! compared again, so a production that does not answer never stops a run.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use crate::adapters::postgres::DatabaseIdentity;
use crate::caches::{self, CacheError};
use crate::deployment::{Deployments, Fingerprint, find_front_end};
use crate::events::SharedReporter;
use crate::failure::{CommandError, FailureKind};
use crate::runbook::{Evidence, Guard, StepResult};

use super::book::replaces_database;
use super::cleanup::FRONT_END_CACHE;
use super::origin::check_heroku_remote;
use super::world::Reset;

pub struct LookAgain {
    world: Arc<Reset>,
    reporter: SharedReporter,
    home: Option<PathBuf>,
    proved: Mutex<Proved>,
}

/// The identity that was proved last.
#[derive(Clone)]
struct Proved {
    fingerprint: Fingerprint,
    /// The zone in front of the sites, if it was compared.
    zone: Option<String>,
    /// Whether the step before gave the database a new identity.
    was_replaced: bool,
}

impl LookAgain {
    /// `home` is the user's folder, where other programs keep their logins.
    pub fn new(world: Arc<Reset>, reporter: SharedReporter, home: Option<PathBuf>) -> Self {
        let proved = Proved {
            fingerprint: world.destination.fingerprint.clone(),
            zone: world.destination.zone.clone(),
            was_replaced: false,
        };
        LookAgain { world, reporter, home, proved: Mutex::new(proved) }
    }

    fn deployments(&self) -> Deployments<'_> {
        let (settings, home) = (&self.world.settings, self.home.as_deref());
        Deployments { settings, reporter: &*self.reporter, home }
    }

    async fn look(&self, step: &str) -> Result<Evidence, CommandError> {
        let deployments = self.deployments();
        let destination = &self.world.destination;
        let mut proved = self.proved.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let world = &self.world;
        let protected = &world.protected_repositories;
        check_heroku_remote(
            &world.repository,
            &world.destination.remote,
            world.app_name(),
            protected,
        )
        .await?;
        let now = deployments.fingerprint(destination).await?;
        let same_zone = step != FRONT_END_CACHE || self.has_zone(&proved).await?;
        let is_unchanged = match proved.was_replaced {
            true => proved.fingerprint.is_unchanged_but_for_database(&now, destination),
            false => proved.fingerprint.is_unchanged(&now),
        };
        if !is_unchanged || !same_zone {
            proved.zone = self.compare_everything(step).await?.or(proved.zone);
        }
        proved.fingerprint.update(now);
        proved.was_replaced = replaces_database(step);
        let database = proved.fingerprint.database(destination).map(str::to_owned);
        *self.proved.lock().unwrap_or_else(PoisonError::into_inner) = proved;
        let url = &self.world.destination.url;
        let mut evidence = Evidence::new()
            .fact("app", self.world.destination.app.id())
            .fact("database", format!("{} on {}", url.database, url.place()));
        if let Some(identity) = database {
            evidence = evidence.fact("database identity", identity);
        }
        if let Some(sides) = &self.world.media {
            evidence = evidence.fact("bucket", sides.destination.reading().place());
        }
        Ok(evidence)
    }

    /// Cloudflare is asked only right before it is changed, so that staging can be put back while
    /// Cloudflare is down.
    async fn has_zone(&self, proved: &Proved) -> Result<bool, CommandError> {
        let reading = self.deployments().reading(&self.world.destination).await?;
        let login = caches::login(reading.environment, &reading.values.in_force());
        if matches!(login, Err(CacheError::NoFrontEnd { .. })) {
            return Ok(proved.zone.is_none());
        }
        let zone = find_front_end(self.deployments(), reading.environment, &reading.values);
        Ok(proved.zone.as_deref() == Some(zone.await?.front_end.id.as_str()))
    }

    /// Compares every resource again. Returns the zone if it was compared.
    async fn compare_everything(&self, step: &str) -> Result<Option<String>, CommandError> {
        let world = &self.world;
        let writing = self.deployments().writing(&world.destination).await?;
        let database = writing.database_of_heroku().await?;
        let same =
            DatabaseIdentity::of(&database).may_be(&DatabaseIdentity::of(&world.destination.url));
        must_be_same(same, "database")?;
        writing.cache().await?;
        writing.all_of_a_dyno()?;
        if let Some(sides) = &world.media {
            let again = writing.bucket(None, 1).await?;
            let place = again.reading().place();
            must_be_same(place == sides.destination.reading().place(), "bucket")?;
        }
        let app = writing.app().await?;
        must_be_same(app.id() == world.destination.app.id(), "app")?;
        match step == FRONT_END_CACHE {
            true => Ok(Some(writing.front_end().await?.front_end.id.as_str().to_owned())),
            false => Ok(None),
        }
    }
}

fn must_be_same(same: bool, what: &str) -> Result<(), CommandError> {
    if same {
        return Ok(());
    }
    let text = format!("staging's {what} has changed since the run began");
    Err(CommandError::new(FailureKind::Refused, text).hint("bcops doctor"))
}

#[async_trait]
impl Guard for LookAgain {
    async fn before(&self, step: &str) -> StepResult<Evidence> {
        Ok(self.look(step).await?)
    }
}
