//! Runs the fuzz targets on stable Rust: their seeds, and for each the same changed inputs in every
//! run. This finds shallow faults, and keeps targets and seeds valid. libFuzzer does the deep
//! search, see `docs/testing.md`.

use std::fs;
use std::path::Path;

use crate::fuzz_targets as targets;

/// For each seed.
const CHANGED: u32 = 400;
/// Several changes lead further from the seed.
const MOST_CHANGES: usize = 6;

/// Inputs that break parsers: limits of lengths, signs, quotes, beginnings of escapes.
const PIECES: [&[u8]; 14] = [
    b"\0",
    b"\n",
    b"\t",
    b"\\",
    b"\\N",
    b"\"",
    b"'''",
    b"[[",
    b"{\"",
    b"\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\x7f",
    b"\xc3",
    "\u{ffff}".as_bytes(),
    b"99999999999999999999",
];

/// Xorshift, so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit.max(1) as u64).expect("it is below a usize")
    }
}

fn change(bytes: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    let (start, end) = (random.below(bytes.len() + 1), random.below(bytes.len() + 1));
    let range = start.min(end)..start.max(end);
    match random.below(7) {
        0 => bytes.truncate(end),
        1 => _ = bytes.drain(range),
        2 => {
            let copy = bytes[range].to_vec();
            bytes.splice(end..end, copy);
        }
        3 => {
            let piece = PIECES[random.below(PIECES.len())];
            bytes.splice(start..start, piece.iter().copied());
        }
        4 => {
            let from = random.below(other.len() + 1);
            bytes.splice(start.., other[from..].iter().copied());
        }
        _ => {
            if let Some(byte) = bytes.get_mut(start) {
                *byte = match random.below(3) {
                    0 => *byte ^ (1 << random.below(8)),
                    1 => byte.wrapping_add(1),
                    _ => random.below(256) as u8,
                };
            }
        }
    }
}

fn seeds(name: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(name);
    let read = |entry: std::io::Result<fs::DirEntry>| {
        let path = entry.expect("an entry").path();
        (path.display().to_string(), fs::read(path).expect("a seed"))
    };
    let mut seeds: Vec<_> = fs::read_dir(folder).expect("a folder of seeds").map(read).collect();
    seeds.sort();
    assert!(!seeds.is_empty(), "no seed for {name}");
    seeds
}

/// Prints the input if the target panics.
struct Fed<'a>(&'a str, &'a [u8]);

impl Drop for Fed<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the input, from {}: {}", self.0, self.1.escape_ascii());
        }
    }
}

fn search(name: &str, target: fn(&[u8])) {
    let seeds = seeds(name);
    target(b"");
    for (number, (path, seed)) in seeds.iter().enumerate() {
        let fed = Fed(path, seed);
        target(seed);
        drop(fed);
        let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ (number as u64 + 1));
        for _ in 0..CHANGED {
            let mut bytes = seed.clone();
            let (_, other) = &seeds[random.below(seeds.len())];
            for _ in 0..=random.below(MOST_CHANGES) {
                change(&mut bytes, other, &mut random);
            }
            let fed = Fed(path, &bytes);
            target(&bytes);
            drop(fed);
        }
    }
}

#[test]
fn archives() {
    search("archive_reader", targets::archive_reader::run);
}

#[test]
fn rows() {
    search("copy_rows", targets::copy_rows::run);
}

#[test]
fn manifests() {
    search("manifest", targets::manifest::run);
}

#[test]
fn settings() {
    search("settings", targets::settings::run);
}

#[test]
fn exit_statuses() {
    search("exit_status", targets::exit_status::run);
}

#[test]
fn logs() {
    search("dyno_log", targets::dyno_log::run);
}

#[test]
fn migrations() {
    search("migrations", targets::migrations::run);
}

#[test]
fn every_target_has_an_entry_for_libfuzzer() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let manifest = fs::read_to_string(top.join("Cargo.toml")).expect("a manifest");
    for entry in fs::read_dir(top.join("seeds")).expect("a folder").flatten() {
        let name = entry.file_name().into_string().expect("a name in UTF-8");
        assert!(top.join(format!("targets/{name}.rs")).is_file(), "{name}");
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name}");
        let text = fs::read_to_string(top.join(format!("fuzz_targets/{name}.rs"))).expect("it");
        assert!(text.contains(&format!("../targets/{name}.rs")), "{name}");
    }
}
