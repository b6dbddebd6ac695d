//! Turns maintenance mode on and off. While it is on, Heroku answers visitors itself and the app
//! gets no requests.

use serde_json::{Value, json};

use super::client::Heroku;
use super::destination::DestinationApp;
use super::error::HerokuError;
use super::set_state::Reads;

impl Heroku {
    /// Turns maintenance mode on or off, and reads it back to check.
    pub async fn set_maintenance(&self, app: &DestinationApp, on: bool) -> Result<(), HerokuError> {
        let path = ["apps", app.id()];
        let what = format!("the maintenance mode of {}", app.name());
        let request = self.platform(&path, what);
        let body = json!({ "maintenance": on });
        let echoes = |answer: &Value| answer["maintenance"] == on;
        self.set_state(request, &body, echoes, || async {
            let found = self.app(app.id()).await?.maintenance;
            Ok(match found == on {
                true => Reads::AsWanted,
                false => Reads::Otherwise { wanted: word(on), found: word(found) },
            })
        })
        .await
    }
}

fn word(on: bool) -> String {
    if on { "on" } else { "off" }.to_owned()
}
