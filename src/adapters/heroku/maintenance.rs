//! Maintenance mode: while it is on, Heroku answers visitors itself and the app sees none of them.

use reqwest::Method;
use serde_json::{Value, json};

use super::client::Heroku;
use super::destination::DestinationApp;
use super::error::HerokuError;
use super::request::{Api, Request};

impl Heroku {
    /// Turns maintenance mode on or off, and reads back that it is.
    pub async fn set_maintenance(&self, app: &DestinationApp, on: bool) -> Result<(), HerokuError> {
        let path = ["apps", app.id()];
        let what = format!("the maintenance mode of {}", app.name());
        let request = Request::new(Api::Platform, &path, what.clone());
        let body = json!({ "maintenance": on });
        let sent: Result<Value, _> = self.send(Method::PATCH, &request, Some(&body)).await;
        // An answer that was lost does not matter: what counts is what is read afterwards.
        sent.map(drop).or_else(HerokuError::unless_in_doubt)?;
        let found = self.app(app.id()).await?.maintenance;
        if found != on {
            let (wanted, found) = (word(on), word(found));
            return Err(HerokuError::NotTaken { what, wanted, found });
        }
        Ok(())
    }
}

fn word(on: bool) -> String {
    if on { "on" } else { "off" }.to_owned()
}
