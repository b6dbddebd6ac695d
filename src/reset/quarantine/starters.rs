//! What starts one-off dynos by itself: scheduler add-ons heed no formation, and a quarantine has to
//! stop what they start.

use crate::adapters::heroku::Addon;
use crate::reset::world::Sides;

/// Services whose add-ons start dynos at set times, as they are called at Heroku.
const SERVICES: [&str; 6] =
    ["scheduler", "advanced-scheduler", "crontogo", "cron-to-go", "temporize", "process-scheduler"];

/// What may start dynos, as far as it is seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Starters {
    /// The add-ons, each with its service.
    pub addons: Vec<(String, String)>,
    /// The one-off dynos that run now.
    pub running: Vec<String>,
    /// Why the add-ons or the dynos could not be listed.
    pub unknown: Vec<String>,
}

impl Starters {
    /// A line each, for the plan.
    pub fn lines(&self) -> Vec<String> {
        let addon = |(name, service): &(String, String)| {
            format!("{name} ({service}) starts one-off dynos; the quarantine stops them")
        };
        let dyno = |name: &String| format!("{name} is a one-off dyno, and is stopped");
        let addons = self.addons.iter().map(addon);
        let running = self.running.iter().map(dyno);
        let unknown = self.unknown.iter().map(|why| format!("not known what starts them: {why}"));
        addons.chain(running).chain(unknown).collect()
    }
}

impl Sides {
    /// Looks for what starts dynos by itself. What cannot be seen is said, and is no failure: the
    /// quarantine watches in any case.
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

/// By its service's name, or by a part of one that is not known here.
fn is_scheduler(addon: &Addon) -> bool {
    let service = addon.service.name.to_ascii_lowercase();
    SERVICES.contains(&service.as_str())
        || service.contains("scheduler")
        || service.contains("cron")
}
