//! Rows of any size, in any place: none may wait for room that it takes itself.

use super::world::World;
use crate::standins::heroku::Options;

/// A backup of one table with rows of these sizes, in this order.
fn backup(world: &World, sizes: &[usize]) -> String {
    let source = world.cluster.create_database("large");
    world.cluster.psql(&source, "CREATE TABLE big (id int PRIMARY KEY, t text)");
    for (number, size) in sizes.iter().enumerate() {
        let sql = format!("INSERT INTO big VALUES ({number}, repeat('x', {size}))");
        world.cluster.psql(&source, &sql);
    }
    let path = world.bcops.directory().join(format!("{source}.dump"));
    let mut dump = world.cluster.tool("pg_dump");
    dump.args(["-Fc", "-Z1", "-d", &source, "-f"]).arg(&path);
    assert!(dump.status().expect("pg_dump").success());
    path.to_str().expect("a path").to_owned()
}

#[test]
fn rows_of_any_size_are_loaded_in_any_place() {
    let world = World::empty(Options::default());
    let manifest = "schema_version = 1\n[tables.big]\nclass = \"content\"\ncontent = [\"t\"]\n";
    world.bcops.write("manifest.toml", manifest);
    world.bcops.write("bcops.toml", "[scrub]\nmanifest = \"manifest.toml\"\n");
    for sizes in [
        &[1, 9_000_000][..],
        &[9_000_000, 1, 1],
        &[4_300_000, 4_300_000],
        &[1, 8_388_607, 8_388_608, 8_388_609, 1],
        &[70_000_000, 5, 9_000_000],
    ] {
        let file = backup(&world, sizes);
        let expected: usize = sizes.iter().sum();
        for more in [&[][..], &["--no-scrub", "--i-need-personal-data", "none is in it"]] {
            for jobs in ["1", "4"] {
                let arguments = ["pull-data", "--file", &file, "--yes", "--jobs", jobs];
                world.bcops.run(&[&arguments, more].concat()).exits(0);
                let loaded = world.psql("SELECT sum(length(t)) FROM big");
                assert_eq!(loaded, expected.to_string(), "{sizes:?} {jobs} {more:?}");
            }
        }
    }
}
