//! Reads add-ons, and finds the database that a name like `DATABASE_URL` means.
//!
//! The resolving endpoint knows attachment names, config var names, add-on names and UUIDs, and
//! returns every match. It does not know a config var that was copied by hand under another name:
//! bcops then uses the attachment with the same value. A database may be attached to an app that
//! does not own it; its backups belong to the owner, the billing app.

use serde::Deserialize;
use serde_json::json;

use super::client::Heroku;
use super::config_vars::ConfigVars;
use super::error::HerokuError;
use crate::secret::Secret;

/// Asks for the plan and the config vars of an attached add-on.
const INCLUDING: (&str, &str) = ("accept-inclusion", "addon:plan,config_vars");
/// Asks for the names of an add-on's service and plan.
pub(super) const EXPANDING: (&str, &str) = ("accept-expansion", "addon_service,plan");
const POSTGRES: &str = "heroku-postgresql";

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AppReference {
    pub id: String,
    pub name: String,
}

/// A Heroku Postgres database under one of its names on an app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseAttachment {
    pub name: String,
    /// The app that the database is attached to.
    pub app: AppReference,
    /// The key of the database in the data API.
    pub addon_id: String,
    pub addon_name: String,
    pub plan: String,
    /// The app that owns the database and its backups.
    pub billing_app: AppReference,
    /// The names of the config vars that hold its URL.
    pub config_vars: Vec<String>,
}

/// An add-on of any kind under one of its names on an app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddonAttachment {
    /// The app that the add-on is attached to.
    pub app: AppReference,
    pub addon_id: String,
    pub addon_name: String,
    /// The app that owns the add-on.
    pub owner: AppReference,
    /// The names of the config vars that it sets. Heroku lets no one else set them.
    pub config_vars: Vec<String>,
    pub is_postgres: bool,
}

/// An add-on that an app owns.
#[derive(Debug, Clone, Deserialize)]
pub struct Addon {
    pub id: String,
    pub name: String,
    #[serde(rename = "addon_service")]
    pub service: Named,
    pub plan: Named,
    #[serde(default)]
    pub state: Option<String>,
    #[serde(default)]
    pub config_vars: Vec<String>,
    /// Opens the add-on's console through Heroku's single sign-on.
    #[serde(default)]
    pub web_url: Option<Secret>,
}

/// An object of which only the name is used.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Named {
    pub name: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Attachment {
    name: String,
    #[serde(default)]
    namespace: Option<String>,
    pub app: AppReference,
    pub addon: AttachedAddon,
    #[serde(default)]
    config_vars: Vec<String>,
    /// As [`Addon::web_url`].
    #[serde(default)]
    pub web_url: Option<Secret>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct AttachedAddon {
    id: String,
    pub name: String,
    app: AppReference,
    #[serde(default)]
    plan: Option<Named>,
}

impl Attachment {
    fn is_postgres(&self) -> bool {
        let plan = self.addon.plan.as_ref().map(|plan| plan.name.as_str()).unwrap_or_default();
        plan.split(':').next() == Some(POSTGRES)
    }

    fn url<'a>(&self, vars: &'a ConfigVars) -> Option<&'a str> {
        let name = self.config_vars.iter().find(|name| name.ends_with("_URL"))?;
        vars.get(name).map(Secret::expose)
    }
}

impl From<Attachment> for AddonAttachment {
    fn from(attachment: Attachment) -> Self {
        AddonAttachment {
            is_postgres: attachment.is_postgres(),
            app: attachment.app,
            addon_id: attachment.addon.id,
            addon_name: attachment.addon.name,
            owner: attachment.addon.app,
            config_vars: attachment.config_vars,
        }
    }
}

/// A config var that an add-on sets.
#[derive(Deserialize)]
struct AddonSetting {
    name: String,
    value: String,
}

impl AddonSetting {
    fn into_secret(self) -> (String, Secret) {
        let value = Secret::of_variable(&self.name, self.value);
        (self.name, value)
    }
}

/// The used part of the data API's answer about a database.
#[derive(Debug, Deserialize)]
struct DatabaseInfo {
    #[serde(default)]
    resource_url: Option<Secret>,
}

impl From<Attachment> for DatabaseAttachment {
    fn from(attachment: Attachment) -> Self {
        DatabaseAttachment {
            name: attachment.name,
            app: attachment.app,
            addon_id: attachment.addon.id,
            addon_name: attachment.addon.name,
            plan: attachment.addon.plan.map(|plan| plan.name).unwrap_or_default(),
            billing_app: attachment.addon.app,
            config_vars: attachment.config_vars,
        }
    }
}

impl Heroku {
    pub async fn addons(&self, app: &str) -> Result<Vec<Addon>, HerokuError> {
        let path = ["apps", app, "addons"];
        let request = self
            .platform_sdk(&path, format!("the add-ons of {app}"))
            .header(EXPANDING.0, EXPANDING.1);
        self.get_list(request).await
    }

    /// Every add-on that is attached to an app, also if another app owns it.
    pub async fn attachments_of_app(&self, app: &str) -> Result<Vec<AddonAttachment>, HerokuError> {
        let path = ["apps", app, "addon-attachments"];
        let found = self.attachments_at(&path, format!("the attachments of {app}")).await?;
        Ok(found.into_iter().map(AddonAttachment::from).collect())
    }

    /// The attachments of an add-on to all apps that the account may see.
    pub async fn attachments_of_addon(
        &self,
        addon: &str,
    ) -> Result<Vec<AddonAttachment>, HerokuError> {
        let path = ["addons", addon, "addon-attachments"];
        let found = self.attachments_at(&path, "the attachments of an add-on".to_owned()).await?;
        Ok(found.into_iter().map(AddonAttachment::from).collect())
    }

    async fn attachments_at(
        &self,
        path: &[&str],
        what: String,
    ) -> Result<Vec<Attachment>, HerokuError> {
        let request = self.platform_sdk(path, what).header(INCLUDING.0, INCLUDING.1);
        self.get_list(request).await
    }

    /// The config vars that an add-on sets, with their values. `None` if Heroku does not return
    /// them.
    pub async fn addon_config(
        &self,
        addon: &str,
    ) -> Result<Option<Vec<(String, Secret)>>, HerokuError> {
        let path = ["addons", addon, "config"];
        let request = self.platform(&path, "the config vars of an add-on");
        match self.get_list::<AddonSetting>(request.private()).await {
            Ok(found) => Ok(Some(found.into_iter().map(AddonSetting::into_secret).collect())),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The URL of a database from Heroku's data API. `None` if it returns no URL.
    pub async fn resource_url(&self, addon_id: &str) -> Result<Option<Secret>, HerokuError> {
        let path = ["client", "v11", "databases", addon_id];
        let request = self.data(&path, "the database's own URL");
        let info: DatabaseInfo = self.get(request).await?;
        Ok(info.resource_url.filter(|url| !url.expose().trim().is_empty()))
    }

    /// Finds the database that `name` means on `app`: `DATABASE_URL`, an attachment or an add-on.
    pub async fn resolve_database(
        &self,
        app: &str,
        name: &str,
    ) -> Result<DatabaseAttachment, HerokuError> {
        let candidates = match self.resolve_attachments(app, name, "database").await {
            Err(error) if error.is_not_found() => self.attachments_by_value(app, name).await?,
            other => keep_databases(other?),
        };
        self.the_one_database(app, name, candidates).await
    }

    /// The same with GET requests only: the resolving endpoint needs a POST, although it changes
    /// nothing.
    pub async fn look_up_database(
        &self,
        app: &str,
        name: &str,
    ) -> Result<DatabaseAttachment, HerokuError> {
        let mut found = self.database_attachments(app).await?;
        found.retain(|one| {
            one.name == name
                || one.config_vars.iter().any(|variable| variable == name)
                || one.addon.name == name
                || one.addon.id == name
        });
        let candidates = match found.is_empty() {
            true => self.attachments_by_value(app, name).await?,
            false => keep_databases(found),
        };
        self.the_one_database(app, name, candidates).await
    }

    /// Every attachment that `name` can mean on the app. `kind` is the kind of add-on, for
    /// messages.
    pub(super) async fn resolve_attachments(
        &self,
        app: &str,
        name: &str,
        kind: &str,
    ) -> Result<Vec<Attachment>, HerokuError> {
        let path = ["actions", "addon-attachments", "resolve"];
        let request = self
            .platform_sdk(&path, format!("the {kind} {name} of {app}"))
            .header(INCLUDING.0, INCLUDING.1);
        self.post(request, Some(&json!({ "addon_attachment": name, "app": app }))).await
    }

    /// The databases that are attached to an app, under each of their names.
    pub(super) async fn databases_of_app(
        &self,
        app: &str,
    ) -> Result<Vec<DatabaseAttachment>, HerokuError> {
        let found = self.database_attachments(app).await?;
        Ok(found.into_iter().map(DatabaseAttachment::from).collect())
    }

    async fn database_attachments(&self, app: &str) -> Result<Vec<Attachment>, HerokuError> {
        let path = ["apps", app, "addon-attachments"];
        let mut attachments =
            self.attachments_at(&path, format!("the attachments of {app}")).await?;
        attachments.retain(Attachment::is_postgres);
        Ok(attachments)
    }

    async fn attachments_by_value(
        &self,
        app: &str,
        name: &str,
    ) -> Result<Vec<Attachment>, HerokuError> {
        let vars = self.config_vars(app).await?;
        let attachments = self.database_attachments(app).await?;
        let wanted = vars.get(name).or_else(|| vars.get(&format!("{name}_URL")));
        let Some(wanted) = wanted.map(Secret::expose) else { return Ok(Vec::new()) };
        Ok(attachments.into_iter().filter(|one| one.url(&vars) == Some(wanted)).collect())
    }

    /// Several attachments are accepted if they name one database with the same credentials.
    async fn the_one_database(
        &self,
        app: &str,
        name: &str,
        several: Vec<Attachment>,
    ) -> Result<DatabaseAttachment, HerokuError> {
        let Some(first) = several.first().cloned() else {
            let known = self.database_attachments(app).await?;
            let known = known.into_iter().map(|one| one.name).collect();
            return Err(HerokuError::UnknownDatabase { app: app.into(), name: name.into(), known });
        };
        if several.len() == 1 {
            return Ok(first.into());
        }
        let vars = self.config_vars(app).await?;
        let same = several.iter().all(|one| {
            one.addon.id == first.addon.id
                && one.app == first.app
                && one.url(&vars).is_some()
                && one.url(&vars) == first.url(&vars)
        });
        if same {
            return Ok(first.into());
        }
        let candidates = several.into_iter().map(|one| one.name).collect();
        Err(HerokuError::AmbiguousDatabase { app: app.into(), name: name.into(), candidates })
    }
}

/// Keeps databases only. If several remain, keeps those with the default credentials.
fn keep_databases(mut attachments: Vec<Attachment>) -> Vec<Attachment> {
    attachments.retain(Attachment::is_postgres);
    if attachments.len() > 1 {
        attachments.retain(|attachment| attachment.namespace.is_none());
    }
    attachments
}
