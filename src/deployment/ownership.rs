//! Finds out from Heroku whether a resource is the destination's own add-on. It needs no access to
//! any other app.

use std::collections::BTreeSet;

use super::protected::ProtectedSide;
use super::{LogIn, Values};
use crate::adapters::heroku::{AddonAttachment, App, Heroku};
use crate::adapters::postgres::{DatabaseIdentity, DatabaseUrl, LockKey, Sighting};
use crate::settings::Destination;

/// Whether Heroku says that a resource belongs to the destination's app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ownership {
    Own,
    /// It belongs to a protected app, or is attached to one.
    Foreign {
        reason: String,
    },
    /// Heroku does not say so, for this reason.
    NotShown {
        reason: String,
    },
}

fn not_shown(reason: impl Into<String>) -> Ownership {
    Ownership::NotShown { reason: reason.into() }
}

/// The destination's app, and what is attached to it.
pub struct OwnApp {
    pub app: App,
    heroku: Heroku,
    attachments: Result<Vec<AddonAttachment>, String>,
}

impl OwnApp {
    /// `None` where nobody is logged in. The app itself has to be there.
    pub async fn look(
        logged_in: &LogIn,
        destination: &Destination,
    ) -> Option<Result<OwnApp, crate::adapters::heroku::HerokuError>> {
        let heroku = &logged_in.as_ref().ok()?.heroku;
        let name = &destination.app.value;
        let (app, attachments) = tokio::join!(heroku.app(name), heroku.attachments_of_app(name));
        Some(app.map(|app| OwnApp {
            app,
            heroku: heroku.clone(),
            attachments: attachments.map_err(|error| error.to_string()),
        }))
    }

    /// Whether a database is an add-on of the app's own, reached by the URL that the add-on gives.
    /// `held` is a lock on it, by which a pooler's address is known for the same database.
    pub async fn of_database(
        &self,
        url: &DatabaseUrl,
        variables: &BTreeSet<&str>,
        held: Option<LockKey>,
        protected: &[ProtectedSide<'_>],
    ) -> Ownership {
        let attachments = match &self.attachments {
            Ok(attachments) => attachments,
            Err(error) => return not_shown(error.clone()),
        };
        let mut asked = BTreeSet::new();
        for attachment in attachments.iter().filter(|one| one.is_postgres) {
            let sets_it =
                attachment.config_vars.iter().any(|name| variables.contains(name.as_str()));
            if !asked.insert((&attachment.addon_id, sets_it)) {
                continue;
            }
            if self.leads_to(attachment, sets_it, url, held).await {
                return self.of_attachment(attachment, protected).await;
            }
        }
        not_shown("no Heroku Postgres add-on of the app has this URL")
    }

    /// Heroku's data API gives the URL of an add-on. Where it gives none, that of a config var which
    /// the add-on sets counts, as nobody else can set it.
    async fn leads_to(
        &self,
        attachment: &AddonAttachment,
        sets_it: bool,
        url: &DatabaseUrl,
        held: Option<LockKey>,
    ) -> bool {
        let given = match self.heroku.resource_url(&attachment.addon_id).await {
            Ok(Some(given)) => given,
            Ok(None) => return sets_it,
            Err(_) => return false,
        };
        let Ok(given) = super::remote_database(&given) else { return false };
        if DatabaseIdentity::of(&given).may_be(&DatabaseIdentity::of(url)) {
            return true;
        }
        let Some(key) = held else { return false };
        Sighting::of(&given, key).await.is_ok_and(|sighting| sighting.is_here)
    }

    /// Whether the add-on that sets one of these variables, to its value of now, is the app's own.
    pub async fn of_variables(
        &self,
        values: &Values,
        variables: &BTreeSet<&str>,
        protected: &[ProtectedSide<'_>],
    ) -> Ownership {
        let attachments = match &self.attachments {
            Ok(attachments) => attachments,
            Err(error) => return not_shown(error.clone()),
        };
        let sets_it = |one: &&AddonAttachment| {
            !one.is_postgres && one.config_vars.iter().any(|name| variables.contains(name.as_str()))
        };
        let Some(attachment) = attachments.iter().find(sets_it) else {
            return not_shown("no add-on of the app sets the config var");
        };
        match self.gives(attachment, values, variables).await {
            Ok(true) => self.of_attachment(attachment, protected).await,
            Ok(false) => not_shown("the config var has another value than the add-on gave it"),
            Err(error) => not_shown(error),
        }
    }

    /// Whether the values are those that the add-on gives. Where Heroku does not tell these, the name
    /// counts: it refuses to have such a variable set by anybody else.
    async fn gives(
        &self,
        attachment: &AddonAttachment,
        values: &Values,
        variables: &BTreeSet<&str>,
    ) -> Result<bool, String> {
        let given = self.heroku.addon_config(&attachment.addon_id).await;
        let Some(given) = given.map_err(|error| error.to_string())? else { return Ok(true) };
        let is_given = |name: &&str| {
            let value = values.own.get(name).map(|value| value.expose());
            given.iter().any(|(_, one)| Some(one.expose()) == value)
        };
        Ok(variables.iter().any(is_given))
    }

    async fn of_attachment(
        &self,
        attachment: &AddonAttachment,
        protected: &[ProtectedSide<'_>],
    ) -> Ownership {
        let (addon, owner) = (&attachment.addon_name, &attachment.owner);
        if let Some(side) = protected.iter().find(|side| side.is_app(&owner.name, &owner.id)) {
            let reason = format!(
                "the add-on {addon} belongs to {}, which is protected as {}",
                owner.name, side.environment.name
            );
            return Ownership::Foreign { reason };
        }
        if owner.id != self.app.id {
            return not_shown(format!("the add-on {addon} belongs to {}", owner.name));
        }
        match self.heroku.attachments_of_addon(&attachment.addon_id).await {
            Err(error) => not_shown(error.to_string()),
            Ok(all) => {
                let shared = all.iter().find_map(|one| {
                    let mut sides = protected.iter();
                    sides.find(|side| side.is_app(&one.app.name, &one.app.id)).map(|_| &one.app)
                });
                match shared {
                    None => Ownership::Own,
                    Some(app) => Ownership::Foreign {
                        reason: format!(
                            "the add-on {addon} is also attached to {}, which is protected",
                            app.name
                        ),
                    },
                }
            }
        }
    }

    /// The id of the add-on that sets a variable.
    pub fn addon_of(&self, variable: &str) -> Option<&str> {
        let attachments = self.attachments.as_ref().ok()?;
        let sets_it = |one: &&AddonAttachment| one.config_vars.iter().any(|name| name == variable);
        attachments.iter().find(sets_it).map(|one| one.addon_id.as_str())
    }
}
