//! Builds the world for tests of `reset-staging`: the council's whole site, the program in a clean
//! environment with the operator's clone as its working directory, checks of every state, and
//! faults.

#![allow(dead_code, reason = "each test uses a part of it")]

mod faults;
mod journal;
mod left;
mod operator;
mod state;

use std::fs;

use tokio::runtime::Runtime;

use crate::command::{Bcops, Run, Running};
use crate::support::postgres::Cluster;
use crate::whole_site::databases::Production;
use crate::whole_site::{Pace, WholeSite};

#[allow(unused_imports, reason = "the tests of the command will use the rest")]
pub use faults::{Trouble, Visitors, visit};
#[allow(unused_imports, reason = "the tests of the command will use the rest")]
pub use operator::CloneState;
#[allow(unused_imports, reason = "the tests of the command will use the rest")]
pub use state::{Branch, BranchParent, ProductionState, StagingState};

pub struct World {
    pub whole: WholeSite,
    pub bcops: Bcops,
    /// Production as it was at the beginning.
    at_first: ProductionState,
    runtime: Runtime,
}

impl World {
    pub fn new() -> World {
        World::with(None)
    }

    fn with(production: Option<Production>) -> World {
        let runtime = Runtime::new().expect("a runtime");
        let cluster = Cluster::shared();
        let whole = runtime.block_on(WholeSite::start_with(cluster, Pace::of_tests(), production));
        let whole = whole.unwrap_or_else(|error| panic!("{error:#}"));
        let bcops = surroundings(&whole);
        let at_first = ProductionState::of(&whole);
        World { whole, bcops, at_first, runtime }
    }

    /// Restores everything to the beginning, including faults and the program's own state. All
    /// servers are new, so jobs of a killed run cannot reach them.
    pub fn reset(&mut self) {
        let now = self.production();
        let is_as_it_was =
            now.rows == self.at_first.rows && now.sequences == self.at_first.sequences;
        // Copying takes longer than comparing.
        let production = is_as_it_was.then(|| self.whole.databases.keep_production());
        *self = World::with(production);
    }

    /// The text of the configuration file, to be varied and given to [`World::configure`].
    pub fn config(&self) -> String {
        self.whole.config()
    }

    pub fn configure(&self, text: &str) {
        let path = self.bcops.directory().join("home/.config/bcops/config.toml");
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("written");
    }

    /// Runs the program in the operator's clone.
    pub fn bcops(&self, arguments: &[&str]) -> Run {
        self.bcops.run(arguments)
    }

    /// The same, without waiting for its end.
    pub fn start(&self, arguments: &[&str]) -> Running {
        self.bcops.start(arguments)
    }

    pub fn production(&self) -> ProductionState {
        ProductionState::of(&self.whole)
    }

    /// Takes production's current state as its beginning, after changes by a test.
    pub fn furnished(&mut self) {
        self.at_first = self.production();
    }

    /// Checks that production has not changed since the beginning, and that no request tried to
    /// change it.
    #[track_caller]
    pub fn assert_production_untouched(&self) {
        let writes = self.whole.heroku.writes(crate::whole_site::PRODUCTION);
        assert!(writes.is_empty(), "production was written to: {writes:?}");
        let s3 = self.whole.s3.requests();
        let puts: Vec<_> = s3
            .iter()
            .filter(|one| one.writes() && one.bucket == crate::whole_site::media::PRODUCTION)
            .collect();
        assert!(puts.is_empty(), "production's bucket was written to: {puts:?}");
        let now = self.production();
        assert!(now == self.at_first, "{:#?}\nis not\n{:#?}", now, self.at_first);
    }

    /// The same as a question.
    pub fn production_untouched(&self) -> bool {
        self.whole.heroku.writes(crate::whole_site::PRODUCTION).is_empty()
            && self.production() == self.at_first
    }

    pub fn staging(&self) -> StagingState {
        StagingState::of(&self.whole)
    }

    /// The program of a second operator, who shares only the origin and Heroku with the first:
    /// another home, state folder and clone.
    pub fn another_operator(&self) -> Bcops {
        surroundings(&self.whole)
    }

    /// For asynchronous calls of the library and of the stand-ins.
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }
}

/// The program with the environment of this world. Its working directory is the clone.
fn surroundings(whole: &WholeSite) -> Bcops {
    let mut bcops = Bcops::new();
    for (name, value) in whole.variables() {
        bcops.set(name, &value);
    }
    // The user's own git uses the network, and finds its helpers itself.
    bcops.set("PATH", &std::env::var("PATH").expect("a path"));
    bcops.set("GIT_CONFIG_NOSYSTEM", "1");
    let local = whole.databases.cluster().url("nobodys");
    bcops.set("BCOPS_LOCAL_DATABASE_URL", &local);
    let home = bcops.directory().join("home");
    let git = "[user]\n\tname = Op Erator\n\temail = op@example.test\n";
    fs::write(home.join(".gitconfig"), git).expect("written");
    whole.code.clone_into(&bcops.directory().join("work"));
    let configuration = home.join(".config/bcops");
    fs::create_dir_all(&configuration).expect("a folder");
    fs::write(configuration.join("config.toml"), whole.config()).expect("written");
    bcops
}
