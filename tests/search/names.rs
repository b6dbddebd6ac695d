//! Tests the names that releases of Wagtail give to indices: which are in use, which are left over, and
//! what a rebuild deletes.

use serde_json::json;

use crate::search::world::{SearchWorld, differences, index};
use crate::standins::elasticsearch::{Fault, Rule};

const OLD: [&str; 3] =
    ["wagtail__utils_toptask", "wagtail__wagtailcore_page", "wagtail__wagtailimages_image"];

/// Indices with an alias each, as after an atomic rebuild. They are complete.
fn fill_beside(world: &SearchWorld, prefix: &str) {
    for (table, rows) in [("wagtailcore_page", 5), ("utils_toptask", 2), ("wagtailimages_image", 0)]
    {
        let name = format!("{prefix}{table}_ab12cd3");
        world.staging.fill(&name, rows);
        world.staging.add_alias(&format!("{prefix}{table}"), &name);
    }
}

/// A dyno's command that rebuilds pages and tasks as Wagtail 7.2 does: beside the old index.
fn rebuilding_beside(prefix: &str) -> String {
    format!(
        r#"set -e
ask() {{ curl -sS -H 'Content-Type: application/json' -X "$1" "$BONSAI_URL/$2" -d "$3" >/dev/null; }}
rebuild() {{
    ask PUT "{prefix}$1_ef45gh6" '{{}}'
    i=1
    while [ $i -le $2 ]; do
        ask PUT "{prefix}$1_ef45gh6/_doc/$i" "{{\"pk\": \"$i\"}}"
        i=$((i + 1))
    done
    ask DELETE "{prefix}$1" ''
    ask PUT "{prefix}$1_ef45gh6/_alias/{prefix}$1" ''
}}
rebuild wagtailcore_page 5
rebuild utils_toptask 2
rebuild wagtailimages_image 0
"#
    )
}

#[test]
fn the_names_of_every_release_are_recognised() {
    for prefix in ["wagtail_", ""] {
        let world = SearchWorld::new();
        fill_beside(&world, "wagtail_");
        if prefix.is_empty() {
            fill_beside(&world, prefix);
        }
        let run = world.search(&["status", "staging"]).exits(0);
        let run = run.says(&["left-over indices keep old content, personal data included"]);
        assert!(run.stderr.contains("bcops search reindex staging"), "{}", run.printed());
        assert!(run.stdout.contains("left over from an earlier release"), "{}", run.stdout);
        let document = world.search(&["status", "staging", "--json"]).exits(0).json();
        assert_eq!(document["result"]["index_prefix"], prefix);
        assert_eq!(differences(&document), []);
        let pages = index(&document, &format!("{prefix}wagtailcore_page_ab12cd3"));
        assert_eq!((&pages["use"], &pages["rows"]), (&"in-use".into(), &5.into()));
        for old in OLD {
            assert_eq!(index(&document, old)["use"], "left-over", "{prefix} {old}");
        }
        let between = &index(&document, "wagtail_utils_toptask_ab12cd3")["use"];
        assert_eq!(between == "left-over", prefix.is_empty(), "{between}");
        assert!(world.is_untouched());
    }
}

#[test]
fn the_configuration_outranks_what_the_cluster_shows() {
    let world = SearchWorld::new();
    fill_beside(&world, "");
    world.world.bcops.write("bcops.toml", "[search]\nindex_prefix = \"wagtail__\"\n");
    let document = world.search(&["status", "staging", "--json"]).exits(0).json();
    assert_eq!(document["result"]["index_prefix"], "wagtail__");
    assert_eq!(index(&document, OLD[1])["use"], "in-use");
    assert_eq!(index(&document, "wagtailcore_page_ab12cd3")["use"], "unused");
}

#[test]
fn a_protected_environments_left_overs_are_deleted_by_hand() {
    let world = SearchWorld::new();
    world.production.fill(OLD[1], 7);
    world.production.fill("wagtail_wagtailcore_page", 7);
    let run = world.search(&["status", "production"]).exits(0);
    run.says(&["`DELETE /wagtail__wagtailcore_page`", "bcops search open production"]);
}

#[test]
fn a_rebuild_after_an_upgrade_deletes_the_old_indices() {
    let world = SearchWorld::new();
    world.reindex_with(&rebuilding_beside("wagtail_"));
    world.staging.fill("wagtail__documents_customdocument_abc1234", 3);
    for others in ["somebody-elses", "shop_item", "wagtail_localize_x"] {
        world.staging.fill(others, 1);
    }
    let run = world.reindex(&[]).exits(0);
    run.says(&["Deleted left-over indices: wagtail__documents_customdocument_abc1234, wagtail__"]);
    let expected = [
        "shop_item",
        "somebody-elses",
        "wagtail_localize_x",
        "wagtail_utils_toptask_ef45gh6",
        "wagtail_wagtailcore_page_ef45gh6",
        "wagtail_wagtailimages_image_ef45gh6",
    ];
    assert_eq!(world.staging.index_names(), expected);
    assert!(world.production.requests().iter().all(|one| one.method == "GET"));
}

#[test]
fn an_unfinished_index_of_before_is_deleted_and_reported() {
    let world = SearchWorld::new();
    for old in OLD {
        world.staging.remove(old);
    }
    fill_beside(&world, "wagtail_");
    let unfinished = "wagtail_utils_toptask_zz99zz9";
    world.staging.fill(unfinished, 1);
    world.reindex_with("true");
    let plan = world.search(&["reindex", "staging", "--dry-run"]).exits(0);
    assert!(plan.stdout.contains("builds each index beside the old one"), "{}", plan.stdout);
    assert!(plan.stdout.contains(&format!("deletes left-over indices: {unfinished}")));
    // A cluster that does not delete an index keeps its content, which is a warning.
    world.staging.misbehave(Rule::always(unfinished, Fault::ReadOnly).on("DELETE"));
    world.reindex(&[]).exits(0).says(&["cannot delete the left-over index", unfinished]);
    world.staging.behave();
    let document = world.reindex(&["--json"]).exits(0).json();
    assert_eq!(document["result"]["deleted"], json!([unfinished]));
    assert!(!world.staging.index_names().contains(&unfinished.to_owned()));
}

#[test]
fn nothing_is_deleted_while_aliases_or_rows_are_in_doubt() {
    let world = SearchWorld::new();
    fill_beside(&world, "wagtail_");
    world.reindex_with("true");
    world.staging.misbehave(Rule::always("/_alias", Fault::ReadOnly));
    world.reindex(&[]);
    world.staging.behave();
    world
        .staging
        .misbehave(Rule::always("wagtail_utils_toptask_ab12cd3/_count", Fault::FailedShard));
    world.reindex(&[]).fails(1, &["shards of the index did not take part"]);
    world.staging.behave();
    world.staging.remove("wagtail_wagtailcore_page_ab12cd3");
    world.reindex(&[]).fails(8, &["wagtail_wagtailcore_page is missing"]);
    let names = world.staging.index_names();
    assert!(OLD.iter().all(|old| names.contains(&(*old).to_owned())), "{names:?}");
}

#[test]
fn a_database_of_a_newer_wagtail_is_not_searched_under_old_names() {
    let world = SearchWorld::new();
    world.world.psql("CREATE TABLE wagtailadmin_formstate (id serial PRIMARY KEY)");
    let run = world.search(&["status", "staging"]).exits(0);
    let run = run.says(&["Wagtail 7.4 or newer", "bcops search reindex staging"]);
    // The six shards stay beside six new ones, and the plan allows ten.
    assert!(run.stderr.contains("a rebuild needs up to 12 shards"), "{}", run.stderr);
    world.search(&["reindex", "staging", "--dry-run"]).exits(0).says(&["up to 12 shards"]);
    let document = world.search(&["status", "staging", "--json"]).exits(0).json();
    assert_eq!(document["result"]["shards"]["rebuild"], 12);
}
