//! Separates the backups of one database from those of other databases of the same app.
//!
//! An app numbers the transfers of all of its databases together. A transfer names its source by an
//! attachment, and usually also by its URL. Names move when another database is promoted, and URLs
//! change when a database is moved, so both are compared.

use super::attachments::DatabaseAttachment;
use super::client::Heroku;
use super::error::HerokuError;
use super::places::place;
use super::transfers::{Transfer, newest_completed};
use crate::secret::Secret;

/// The attachment that `pg:promote` moves from one database to another.
const PROMOTED: &str = "DATABASE";

/// The database of a transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OfDatabase {
    /// The database in question.
    This,
    /// Another database of the app, with its name.
    Another(String),
    /// Heroku's answer does not identify the database. Holds the name in the answer, if any.
    Unclear(Option<String>),
}

/// All transfers of the app that owns a database, each with its database.
#[derive(Debug, Clone)]
pub struct Backups {
    /// The name of the database in question.
    pub database: String,
    pub all: Vec<(Transfer, OfDatabase)>,
}

impl Backups {
    /// The transfers of this database.
    pub fn own(&self) -> Vec<Transfer> {
        let own = self.all.iter().filter(|(_, of)| *of == OfDatabase::This);
        own.map(|(transfer, _)| transfer.clone()).collect()
    }

    /// The newest completed backup of this database.
    ///
    /// # Errors
    /// If there is no such backup, but there are backups of an unclear database.
    pub fn newest(&self) -> Result<Option<Transfer>, HerokuError> {
        if let Some(newest) = newest_completed(&self.own()) {
            return Ok(Some(newest.clone()));
        }
        let unclear = self.all.iter().filter(|(transfer, _)| transfer.is_backup());
        let mut sources: Vec<String> = unclear
            .filter_map(|(transfer, of)| match of {
                OfDatabase::Unclear(Some(name)) => Some(name.clone()),
                OfDatabase::Unclear(None) => Some(transfer.name()),
                _ => None,
            })
            .collect();
        sources.sort();
        sources.dedup();
        match sources.is_empty() {
            true => Ok(None),
            false => Err(HerokuError::UnclearSource { database: self.database.clone(), sources }),
        }
    }

    /// The backup with this name, of any database.
    pub fn named(&self, name: &str) -> Option<&(Transfer, OfDatabase)> {
        self.all.iter().find(|(one, _)| one.is_backup() && one.name() == name)
    }
}

impl Heroku {
    /// The backups and other transfers of the app that owns the database.
    ///
    /// # Errors
    /// If Heroku does not answer.
    pub async fn backups_of(&self, database: &DatabaseAttachment) -> Result<Backups, HerokuError> {
        let owner = &database.billing_app.name;
        let transfers = self.transfers(owner).await?;
        let known = Known::of(self, database).await?;
        let mut all: Vec<(Transfer, OfDatabase)> = transfers
            .into_iter()
            .map(|one| {
                let of = known.judge(&one);
                (one, of)
            })
            .collect();
        settle_moved(&mut all, &known);
        Ok(Backups { database: database.addon_name.clone(), all })
    }

    /// The transfers of one database, without those of other databases of the same app.
    ///
    /// # Errors
    /// If the database has no backups, but there are backups of an unclear database.
    pub async fn transfers_of(
        &self,
        database: &DatabaseAttachment,
    ) -> Result<Vec<Transfer>, HerokuError> {
        let backups = self.backups_of(database).await?;
        let own = backups.own();
        if !own.iter().any(Transfer::is_backup) {
            backups.newest()?;
        }
        Ok(own)
    }
}

type Place = (String, Option<u16>, String);

/// A database of the app, under all of its names.
struct OneDatabase {
    addon_id: String,
    addon_name: String,
    names: Vec<String>,
    place: Option<Place>,
}

/// The databases that are attached to the apps concerned.
struct Known {
    this: String,
    databases: Vec<OneDatabase>,
}

impl Known {
    async fn of(heroku: &Heroku, database: &DatabaseAttachment) -> Result<Known, HerokuError> {
        let mut known = Known { this: database.addon_id.clone(), databases: Vec::new() };
        known.add(heroku, &database.app.name).await?;
        if database.billing_app.id != database.app.id {
            match known.add(heroku, &database.billing_app.name).await {
                // An account that may see the database may lack access to its owner.
                Err(error) if error.is_hidden() => {}
                other => other?,
            }
        }
        known.enter(database, None);
        Ok(known)
    }

    async fn add(&mut self, heroku: &Heroku, app: &str) -> Result<(), HerokuError> {
        let vars = heroku.config_vars(app).await?;
        for one in heroku.databases_of_app(app).await? {
            let url = one.config_vars.iter().find_map(|name| vars.get(name));
            self.enter(&one, url.and_then(place));
        }
        Ok(())
    }

    fn enter(&mut self, one: &DatabaseAttachment, place: Option<Place>) {
        let name = one.name.to_uppercase();
        match self.databases.iter_mut().find(|known| known.addon_id == one.addon_id) {
            Some(known) => {
                known.names.push(name);
                known.place = known.place.take().or(place);
            }
            None => self.databases.push(OneDatabase {
                addon_id: one.addon_id.clone(),
                addon_name: one.addon_name.clone(),
                names: vec![name, one.addon_name.to_uppercase()],
                place,
            }),
        }
    }

    fn is_this(&self, one: &OneDatabase) -> bool {
        one.addon_id == self.this
    }

    fn judge(&self, transfer: &Transfer) -> OfDatabase {
        let said = transfer.from_name.as_deref().map(named).filter(|name| !name.is_empty());
        let at = transfer.from_url.as_ref().and_then(place);
        let by_name = said
            .as_ref()
            .and_then(|name| self.databases.iter().find(|one| one.names.contains(name)));
        let by_place = at
            .as_ref()
            .and_then(|at| self.databases.iter().find(|one| one.place.as_ref() == Some(at)));
        // The name `DATABASE` can move between databases, so the place counts more.
        let moves = said.as_deref() == Some(PROMOTED);
        let found = if moves { by_place.or(by_name) } else { by_name.or(by_place) };
        match found {
            Some(one) if self.is_this(one) => OfDatabase::This,
            Some(one) => OfDatabase::Another(one.addon_name.clone()),
            None if said.is_none() && at.is_none() && self.databases.len() == 1 => OfDatabase::This,
            None => OfDatabase::Unclear(said.or_else(|| source_name(transfer))),
        }
    }
}

/// `HEROKU_POSTGRESQL_RED` and `HEROKU_POSTGRESQL_RED_URL` mean the same.
fn named(text: &str) -> String {
    let text = text.trim().to_uppercase();
    text.strip_suffix("_URL").unwrap_or(&text).to_owned()
}

/// If the app has one database only and every unclear backup comes from one place, the database was
/// moved from that place.
fn settle_moved(all: &mut [(Transfer, OfDatabase)], known: &Known) {
    let is_unclear = |of: &OfDatabase| matches!(of, OfDatabase::Unclear(_));
    let backups = || all.iter().filter(|(one, _)| one.is_backup());
    if known.databases.len() > 1 || backups().any(|(_, of)| !is_unclear(of)) {
        return;
    }
    let mut places: Vec<_> = backups()
        .map(|(one, _)| (one.from_name.clone(), one.from_url.as_ref().and_then(place)))
        .collect();
    places.sort();
    places.dedup();
    if places.len() <= 1 {
        for (_, of) in all.iter_mut().filter(|(_, of)| is_unclear(of)) {
            *of = OfDatabase::This;
        }
    }
}

/// A transfer's source as text without secrets.
fn source_name(transfer: &Transfer) -> Option<String> {
    let (host, _, path) = transfer.from_url.as_ref().and_then(|url: &Secret| place(url))?;
    Some(format!("{host}{path}"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn known(databases: &[(&str, &[&str], Option<&str>)]) -> Known {
        let one = |(id, names, url): &(&str, &[&str], Option<&str>)| OneDatabase {
            addon_id: (*id).to_owned(),
            addon_name: format!("postgresql-{id}"),
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            place: url.and_then(|url| place(&Secret::new(url))),
        };
        Known { this: "this".to_owned(), databases: databases.iter().map(one).collect() }
    }

    fn transfer(fields: Value) -> Transfer {
        let mut all = json!({ "uuid": "u", "num": 7, "from_type": "pg_dump", "to_type": "gof3r" });
        let fields = fields.as_object().expect("an object").clone();
        all.as_object_mut().expect("an object").extend(fields);
        serde_json::from_value(all).expect("a transfer")
    }

    const HERE: &str = "postgres://u:p@here.test:5432/d";
    const THERE: &str = "postgres://u:p@there.test:5432/d";

    #[test]
    fn a_backup_belongs_to_its_named_database() {
        let two = known(&[
            ("this", &["DATABASE", "HEROKU_POSTGRESQL_RED"], Some(HERE)),
            ("other", &["HEROKU_POSTGRESQL_BLUE"], Some(THERE)),
        ]);
        let another = || OfDatabase::Another("postgresql-other".to_owned());
        for (fields, expected) in [
            (json!({ "from_name": "DATABASE" }), OfDatabase::This),
            (json!({ "from_name": "HEROKU_POSTGRESQL_RED_URL" }), OfDatabase::This),
            (json!({ "from_name": "heroku_postgresql_blue" }), another()),
            (json!({ "from_url": HERE }), OfDatabase::This),
            (json!({ "from_url": THERE }), another()),
            // It was the app's database then. Now another database is.
            (json!({ "from_name": "DATABASE", "from_url": THERE }), another()),
            // The database was moved to another host later.
            (
                json!({ "from_name": "HEROKU_POSTGRESQL_RED", "from_url": "postgres://u@old/d" }),
                OfDatabase::This,
            ),
            (json!({}), OfDatabase::Unclear(None)),
            (
                json!({ "from_name": "HEROKU_POSTGRESQL_GONE" }),
                OfDatabase::Unclear(Some("HEROKU_POSTGRESQL_GONE".to_owned())),
            ),
        ] {
            assert_eq!(two.judge(&transfer(fields.clone())), expected, "{fields}");
        }
        let one = known(&[("this", &["DATABASE"], Some(HERE))]);
        assert_eq!(one.judge(&transfer(json!({}))), OfDatabase::This);
    }

    #[test]
    fn old_backups_of_a_moved_database_count() {
        let one = known(&[("this", &["PRIMARY"], Some(HERE))]);
        let settle = |all: &[Value]| {
            let mut all: Vec<_> = all
                .iter()
                .map(|fields| transfer(fields.clone()))
                .map(|one_of| (one_of.clone(), one.judge(&one_of)))
                .collect();
            settle_moved(&mut all, &one);
            all.into_iter().map(|(_, of)| of == OfDatabase::This).collect::<Vec<_>>()
        };
        let (old, older) =
            (json!({ "from_url": THERE }), json!({ "from_url": "postgres://u@x/y" }));
        assert_eq!(settle(&[old.clone(), old.clone()]), [true, true]);
        assert_eq!(settle(&[old.clone(), older]), [false, false]);
        assert_eq!(settle(&[old, json!({ "from_url": HERE })]), [false, true]);
    }
}
