//! Where else a command on a dyno writes to: Django's cache and the search cluster.

use crate::adapters::elasticsearch::ClusterAddress;
use crate::adapters::heroku::ConfigVars;
use crate::adapters::redis::RedisUrl;
use crate::caches::CacheError;
use crate::error::CommandError;
use crate::settings::Destination;

use super::Protected;

impl Protected<'_> {
    /// Compares every Redis and the search cluster that the config vars name. One that is not named
    /// is none.
    ///
    /// # Errors
    /// A refusal if one is a protected environment's, or cannot be compared.
    pub fn check_stores(
        &self,
        destination: &Destination,
        vars: &ConfigVars,
    ) -> Result<(), CommandError> {
        let set = |variable: &str| vars.get(variable).filter(|url| !url.expose().trim().is_empty());
        let caches = &destination.cache_variables;
        for variable in [&caches.redis_tls_url, &caches.redis_url] {
            let Some(url) = set(variable) else { continue };
            let redis = RedisUrl::parse(url.expose().trim()).map_err(|source| {
                let (app, variable) = (destination.app.value.clone(), variable.clone());
                CacheError::BadRedisUrl { app, variable, source }
            })?;
            self.check_redis(&redis)?;
        }
        let variable = destination.search_url_variable.as_str();
        match set(variable) {
            Some(url) => self.check_cluster(&ClusterAddress::parse(url, variable)?),
            None => Ok(()),
        }
    }
}
