//! Runs every job of docs/ci.md word for word, as a GitLab runner does, and checks what it changed.

mod attacks;
mod page;
mod project;
mod runner;

use serde_json::json;

use crate::reset_staging::world::World;
use crate::standins::cloudflare::{CloudflareStandIn, Login, Plan};
use crate::whole_site::{PRODUCTION, STAGING, history};
use page::{job, jobs};
use runner::Runner;

/// Commits on master after the features were branched off: more than a runner fetches.
const LATER_COMMITS: usize = 25;

/// A site whose repository has the page's `bcops.toml`. A branch in conflict that the page does not cover
/// is gone.
fn world() -> World {
    let mut world = World::new();
    push_to_master(&world, LATER_COMMITS);
    remove(&world, history::SECOND_LEAF);
    world.furnished();
    world
}

/// Pushes `bcops.toml` and this many commits as another person.
fn push_to_master(world: &World, commits: usize) {
    let folder = world.bcops.directory().join("colleague");
    let code = &world.whole.code;
    if !folder.is_dir() {
        code.clone_into(&folder);
    }
    let git = |arguments: &[&str]| code.git(&folder, arguments);
    std::fs::write(folder.join("bcops.toml"), world.config()).expect("written");
    git(&["config", "user.name", "Colleague"]);
    git(&["config", "user.email", "colleague@example.test"]);
    git(&["fetch", "-q", "origin"]);
    git(&["checkout", "-q", "origin/master"]);
    git(&["add", "bcops.toml"]);
    git(&["commit", "-q", "--allow-empty", "-m", "Configure bcops"]);
    for number in 0..commits {
        git(&["commit", "-q", "--allow-empty", "-m", &format!("Change {number}")]);
    }
    let origin = crate::support::git::text(&code.origin());
    git(&["push", "-q", &origin, "HEAD:refs/heads/master"]);
}

/// Removes a branch of the origin.
fn remove(world: &World, branch: &str) {
    let reference = format!("refs/heads/{branch}");
    world.whole.code.git(&world.whole.code.origin(), &["update-ref", "-d", &reference]);
}

/// A schedule of the night must not purge production, and a push must not reset staging.
#[test]
fn each_pipeline_has_its_own_jobs() {
    let names = |source: &str, branch: &str, task: &str| -> Vec<String> {
        let variables = Runner::pipeline(source, branch, task);
        let all = jobs();
        let there = all.iter().filter_map(|job| {
            let when = job.when(&variables)?;
            Some(format!("{} {when}", job.name))
        });
        there.collect()
    };
    assert_eq!(names("schedule", "master", "nightly-staging"), ["nightly-staging on_success"]);
    assert_eq!(names("schedule", "master", "audit"), ["audit-staging on_success"]);
    assert_eq!(names("web", "master", "reset"), ["plan-reset on_success", "reset-staging manual"]);
    assert_eq!(
        names("push", "master", ""),
        ["purge-after-deploy on_success", "scrubbed-copy on_success"]
    );
    assert_eq!(names("push", "feature/footer", ""), [""; 0]);
    assert_eq!(names("web", "master", ""), [""; 0]);
}

#[test]
fn a_night_resets_staging_and_the_morning_finds_no_personal_data() {
    let world = world();
    let runner = Runner::new(&world);
    let morning = Runner::pipeline("schedule", "master", "audit");
    let audit = runner.run(&job("audit-staging"), &morning);
    assert_eq!(audit.exits(9).json("audit.json")["error"]["kind"], "personal-data");

    let night = Runner::pipeline("schedule", "master", "nightly-staging");
    let ended = runner.run(&job("nightly-staging"), &night);
    let document = ended.exits(0).json("reset.json");
    assert_eq!(document["status"], "ok", "{document:#}");
    assert!(document["warnings"].to_string().contains(history::CLASH), "{document:#}");
    assert!(ended.artifact("report.md").contains("Deploy the merged tip"), "{}", ended.log);
    assert!(ended.artifacts.join(".bcops/runs").is_dir());
    let state = world.staging();
    assert!(state.is_deployed && !state.maintenance);
    // The job's own token cannot push.
    let pushes = runner.project.pushes();
    assert!(!pushes.is_empty() && pushes.iter().all(|user| user == "bcops"), "{pushes:?}");

    // In the folder of the job before, as with GIT_STRATEGY=fetch.
    let audit = runner.run(&job("audit-staging"), &morning);
    assert_eq!(audit.exits(0).json("audit.json")["status"], "ok");
    world.assert_production_untouched();
}

#[test]
fn a_plan_is_made_by_one_job_and_run_by_another() {
    let world = world();
    remove(&world, history::CLASH);
    let runner = Runner::new(&world);
    let pipeline = Runner::pipeline("web", "master", "reset");
    runner.run(&job("plan-reset"), &pipeline).exits(0).artifact("plan.json");
    assert!(world.whole.heroku.writes(STAGING).is_empty());
    let ended = runner.run(&job("reset-staging"), &pipeline);
    assert_eq!(ended.exits(0).json("reset.json")["status"], "ok");
    assert!(world.staging().is_deployed);
    world.assert_production_untouched();

    // The same plan once more.
    let ended = runner.run(&job("reset-staging"), &pipeline);
    let document = ended.exits(6).json("reset.json");
    assert_eq!(document["error"]["retry"], "after-fixing", "{document:#}");
}

#[test]
fn after_a_deploy_the_pages_are_purged() {
    let world = world();
    let cloudflare = world.runtime().block_on(CloudflareStandIn::start(Plan::Enterprise, 1000.0));
    cloudflare.add_zone("0123456789abcdef0123456789abcdef", "example.org");
    cloudflare.add_login(Login::token("cf-secret-of-production"));
    for (name, value) in [
        ("FRONTEND_CACHE_CLOUDFLARE_ZONEID", "0123456789abcdef0123456789abcdef"),
        ("FRONTEND_CACHE_CLOUDFLARE_BEARER_TOKEN", "cf-secret-of-production"),
    ] {
        world.whole.heroku.set_config_var(PRODUCTION, name, value);
    }
    let mut runner = Runner::new(&world);
    // Its Site records name real hosts.
    let cluster = world.whole.databases.cluster();
    let empty = cluster.url(&cluster.create_database("ci_no_records"));
    runner.set("BCOPS_PRODUCTION_DATABASE_URL", &format!("{empty}?sslmode=disable"));
    runner.set("CLOUDFLARE_BASE_URL", &cloudflare.url);
    runner.masked.push("cf-secret-of-production".to_owned());
    let pipeline = Runner::pipeline("push", "master", "");
    let ended = runner.run(&job("purge-after-deploy"), &pipeline);
    assert_eq!(ended.exits(0).json("check.json")["result"]["up"], true);
    let report = ended.artifact("check.xml");
    assert!(report.contains("<testsuite name=\"bcops check production\""), "{report}");
    let purges: Vec<_> = cloudflare.purges().into_iter().map(|one| (one.kind, one.items)).collect();
    assert_eq!(purges, [("hosts".to_owned(), vec!["www.example.org".to_owned()])]);
}

#[test]
fn a_test_gets_a_scrubbed_copy_of_production() {
    let world = world();
    let mut runner = Runner::new(&world);
    let cluster = world.whole.databases.cluster();
    // The service has no such database yet.
    let name = cluster.create_database("ci_copy");
    cluster.psql("postgres", &format!("DROP DATABASE \"{name}\""));
    runner.set("BCOPS_LOCAL_DATABASE_URL", &cluster.url(&name));
    let pipeline = Runner::pipeline("push", "master", "");
    let ended = runner.run(&job("scrubbed-copy"), &pipeline);
    let result = ended.exits(0).json("pull.json")["result"].clone();
    assert_eq!(result["scrubbed"], json!(true));
    let people = cluster.psql(&name, "SELECT count(*) FROM users_user WHERE email LIKE '%.gov.uk'");
    assert_eq!(people.trim(), "0");
    world.assert_production_untouched();
}
