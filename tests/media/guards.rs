//! Tests what `push-media` refuses before any request that writes.

use crate::media::world::{PRODUCTION, STAGING, STAGING_APP, World, bytes};
use crate::standins::heroku::{Fault, Rule};

fn world() -> World {
    let world = World::new();
    world.write("images/a.jpg", bytes(3));
    world.fill(PRODUCTION, 6);
    world
}

#[test]
fn a_protected_environment_is_never_a_destination() {
    let world = world();
    for name in ["production", "content-prep"] {
        let app = format!("buckinghamshire-{name}");
        for arguments in [
            vec!["push-media", name, "--confirm", &app],
            vec!["push-media", name, "--from", "staging", "--confirm", &app],
        ] {
            world.bcops.run(&arguments).fails(4, &["it is protected", "nothing was changed"]);
        }
        world.bcops.run(&[&format!("push-{name}-images"), "--confirm", &app]).fails(4, &[name]);
    }
    world.assert_nothing_written();
}

#[test]
fn the_bucket_of_a_protected_environment_is_refused_in_every_spelling() {
    let world = world();
    world.heroku.set_config_var(STAGING_APP, "AWS_STORAGE_BUCKET_NAME", PRODUCTION);
    let url = world.s3.url.clone();
    for endpoint in [
        url.clone(),
        format!("{url}/"),
        url.replace("127.0.0.1", "localhost"),
        url.replace("127.0.0.1", "LOCALHOST"),
        url.replace("127.0.0.1", "[::1]"),
        url.replace("127.0.0.1", "127.0.0.2"),
    ] {
        world.heroku.set_config_var(STAGING_APP, "AWS_ENDPOINT_URL_S3", &endpoint);
        world.push(&[]).fails(4, &["belongs to production", "nothing was changed"]);
        world.copy(&[]).fails(4, &["belongs to production", "nothing was changed"]);
    }
    // On AWS a bucket name is unique in all regions and styles.
    for (app, region, endpoint) in [
        (STAGING_APP, "eu-west-1", "https://s3.eu-west-1.amazonaws.com"),
        ("buckinghamshire-production", "eu-west-2", "https://bc-production.s3.amazonaws.com"),
    ] {
        world.heroku.set_config_var(app, "AWS_S3_REGION_NAME", region);
        world.heroku.set_config_var(app, "AWS_ENDPOINT_URL_S3", endpoint);
    }
    world.push(&[]).fails(4, &["belongs to production"]);
    world.heroku.set_config_var(STAGING_APP, "AWS_ENDPOINT_URL_S3", "");
    world.push(&[]).fails(4, &["belongs to production"]);
    world.assert_nothing_written();
}

#[test]
fn a_bucket_under_another_name_of_a_protected_environment_is_refused() {
    let world = world();
    world.heroku.set_config_var("buckinghamshire-content-prep", "OLD_BUCKET", STAGING);
    world.push(&[]).fails(4, &["OLD_BUCKET", "content-prep"]);
    world.assert_nothing_written();
}

#[test]
fn a_resource_that_cannot_be_compared_is_refused() {
    let world = world();
    let path = "/apps/buckinghamshire-content-prep/config-vars";
    for fault in [Fault::Forbidden, Fault::NotFound] {
        world.heroku.misbehave(Rule::once(path, fault));
        world.push(&[]).fails(4, &["could not be compared", "content-prep", "bcops doctor"]);
    }
    world.heroku.set_config_var(
        "buckinghamshire-production",
        "AWS_ENDPOINT_URL_S3",
        "http://store.example",
    );
    world.push(&[]).fails(4, &["could not be compared", "production"]);
    world.assert_nothing_written();
}

#[test]
fn nothing_is_copied_onto_itself() {
    let world = world();
    let run = ["push-media", "staging", "--from", "staging", "--confirm", STAGING_APP];
    world.bcops.run(&run).fails(4, &["are the same"]);
    world.heroku.set_config_var("buckinghamshire-dev", "AWS_STORAGE_BUCKET_NAME", STAGING);
    let run = ["push-media", "staging", "--from", "dev", "--confirm", STAGING_APP];
    world.bcops.run(&run).fails(4, &["are the same"]);
    world.assert_nothing_written();
}

#[test]
fn a_push_needs_the_exact_name() {
    let world = world();
    let run =
        |arguments: &[&str]| world.bcops.run(&[&["push-media", "staging"], arguments].concat());
    run(&[]).fails(5, &["--confirm buckinghamshire-staging"]);
    run(&["--confirm", "staging"]).fails(5, &["does not match"]);
    run(&["--confirm", "buckinghamshire-production"]).fails(5, &["does not match"]);
    run(&["--yes"]).exits(2);
    world.assert_nothing_written();
    run(&["--dry-run"]).exits(0).says(&["from", STAGING, "1 object to transfer"]);
    world.assert_nothing_written();
}

#[test]
fn missing_config_vars_are_named() {
    let world = world();
    world.heroku.set_config_var("buckinghamshire-production", "AWS_SECRET_ACCESS_KEY", "");
    world.pull(&[]).fails(3, &["AWS_SECRET_ACCESS_KEY", "config_vars.secret_key"]);
    world.heroku.set_config_var("buckinghamshire-production", "OTHER_SECRET", "s3-secret-key");
    let text = "[environments.production.config_vars]\nsecret_key = \"OTHER_SECRET\"\n";
    world.bcops.write("bcops.toml", text);
    world.pull(&["--yes"]).exits(0);
    world.heroku.set_config_var("buckinghamshire-production", "OTHER_SECRET", "wrong");
    world.pull(&[]).fails(3, &["SignatureDoesNotMatch"]);
}

#[test]
fn doctor_tries_only_allowed_requests() {
    let world = world();
    let run = world.bcops.run(&["doctor"]);
    for (line, verbs) in [
        ("production bucket", "list, get"),
        ("staging bucket", "list"),
        ("content-prep bucket", "list"),
    ] {
        let found = run.stdout.lines().find(|text| text.contains(line));
        let found = found.unwrap_or_else(|| panic!("no {line}: {}", run.printed()));
        assert!(found.starts_with("pass") && found.ends_with(verbs), "{found}");
    }
    let skipped = run.stdout.lines().find(|line| line.contains("staging bucket writing"));
    let skipped = skipped.unwrap_or_else(|| panic!("no line: {}", run.printed()));
    assert!(skipped.starts_with("skip") && skipped.contains("cannot be shown without writing"));
    world.assert_production_untouched();
    assert!(world.s3.requests().iter().all(|request| !request.writes()), "it wrote");
}

#[test]
fn doctor_writes_to_no_bucket_of_a_protected_environment() {
    let mut world = world();
    // These keys could write to it.
    let set = |name, value: &str| world.heroku.set_config_var(STAGING_APP, name, value);
    set("AWS_ACCESS_KEY_ID", "key-of-tests");
    set("AWS_STORAGE_BUCKET_NAME", PRODUCTION);
    let assert_refused = |world: &World, why: &str| {
        let run = world.bcops.run(&["doctor", "staging"]).exits(3);
        let line = run.stdout.lines().find(|text| text.contains("staging bucket"));
        let line = line.unwrap_or_else(|| panic!("no line: {}", run.printed()));
        assert!(line.starts_with("fail") && line.contains(why), "{line}");
        assert!(world.s3.requests().iter().all(|request| !request.writes()), "it wrote");
    };
    assert_refused(&world, "belongs to production");

    // The same by this process's own variable.
    world.heroku.set_config_var(STAGING_APP, "AWS_STORAGE_BUCKET_NAME", STAGING);
    world.bcops.set("BCOPS_STAGING_AWS_STORAGE_BUCKET_NAME", PRODUCTION);
    assert_refused(&world, "belongs to production");
    world.bcops.unset("BCOPS_STAGING_AWS_STORAGE_BUCKET_NAME");

    // A bucket that cannot be compared is not written to either.
    let path = "/apps/buckinghamshire-production/config-vars";
    world.heroku.misbehave(Rule::always(path, Fault::Forbidden));
    assert_refused(&world, "could not be compared with production");
    world.heroku.behave();
    let run = world.bcops.run(&["doctor", "staging"]);
    let passes = run.stdout.lines().any(|line| {
        line.starts_with("pass") && line.contains("staging bucket") && line.ends_with("list")
    });
    assert!(passes, "{}", run.printed());
}

#[test]
fn doctor_writes_to_nothing_without_a_login() {
    let mut world = world();
    let url = world.s3.url.clone();
    world.bcops.unset("HEROKU_API_KEY");
    for (name, value) in [
        ("AWS_STORAGE_BUCKET_NAME", STAGING),
        ("AWS_ACCESS_KEY_ID", "key-staging"),
        ("AWS_SECRET_ACCESS_KEY", "s3-secret-key"),
        ("AWS_ENDPOINT_URL_S3", &url),
    ] {
        world.bcops.set(&format!("BCOPS_STAGING_{name}"), value);
    }
    let run = world.bcops.run(&["doctor", "staging"]).exits(3);
    let failed = |words: [&str; 2]| {
        let fits = |line: &str| line.starts_with("fail") && words.iter().all(|w| line.contains(w));
        run.stdout.lines().any(fits)
    };
    assert!(failed(["Heroku token", "cannot find a Heroku token"]), "{}", run.printed());
    assert!(failed(["staging bucket", "could not be compared"]), "{}", run.printed());
    assert!(world.s3.requests().iter().all(|request| !request.writes()), "it wrote");
}
