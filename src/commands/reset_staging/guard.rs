//! Looks once more, right before something is changed, that it is staging and nothing that is
//! protected: config vars may have been changed since the run began.

use std::sync::Arc;

use crate::adapters::postgres::DatabaseIdentity;
use crate::commands::Context;
use crate::commands::environments::Values;
use crate::commands::guards::Protected;
use crate::commands::heroku::log_in;
use crate::commands::media::buckets;
use crate::error::{CommandError, Kind};
use crate::reset::{FRONT_END_CACHE, World};
use crate::runbook::{Evidence, Guard, Step, StepFuture};

use super::resolve::check_own_database;
use super::services;

pub struct LookAgain {
    context: Context,
    world: Arc<World>,
}

impl LookAgain {
    pub fn new(context: Context, world: Arc<World>) -> Self {
        LookAgain { context, world }
    }

    async fn look(&self, step: &str) -> Result<Evidence, CommandError> {
        let (context, world) = (&self.context, &self.world);
        let logged_in = log_in(context).await;
        let protected = Protected::look(context, &logged_in, &world.destination).await?;
        let values = Values::of(context, &logged_in, &world.destination).await?;
        let database = values.database(context, &world.destination)?;
        protected.check_database(&database)?;
        let same =
            DatabaseIdentity::of(&database).may_be(&DatabaseIdentity::of(&world.destination_url));
        must_be_same(same, "database")?;
        check_own_database(context, &world.destination, &values, &database)?;
        services::check_stores(context, &protected, &world.destination, &values)?;
        // Cloudflare is asked only where it is about to be changed: its being down keeps nobody
        // from putting staging back.
        if step == FRONT_END_CACHE {
            services::check_zone(context, &protected, &world.destination, &values).await?;
        }
        let mut evidence = Evidence::new()
            .fact("app", world.app.id())
            .fact("database", format!("{} on {}", database.database, database.place()));
        if let Some(sides) = &world.media {
            let bucket = buckets::settings(context, &world.destination, &values.in_force())?;
            let again = protected.destination_bucket(&bucket, &world.destination, None, 1)?;
            let place = again.reading().place();
            must_be_same(place == sides.destination.reading().place(), "bucket")?;
            evidence = evidence.fact("bucket", place);
        }
        let app = logged_in?.heroku.destination_app(&world.destination).await?;
        must_be_same(app.id() == world.app.id(), "app")?;
        Ok(evidence)
    }
}

fn must_be_same(same: bool, what: &str) -> Result<(), CommandError> {
    if same {
        return Ok(());
    }
    let text = format!("staging's {what} is no longer the one that the run began with");
    Err(CommandError::new(Kind::Refused, text).hint("bcops doctor"))
}

impl Guard for LookAgain {
    fn before<'a>(&'a self, step: &'a dyn Step) -> StepFuture<'a, Evidence> {
        Box::pin(async move { Ok(self.look(step.id()).await?) })
    }
}
