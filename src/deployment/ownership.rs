//! Asks Heroku whether a resource is an add-on of the destination's own app. This needs no access
//! to any other app.

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
    /// The resource belongs to a protected app, or is attached to one.
    Foreign {
        reason: String,
    },
    /// Heroku does not confirm it, for this reason.
    NotShown {
        reason: String,
    },
}

fn not_shown(reason: impl Into<String>) -> Ownership {
    Ownership::NotShown { reason: reason.into() }
}

/// The destination's app, and the add-ons attached to it.
pub struct OwnApp {
    pub app: App,
    heroku: Heroku,
    attachments: Result<Vec<AddonAttachment>, String>,
}

impl OwnApp {
    /// Looks the app up. `None` without a login. It is an error if the app does not exist.
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

    /// Whether a database is the app's own add-on, reached by the URL that the add-on gives. `held`
    /// is a lock on the database, which identifies it behind the address of a pooler.
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
        not_shown("the app has no Heroku Postgres add-on with this URL")
    }

    /// Whether an add-on leads to this URL. Heroku's data API gives the URL of an add-on. If it
    /// gives none, the config var that the add-on sets counts, because only the add-on can set it.
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

    /// Whether the add-on that gave one of these variables its present value is the app's own.
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
            return not_shown("the app has no add-on that sets the config var");
        };
        match self.gives(attachment, values, variables).await {
            Ok(true) => self.of_attachment(attachment, protected).await,
            Ok(false) => not_shown("the value of the config var is not the add-on's"),
            Err(error) => not_shown(error),
        }
    }

    /// Whether the values are those that the add-on gives. If Heroku does not show the add-on's
    /// values, the variable's name counts, because Heroku lets only the add-on set such a variable.
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
