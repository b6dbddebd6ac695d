//! Refuses a destination whose config vars lead to a resource of a protected environment. Every
//! command checks all config vars, because the site itself reads them.

use super::Deployments;
use super::conclusion::{Subject, is_protected};
use super::survey::{Survey, Surveyed};
use crate::events::Event;
use crate::failure::{CommandError, FailureKind};
use crate::settings::{Destination, Environment};

/// # Errors
/// A refusal if the site reads the variable, or if trusted configuration does not accept it.
pub fn check(
    deployments: Deployments<'_>,
    destination: &Destination,
    survey: &Survey<'_>,
) -> Result<(), CommandError> {
    let check = Check { deployments, destination };
    check.all("database", &survey.databases)?;
    check.all("Redis", &survey.redis)?;
    check.all("search cluster", &survey.clusters)?;
    check.all("bucket", &survey.buckets)
}

struct Check<'d> {
    deployments: Deployments<'d>,
    destination: &'d Destination,
}

impl Check<'_> {
    fn all<T>(&self, what: &'static str, found: &[Surveyed<'_, T>]) -> Result<(), CommandError> {
        found.iter().try_for_each(|one| self.one(what, one))
    }

    fn one<T>(&self, what: &'static str, found: &Surveyed<'_, T>) -> Result<(), CommandError> {
        let Some((environment, named_by)) = found.same() else { return Ok(()) };
        let subject = Subject { what, place: &found.place };
        let read = read_by_the_site(self.destination);
        if found.variables.iter().any(|name| read.contains(&name.as_str())) {
            return Err(is_protected(subject, environment, named_by));
        }
        // The login opens nothing, so the variable is left over from earlier.
        if found.is_refused {
            return Ok(());
        }
        for variable in &found.variables {
            self.accepted(variable, subject, environment)?;
        }
        Ok(())
    }

    fn accepted(
        &self,
        variable: &str,
        subject: Subject<'_>,
        environment: &Environment,
    ) -> Result<(), CommandError> {
        let own = &self.destination;
        let Subject { what, place } = subject;
        let text = format!(
            "{variable} of {} leads to the {what} {place} of {}, which is protected",
            own.app.value, environment.name
        );
        if own.accept.iter().any(|name| name == variable) {
            self.deployments.reporter.emit(Event::Warning(format!(
                "{text}; bcops continues, because environments.{}.accept names it",
                own.name
            )));
            return Ok(());
        }
        let name = &own.name;
        Err(CommandError::new(FailureKind::Refused, format!("{text}; nothing was changed"))
            .hint(format!("remove it: heroku config:unset {variable} --app {}", own.app.value))
            .hint(format!(
                "or, if nothing on {name} reads it, set environments.{name}.accept = \
                 [\"{variable}\"] in bcops.toml"
            )))
    }
}

/// The config vars that the site's settings read.
fn read_by_the_site(environment: &Environment) -> [&str; 5] {
    [
        &environment.database_url_variable,
        &environment.cache_variables.redis_tls_url,
        &environment.cache_variables.redis_url,
        &environment.search_url_variable,
        &environment.bucket_variables.bucket,
    ]
}
