//! Finds add-ons that start one-off dynos by themselves. Schedulers ignore the formation, so the
//! quarantine has to stop their dynos.

use crate::adapters::heroku::Addon;
use crate::reset::world::Sides;

/// Heroku's names of add-on services that start dynos at set times.
const SERVICES: [&str; 6] =
    ["scheduler", "advanced-scheduler", "crontogo", "cron-to-go", "temporize", "process-scheduler"];

/// The known add-ons and running one-off dynos.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Starters {
    /// The add-ons, each with its service.
    pub addons: Vec<(String, String)>,
    /// The one-off dynos that are running now.
    pub running: Vec<String>,
    /// Why the add-ons or the dynos could not be listed.
    pub unknown: Vec<String>,
}

impl Starters {
    /// The lines for the plan.
    pub fn lines(&self) -> Vec<String> {
        let addon = |(name, service): &(String, String)| {
            format!("{name} ({service}) starts one-off dynos; the quarantine stops them")
        };
        let dyno = |name: &String| format!("the one-off dyno {name} is stopped");
        let addons = self.addons.iter().map(addon);
        let running = self.running.iter().map(dyno);
        let unknown =
            self.unknown.iter().map(|why| format!("cannot see what starts one-off dynos: {why}"));
        addons.chain(running).chain(unknown).collect()
    }
}

impl Sides {
    /// Looks for add-ons that start dynos by themselves. A failure is only reported, because the
    /// quarantine stops one-off dynos in any case.
    pub async fn starters(&self) -> Starters {
        let mut found = Starters::default();
        match self.heroku.addons(self.destination.app.id()).await {
            Ok(addons) => {
                let schedulers = addons.into_iter().filter(is_scheduler);
                found.addons = schedulers.map(|addon| (addon.name, addon.service.name)).collect();
            }
            Err(error) => found.unknown.push(error.to_string()),
        }
        match self.dynos().await {
            Ok(dynos) => {
                let running =
                    dynos.into_iter().filter(|dyno| dyno.is_one_off() && !dyno.has_ended());
                found.running = running.map(|dyno| dyno.name).collect();
            }
            Err(error) => found.unknown.push(error.to_string()),
        }
        found
    }
}

/// Recognises a scheduler by the name of its service, or by a part of an unknown name.
fn is_scheduler(addon: &Addon) -> bool {
    let service = addon.service.name.to_ascii_lowercase();
    SERVICES.contains(&service.as_str())
        || service.contains("scheduler")
        || service.contains("cron")
}
