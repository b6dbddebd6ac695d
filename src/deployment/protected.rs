//! Reads every protected environment, as far as this account and this process can.

use futures_util::future::join_all;

use super::conclusion::{Subject, is_protected};
use super::resources::Resources;
use super::{Deployments, LogIn, Values, known};
use crate::adapters::heroku::{App, HerokuError};
use crate::failure::CommandError;
use crate::settings::{Destination, Environment};

/// A protected environment, and what is known about it.
pub struct ProtectedSide<'a> {
    pub environment: &'a Environment,
    /// The app as Heroku describes it, if Heroku does.
    app: Option<App>,
    pub values: Values,
    pub resources: Resources,
    /// Why the config vars are not known. `None` if they are known completely.
    pub unread: Option<String>,
}

impl<'a> ProtectedSide<'a> {
    async fn look(
        deployments: Deployments<'a>,
        logged_in: &LogIn,
        environment: &'a Environment,
    ) -> ProtectedSide<'a> {
        let name = &environment.app.value;
        let mut values = Values::overriding(environment);
        let (mut app, mut unread) = (None, None);
        match logged_in {
            Err(error) => unread = Some(error.to_string()),
            Ok(logged_in) => {
                let heroku = &logged_in.heroku;
                let (about, vars) = tokio::join!(heroku.app(name), heroku.config_vars(name));
                match vars {
                    Ok(vars) => values.own = vars,
                    Err(error) => unread = Some(explained(environment, error)),
                }
                match about {
                    Ok(about) => app = Some(about),
                    Err(error) => unread = unread.or(Some(explained(environment, error))),
                }
            }
        }
        let resources = Resources::of(deployments.settings, environment, &values);
        ProtectedSide { environment, app, values, resources, unread }
    }

    /// Reads all protected environments at the same time.
    pub async fn all(deployments: Deployments<'a>, logged_in: &LogIn) -> Vec<ProtectedSide<'a>> {
        let protected = deployments.settings.environments.values().filter(|one| one.protected);
        join_all(protected.map(|one| ProtectedSide::look(deployments, logged_in, one))).await
    }

    pub fn id(&self) -> Option<&str> {
        self.app.as_ref().map(|app| app.id.as_str())
    }

    /// The app's repository at Heroku, according to Heroku.
    pub fn git_url(&self) -> Option<&str> {
        self.app.as_ref()?.git_url.as_deref()
    }

    /// Whether the environment's app has this name or id.
    pub fn is_app(&self, name: &str, id: &str) -> bool {
        self.environment.app.value.eq_ignore_ascii_case(name)
            || self.id() == Some(id)
            || self.app.as_ref().is_some_and(|app| app.name == name)
            || known::app(self.environment, name, Some(id)).is_some()
    }

    /// Refuses a destination with the same app.
    pub fn refuse_app(
        &self,
        destination: &Destination,
        own: Option<&App>,
    ) -> Result<(), CommandError> {
        let name = &destination.app.value;
        let is_it = match own {
            Some(own) => self.is_app(name, &own.id) || self.is_app(&own.name, &own.id),
            None => {
                self.environment.app.value.eq_ignore_ascii_case(name)
                    || known::app(self.environment, name, None).is_some()
            }
        };
        match is_it {
            false => Ok(()),
            true => Err(is_protected(Subject { what: "app", place: name }, self.environment, None)),
        }
    }
}

/// Explains an error about an app. A missing app may only have another name today.
fn explained(environment: &Environment, error: HerokuError) -> String {
    match error.is_not_found() {
        true => format!(
            "Heroku has no app {} that this account can see; it may have another name today",
            environment.app.value
        ),
        false => error.to_string(),
    }
}
