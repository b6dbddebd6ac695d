//! Proves that doctor only reads: checks every request at every service, and that nothing changed.

use std::fs;

use tokio::runtime::Runtime;

use crate::command::Bcops;
use crate::doctor::assert_lines;
use crate::reset_staging::world::{ProductionState, StagingState};
use crate::standins::s3::{Archive, Fault, Rule};
use crate::support::postgres::Cluster;
use crate::whole_site::media::PRODUCTION as BUCKET;
use crate::whole_site::services::Services;
use crate::whole_site::{Pace, STAGING, WholeSite};

pub struct World {
    whole: WholeSite,
    services: Services,
    pub bcops: Bcops,
    _runtime: Runtime,
}

/// The council's site with everything around it, and all of it healthy.
pub fn world() -> World {
    let runtime = Runtime::new().expect("a runtime");
    let cluster = Cluster::shared();
    let (whole, services) = runtime.block_on(async {
        let whole = WholeSite::start(cluster, Pace::of_tests()).await;
        let whole = whole.unwrap_or_else(|error| panic!("{error:#}"));
        let services = Services::start(&whole).await;
        (whole, services)
    });
    whole.complete();
    let mut bcops = Bcops::new();
    for (name, value) in whole.variables().into_iter().chain(services.variables()) {
        bcops.set(name, &value);
    }
    bcops.set("PATH", &std::env::var("PATH").expect("a path"));
    bcops.set("GIT_CONFIG_NOSYSTEM", "1");
    bcops.set("BCOPS_LOCAL_DATABASE_URL", &cluster.url("nobodys"));
    let home = bcops.directory().join("home");
    let git = "[user]\n\tname = Op Erator\n\temail = op@example.test\n";
    fs::write(home.join(".gitconfig"), git).expect("written");
    fs::create_dir_all(home.join(".config/bcops")).expect("a folder");
    fs::write(home.join(".config/bcops/config.toml"), whole.config()).expect("written");
    whole.code.clone_into(&bcops.directory().join("work"));
    World { whole, services, bcops, _runtime: runtime }
}

impl World {
    /// Method and path of everything that was asked over HTTP.
    fn asked(&self) -> Vec<(String, String)> {
        let heroku = self.whole.heroku.requests().into_iter();
        let heroku = heroku.map(|one| (one.method, format!("heroku {}", one.path)));
        let cloudflare = self.services.cloudflare.requests().into_iter();
        let cloudflare = cloudflare.map(|one| (one.method, format!("cloudflare {}", one.path)));
        let gitlab = self.services.gitlab.requests().into_iter();
        let gitlab = gitlab.map(|one| (one.method, format!("gitlab {}", one.path)));
        let search = self.services.search.iter().flat_map(|one| one.requests());
        let search = search.map(|one| (one.method, format!("search {}", one.path)));
        heroku.chain(cloudflare).chain(gitlab).chain(search).collect()
    }

    /// Refs, rows, objects and keys.
    fn state(&self) -> Vec<String> {
        let code = &self.whole.code;
        let mut state = code.references(&code.origin());
        state.extend(code.references(&code.app_repository(STAGING)));
        state.extend(code.references(&self.bcops.directory().join("work")));
        state.push(format!("{:?}", ProductionState::of(&self.whole)));
        state.push(format!("{:?}", StagingState::of(&self.whole)));
        state.extend(self.services.redis.iter().map(|redis| format!("{:?}", redis.keys(0))));
        state
    }
}

#[test]
fn doctor_passes_on_a_healthy_site_and_only_reads() {
    let world = world();
    let before = world.state();
    world.whole.heroku.forget_requests();
    for environment in ["staging", "production"] {
        let run = world.bcops.run(&["doctor", environment]).exits(0);
        if environment == "staging" {
            assert_lines(
                &run,
                &[
                    "pass production database can log in",
                    "pass production bucket list",
                    "pass staging database can log in",
                    "skip staging bucket writing cannot be shown without writing",
                    "skip staging front-end purge cannot be shown without writing",
                    "pass git push may push",
                    "pass staging deploys may push",
                    "pass GitLab role Developer",
                    "pass GitLab branch staging",
                ],
            );
        }
        assert!(run.stdout.ends_with("no check failed\n"), "{}", run.printed());
    }
    let written: Vec<_> =
        world.asked().into_iter().filter(|(how, _)| how != "GET" && how != "HEAD").collect();
    assert_eq!(written, []);
    let s3 = world.whole.s3.requests();
    let written: Vec<_> = s3.iter().filter(|one| one.writes()).collect();
    assert!(written.is_empty() && !s3.is_empty(), "{written:?}");
    assert_eq!(world.state(), before);
}

#[test]
fn archived_and_deleted_objects_are_not_a_fault_of_the_bucket() {
    let world = world();
    let s3 = &world.whole.s3;
    let keys: Vec<String> = s3.objects(BUCKET).into_iter().map(|(key, _)| key).collect();
    let (last, others) = keys.split_last().expect("objects");
    for key in others {
        s3.change(BUCKET, key, |object| object.archive = Archive::Class("DEEP_ARCHIVE"));
    }
    let run = world.bcops.run(&["doctor", "production"]).exits(0);
    assert!(run.stdout.contains("list, get\n"), "{}", run.printed());
    // Deleted a moment after it was listed.
    s3.misbehave(Rule::always("GetObject", Fault::NotFound).on(last));
    let run = world.bcops.run(&["doctor", "production"]).exits(0);
    assert!(run.stdout.contains("list, get skipped because"), "{}", run.printed());
    s3.behave();
    s3.misbehave(Rule::always("GetObject", Fault::AccessDenied));
    world.bcops.run(&["doctor", "production"]).exits(3);
}
