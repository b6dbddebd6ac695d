//! Records the result of an undisturbed run, to compare every disturbed run with it.

use std::sync::OnceLock;
use std::time::Instant;

use crate::reset_staging::run::arguments;
use crate::reset_staging::world::{StagingState, World};
use crate::whole_site::STAGING;

/// The result of an undisturbed run, and its history.
pub struct Calm {
    pub state: StagingState,
    pub journal: Vec<String>,
    pub milliseconds: u64,
}

impl Calm {
    pub fn lines(&self) -> usize {
        self.journal.len()
    }

    /// The number of the line that holds all of these words, counted from one.
    pub fn line_of(&self, words: &[&str]) -> usize {
        let holds = |line: &String| words.iter().all(|word| line.contains(word));
        1 + self.journal.iter().position(holds).expect("the line")
    }
}

/// Made once for each way, for all tests.
pub fn calm(way: &'static str) -> &'static Calm {
    static STREAM: OnceLock<Calm> = OnceLock::new();
    static HEROKU: OnceLock<Calm> = OnceLock::new();
    let kept = if way == "stream" { &STREAM } else { &HEROKU };
    kept.get_or_init(|| {
        let world = World::new();
        let before = world.staging();
        let visitors = world.send_visitors();
        let began = Instant::now();
        world.bcops(&reset_by(way)).exits(0);
        let milliseconds = began.elapsed().as_millis() as u64;
        assert!(visitors.exposed().is_empty(), "an unverified database was reachable");
        world.assert_production_untouched();
        let state = seen(&world);
        assert!(state.is_deployed && !state.maintenance);
        assert_eq!(state.scrub_marks, 1);
        assert!(state.sites.len() >= 4, "{:?}", state.sites);
        assert!(state.sites.iter().all(|site| site.contains("|staging-")), "{:?}", state.sites);
        assert!(state.users.iter().any(|user| user.starts_with("trainee|")));
        // Everything is done exactly once.
        assert_eq!(state.backups.len(), before.backups.len() + 1);
        assert_eq!(state.builds.len(), before.builds.len() + 1);
        assert_eq!(state.releases.len(), before.releases.len() + 1);
        assert_eq!(state.restores.len(), usize::from(way == "heroku"));
        assert_eq!(world.litter(), Vec::<String>::new());
        Calm { state, journal: world.journal(), milliseconds }
    })
}

pub fn reset_by(way: &'static str) -> Vec<&'static str> {
    arguments(&["--restore-via", way])
}

/// Staging without allowed differences: refs on the origin hold the run's name, and the ref in
/// Heroku's repository does not move if the client of a push is gone.
pub fn seen(world: &World) -> StagingState {
    let mut state = world.staging();
    let tip = world.whole.code.origin_tip("refs/heads/staging").map(|tip| tip.to_string());
    state.is_deployed = deployed(world) == tip;
    state.app_branch = state.branch.clone();
    for line in &mut state.other_references {
        if let Some(at) = line.find("refs/bcops/backup/") {
            line.replace_range(at + "refs/bcops/backup/".len().., "RUN");
        }
    }
    state
}

/// The lines of two states that are not in the other one.
pub fn differences(now: &StagingState, wanted: &StagingState) -> String {
    let (now, wanted) = (format!("{now:#?}"), format!("{wanted:#?}"));
    let only = |these: &str, those: &str, mark: &str| -> Vec<String> {
        let mut left: Vec<&str> = those.lines().collect();
        let mut only = Vec::new();
        for line in these.lines() {
            match left.iter().position(|other| *other == line) {
                Some(found) => _ = left.swap_remove(found),
                None => only.push(format!("{mark} {}", line.trim())),
            }
        }
        only
    };
    let mut lines = only(&now, &wanted, "now:");
    lines.extend(only(&wanted, &now, "wanted:"));
    lines.truncate(60);
    lines.join("\n")
}

/// The name is needed where a test looks at staging's app.
pub fn deployed(world: &World) -> Option<String> {
    world.whole.heroku.glance(STAGING).deployed_commit
}
