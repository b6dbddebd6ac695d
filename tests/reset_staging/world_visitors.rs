//! Tests the visitors of the world of `reset-staging`: they see the site, and notice what must not
//! be visible.

use crate::heroku::world::{client, quick, staging_destination};
use crate::reset_staging::world::{Trouble, World, visit};
use crate::support::wait;
use crate::whole_site::STAGING;

#[test]
fn visitors_see_the_site_only_while_it_is_up() {
    let world = World::new();
    let port = world.whole.site.port("staging-1");
    let heroku = &world.whole.heroku;
    let status = || visit(port).expect("an answer").split(' ').nth(1).map(str::to_owned);
    assert_eq!(status().as_deref(), Some("200"));
    heroku.set_formation(STAGING, &[("web", 0, "Standard-1X")]);
    let page = visit(port).expect("an answer");
    assert!(page.contains(" 503 ") && page.contains("Application error"), "{page}");
    heroku.set_formation(STAGING, &[("web", 1, "Standard-1X")]);
    world.make(Trouble::HostBroken);
    assert_eq!(status().as_deref(), Some("500"));
    world.whole.site.mend_hosts();

    let real = client(heroku, quick());
    world.runtime().block_on(async {
        let app = real.destination_app(&staging_destination()).await.expect("staging");
        real.set_maintenance(&app, true).await.expect("on");
    });
    let page = visit(port).expect("an answer");
    assert!(page.contains(" 503 ") && page.contains("Offline for Maintenance"), "{page}");
    assert_eq!(world.whole.site.visits().len(), 4);
}

#[test]
fn visitors_notice_unscrubbed_rows() {
    let world = World::new();
    let visitors = world.send_visitors();
    wait_for_visits(&world, 5);
    assert!(visitors.exposed().is_empty());

    let newest = "SELECT max(id) FROM wagtailforms_formsubmission";
    let newest = world.whole.databases.production(newest);
    let forge = format!(
        "UPDATE wagtailforms_formsubmission SET id = {newest} \
          WHERE id = (SELECT min(id) FROM wagtailforms_formsubmission)"
    );
    world.whole.databases.staging(&forge);
    assert!(world.holds_unscrubbed_rows());
    let visitors = world.send_visitors();
    wait_for_visits(&world, world.whole.site.visits().len() + 5);
    assert!(!visitors.exposed().is_empty());
}

fn wait_for_visits(world: &World, count: usize) {
    wait::until("visitors come", || world.whole.site.visits().len() >= count);
}
