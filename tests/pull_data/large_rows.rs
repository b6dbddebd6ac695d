//! Tests rows of any size in any place: no row may wait for room that it takes itself.

use super::world::{World, digest};
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

/// A generator of numbers, so that a seed identifies its case.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % limit
    }

    /// Most rows are small. Some are as large as all buffers, or larger.
    fn size(&mut self, largest: usize) -> usize {
        match self.below(10) {
            0..=4 => 1 + self.below(1000),
            5..=7 => 1 + self.below(1 << 20),
            8 => (8 << 20) - 8 + self.below(16),
            _ => 1 + self.below(largest),
        }
    }
}

/// Loads tables of rows of random sizes in random places. Ends the test if the load does not.
fn load_random(seed: u64, largest: usize) {
    let mut numbers = Numbers(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let world = World::empty(Options::default());
    let source = world.cluster.create_database("random_rows");
    let mut manifest = "schema_version = 1\n".to_owned();
    for table in 0..=numbers.below(4) {
        let mut sql = format!("CREATE TABLE t{table} (id int PRIMARY KEY, t text);");
        for row in 0..numbers.below(12) {
            let size = numbers.size(largest);
            sql += &format!("INSERT INTO t{table} VALUES ({row}, repeat('x', {size}));");
        }
        world.cluster.psql(&source, &sql);
        manifest += &format!("[tables.t{table}]\nclass = \"content\"\ncontent = [\"t\"]\n");
    }
    world.bcops.write("manifest.toml", &manifest);
    world.bcops.write("bcops.toml", "[scrub]\nmanifest = \"manifest.toml\"\n");
    let path = world.bcops.directory().join("random.dump");
    let mut dump = world.cluster.tool("pg_dump");
    dump.args(["-Fc", "-Z1", "-d", &source, "-f"]).arg(&path);
    assert!(dump.status().expect("pg_dump").success());
    let jobs = (1 + numbers.below(4)).to_string();
    let path = path.to_str().expect("a path");
    let mut pull = vec!["pull-data", "--file", path, "--yes", "--jobs", &jobs];
    if numbers.below(2) == 0 {
        pull.extend(["--no-scrub", "--i-need-personal-data", "none is in it"]);
    }
    world.bcops.run(&pull).exits(0);
    assert_eq!(
        digest(world.cluster, &world.target),
        digest(world.cluster, &source),
        "seed {seed}, {pull:?}"
    );
    world.cluster.psql("postgres", &format!("DROP DATABASE {source}"));
}

/// A few seeds. `BCOPS_SOAK=N` takes N more, with rows of up to 300 MB.
#[test]
fn rows_of_random_sizes_are_loaded() {
    let soak = std::env::var("BCOPS_SOAK").ok().map(|count| count.parse().unwrap_or(100));
    for seed in 1..=4 {
        load_random(seed, 20_000_000);
    }
    for seed in 5..5 + soak.unwrap_or(0_u64) {
        load_random(seed, 300_000_000);
    }
}

/// Memory holds only the row itself, before and after the check.
#[test]
fn a_row_of_300_megabytes_is_loaded_and_costs_a_few_times_its_size() {
    let world = World::empty(Options::default());
    let manifest = "schema_version = 1\n[tables.big]\nclass = \"content\"\ncontent = [\"t\"]\n";
    world.bcops.write("manifest.toml", manifest);
    world.bcops.write("bcops.toml", "[scrub]\nmanifest = \"manifest.toml\"\n");
    let file = backup(&world, &[1, 300_000_000, 1]);
    let run = world.bcops.run(&["pull-data", "--file", &file, "--yes", "--jobs", "2"]);
    eprintln!("a row of 300 MB: peak memory {:.0} MB", run.peak_memory as f64 / 1e6);
    assert!(run.peak_memory < 1_500_000_000, "{} bytes", run.peak_memory);
    run.exits(0);
    assert_eq!(world.psql("SELECT sum(length(t)) FROM big"), "300000002");
}
