//! Finds the consoles of add-ons, which a browser opens through Heroku's single sign-on.

use serde_json::json;

use super::attachments::{Addon, Attachment, EXPANDING};
use super::client::Heroku;
use super::error::HerokuError;
use crate::secret::Secret;

/// The address of an add-on's console. It opens if the browser is signed in to Heroku.
#[derive(Debug, Clone)]
pub struct Console {
    pub addon_name: String,
    pub url: Secret,
}

impl Heroku {
    /// The console of the add-on that `name` means on the app: an attachment, an add-on, or a
    /// service like `bonsai`.
    pub async fn addon_console(&self, app: &str, name: &str) -> Result<Console, HerokuError> {
        let attachments = match self.attachments_called(app, name).await {
            Err(error) if error.is_not_found() => Vec::new(),
            other => other?,
        };
        let with_url = attachments.iter().find_map(|one| Some((one, one.web_url.clone()?)));
        if let Some((one, url)) = with_url {
            return Ok(Console { addon_name: one.addon.name.clone(), url });
        }
        // The endpoint for add-ons does not know the names of attachments.
        let name = attachments.first().map_or(name, |one| one.addon.name.as_str());
        let addons = self.addons_called(app, name).await?;
        let console = addons.into_iter().find_map(|addon| {
            let addon_name = addon.name;
            addon.web_url.map(|url| Console { addon_name, url })
        });
        console.ok_or_else(|| HerokuError::NoConsole { app: app.into(), name: name.into() })
    }

    async fn attachments_called(
        &self,
        app: &str,
        name: &str,
    ) -> Result<Vec<Attachment>, HerokuError> {
        let mut found = self.resolve_attachments(app, name, "add-on").await?;
        found.retain(|one| one.app.name == app || one.app.id == app);
        Ok(found)
    }

    async fn addons_called(&self, app: &str, name: &str) -> Result<Vec<Addon>, HerokuError> {
        let path = ["actions", "addons", "resolve"];
        let request = self
            .platform_sdk(&path, format!("the add-on {name} of {app}"))
            .header(EXPANDING.0, EXPANDING.1);
        self.post(request, Some(&json!({ "addon": name, "app": app }))).await
    }
}
