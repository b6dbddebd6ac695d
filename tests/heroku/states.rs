//! Tests maintenance, formation, dynos, config vars and consoles of an app that may be written to.

use std::collections::BTreeMap;

use bcops::adapters::heroku::{Formation, HerokuError, Scale};
use bcops::adapters::json_api::ErrorKind;
use bcops::secret::Secret;
use jiff::Timestamp;

use crate::heroku::world::{PRODUCTION, STAGING, count, settings, staging_destination, world};
use crate::standins::heroku::{Fault, Rule};

#[tokio::test]
async fn a_protected_environment_is_not_a_destination() {
    let settings = settings();
    let production = settings.environment("production").expect("production");
    assert!(production.as_destination().is_err());
}

#[tokio::test]
async fn a_renamed_app_is_not_a_destination() {
    let world = world().await;
    let elsewhere = Fault::Redirect(format!("/apps/{PRODUCTION}"));
    world.standin.misbehave(Rule::once("/apps/", elsewhere));
    let error = world.heroku.destination_app(&staging_destination()).await.expect_err("another");
    let HerokuError::AnotherApp { answered, .. } = &error else { panic!("{error:?}") };
    assert_eq!(answered, PRODUCTION);
}

#[tokio::test]
async fn maintenance_is_read_back() {
    let world = world().await;
    let staging = world.staging().await;
    world.heroku.set_maintenance(&staging, true).await.expect("on");
    assert!(world.heroku.app(STAGING).await.expect("the app").maintenance);
    world.heroku.set_maintenance(&staging, false).await.expect("off");
    assert!(!world.heroku.app(STAGING).await.expect("the app").maintenance);
    assert!(world.standin.writes(PRODUCTION).is_empty());
    assert_eq!(world.standin.writes(STAGING).len(), 2);
}

#[tokio::test]
async fn a_lost_answer_is_settled_by_reading() {
    let world = world().await;
    let staging = world.staging().await;
    world.standin.misbehave(Rule::once("/apps/", Fault::CloseAfter).on("PATCH"));
    world.heroku.set_maintenance(&staging, true).await.expect("it had its effect");
    world.standin.misbehave(Rule::once("/apps/", Fault::RateLimited(3600)).on("PATCH"));
    let error = world.heroku.set_maintenance(&staging, false).await.expect_err("refused");
    let kind = error.api().map(|error| error.kind());
    assert_eq!(kind, Some(ErrorKind::OverLimit), "{error:?}");
    // The request was repeated after the lost answer.
    assert_eq!(count(&world.standin, "PATCH", "/apps/"), 3);
}

#[tokio::test]
async fn a_temporary_error_does_not_end_a_change() {
    let world = world().await;
    let staging = world.staging().await;
    for fault in [Fault::ServerError, Fault::HtmlUnavailable, Fault::CloseBefore] {
        for on in [true, false] {
            world.standin.misbehave(Rule::once("/apps/", fault.clone()).on("PATCH"));
            world.heroku.set_maintenance(&staging, on).await.expect("asked for again");
            assert_eq!(world.heroku.app(STAGING).await.expect("the app").maintenance, on);
        }
    }
    let before = world.heroku.formation(STAGING).await.expect("the formation");
    world.standin.misbehave(Rule::once("/formation", Fault::HtmlUnavailable).on("PATCH"));
    world.heroku.scale(&staging, &before.at_zero()).await.expect("asked for again");
    assert!(world.heroku.formation(STAGING).await.expect("the formation").is_at_zero());
    world.standin.misbehave(Rule::once("/config-vars", Fault::HtmlUnavailable).on("PATCH"));
    let changes = [("NEW".to_owned(), Some(Secret::new("value")))].into();
    world.heroku.set_config_vars(&staging, &changes).await.expect("a repeated request");
}

#[tokio::test]
async fn someone_else_is_named_only_where_seen() {
    let world = world().await;
    let staging = world.staging().await;
    world.standin.misbehave(Rule::always("/apps/", Fault::HtmlUnavailable).on("PATCH"));
    let error = world.heroku.set_maintenance(&staging, true).await.expect_err("no effect");
    let told = error.to_string();
    assert!(told.contains("gave no clear answer") && !told.contains("someone else"), "{told}");
}

#[tokio::test]
async fn the_formation_goes_to_zero_and_back() {
    let world = world().await;
    let staging = world.staging().await;
    let scale = |quantity| Scale { quantity, size: "Standard-2X".to_owned() };
    let wanted = Formation([("web".to_owned(), scale(2))].into());
    world.heroku.scale(&staging, &wanted).await.expect("scaled");
    let before = world.heroku.formation(STAGING).await.expect("the formation");
    assert_eq!(before, wanted);
    world.heroku.wait_for_dynos(STAGING, &before, None).await.expect("up");

    world.heroku.scale(&staging, &before.at_zero()).await.expect("down");
    world.heroku.wait_for_dynos(STAGING, &before.at_zero(), None).await.expect("gone");
    assert!(world.heroku.dynos(STAGING).await.expect("dynos").is_empty());

    world.heroku.scale(&staging, &before).await.expect("up again");
    world.heroku.wait_for_dynos(STAGING, &before, None).await.expect("up");
    let patches = count(&world.standin, "PATCH", "/formation");
    world.heroku.scale(&staging, &before).await.expect("as it is");
    assert_eq!(count(&world.standin, "PATCH", "/formation"), patches);
    let body = world.standin.writes(STAGING).pop().expect("a write").body;
    assert_eq!(body, r#"{"updates":[{"quantity":2,"type":"web"}]}"#);
}

#[tokio::test]
async fn a_missing_process_is_an_error() {
    let world = world().await;
    let staging = world.staging().await;
    let scale = Scale { quantity: 1, size: "Basic".to_owned() };
    let wanted = Formation([("worker".to_owned(), scale)].into());
    let error = world.heroku.scale(&staging, &wanted).await.expect_err("no such process");
    assert!(error.is_not_found(), "{error:?}");
}

#[tokio::test]
async fn a_restart_shows_in_new_dynos() {
    let world = world().await;
    let staging = world.staging().await;
    let formation = world.heroku.formation(STAGING).await.expect("the formation");
    let since = Timestamp::now();
    world.standin.misbehave(Rule::once("/dynos", Fault::CloseBefore).on("DELETE"));
    world.heroku.restart_dynos(&staging).await.expect("asked for");
    world.heroku.wait_for_dynos(STAGING, &formation, Some(since)).await.expect("new dynos");
    world.heroku.restart_dyno(&staging, "web.1").await.expect("asked for");
    let error = world.heroku.restart_dyno(&staging, "web.7").await.expect_err("no such dyno");
    assert!(error.is_not_found(), "{error:?}");
    world.heroku.stop_dyno(&staging, "web.1").await.expect("asked for");
    assert_eq!(world.heroku.dyno(STAGING, "web.1").await.expect("read"), None);
}

#[tokio::test]
async fn config_vars_are_set_unset_and_read_back() {
    let world = world().await;
    let staging = world.staging().await;
    world.standin.set_config_var(STAGING, "OLD", "value");
    let changes: BTreeMap<_, _> =
        [("NEW".to_owned(), Some(Secret::new("v3ry-secret"))), ("OLD".to_owned(), None)].into();
    world.heroku.set_config_vars(&staging, &changes).await.expect("set");
    let vars = world.heroku.config_vars(STAGING).await.expect("config vars");
    assert_eq!(vars.get("NEW").map(Secret::expose), Some("v3ry-secret"));
    assert!(vars.get("OLD").is_none());
    world.standin.misbehave(Rule::once("/config-vars", Fault::HtmlPage).on("PATCH"));
    let changes = [("NEW".to_owned(), Some(Secret::new("oth3r-secret")))].into();
    let error = world.heroku.set_config_vars(&staging, &changes).await.expect_err("no effect");
    let shown = format!("{error} {error:?}");
    assert!(shown.contains("NEW") && !shown.contains("secret"), "{shown}");
}

#[tokio::test]
async fn a_console_is_found_by_service_attachment_and_name() {
    let world = world().await;
    let url = ("BONSAI_URL", "https://k:s@bonsai.test");
    world.standin.add_addon(STAGING, "bonsai:standard", "SEARCH", url);
    let addons = world.heroku.addons(STAGING).await.expect("add-ons");
    for name in ["bonsai", "SEARCH", addons[0].name.as_str()] {
        let console = world.heroku.addon_console(STAGING, name).await.expect(name);
        assert_eq!(console.addon_name, addons[0].name);
        assert!(console.url.expose().starts_with("https://addons-sso.heroku.com/"));
    }
    let error = world.heroku.addon_console(STAGING, "no-such").await.expect_err("none");
    assert!(error.is_not_found(), "{error:?}");
}
