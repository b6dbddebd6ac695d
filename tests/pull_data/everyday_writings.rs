//! Tests that the audit of `bcops pull-data` finds personal data as people write it, and accepts
//! harmless digits.

use std::fs;
use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::DeflateEncoder;

use crate::command::Run;
use crate::pull_data::world::World;
use crate::scrub_pii::world::local_with;

const TABLE: &str = "CREATE TABLE entry (id int PRIMARY KEY, value text, data jsonb, raw bytea); ";

fn manifest(class: &str) -> String {
    format!("[tables.entry]\nclass = \"{class}\"\n{class} = [\"value\", \"data\", \"raw\"]\n")
}

/// A local database with these rows, as a backup beside it.
fn world(rows: &str, manifest: &str) -> World {
    let world = local_with(&format!("{TABLE}{rows}"), manifest);
    let mut dump = world.cluster.tool("pg_dump");
    let dumped = dump.args(["-Fc", "-d", &world.target]).output().expect("pg_dump");
    assert!(dumped.status.success(), "{}", String::from_utf8_lossy(&dumped.stderr));
    fs::write(world.bcops.write("backup.dump", ""), dumped.stdout).expect("a file");
    world
}

fn pull(world: &World, more: &[&str]) -> Run {
    let words = ["pull-data", "--file", "backup.dump", "--yes"];
    world.bcops.run(&[&words[..], more].concat())
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn deflated(text: &str) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).expect("memory");
    encoder.finish().expect("memory")
}

/// A zip archive of one file.
fn zipped(text: &str) -> Vec<u8> {
    let packed = deflated(text);
    let mut bytes = b"PK\x03\x04\x14\0\0\0\x08\0\0\0\0\0\0\0\0\0".to_vec();
    bytes.extend((packed.len() as u32).to_le_bytes());
    bytes.extend((text.len() as u32).to_le_bytes());
    bytes.extend(b"\x05\0\0\0a.txt");
    bytes.extend(packed);
    bytes
}

/// Each spelling alone, with the column and the kind that must be reported.
fn writings() -> Vec<(&'static str, String, &'static str)> {
    let text = |values: &[&str], kind| -> Vec<(&'static str, String, &'static str)> {
        values.iter().map(|value| ("value", literal(value), kind)).collect()
    };
    let (phone, postcode) = ("telephone number", "postcode");
    let (nino, email) = ("National Insurance number", "e-mail address");
    let mut all = text(
        &[
            "447700900123",
            "44 7700 900123",
            "7700900123",
            "07700/900123",
            "07700.900.123",
            "07700\u{2013}900\u{2011}123",
            "07700 \u{2014} 900 \u{2014} 123",
            "(0)7700 900123",
            "+44/7700/900123",
            "０７７００ ９００１２３",
            "07700\u{202f}900\u{2009}123",
        ],
        phone,
    );
    all.extend(text(
        &[
            "hp19 8ff",
            "Hp19 8ff",
            "HP19-8FF",
            "hp19-8ff",
            "HP19\t8FF",
            "HP19\n8FF",
            "HP19 \u{2013} 8FF",
            "hp19\r\n8ff",
        ],
        postcode,
    ));
    all.extend(text(
        &[
            "JG103759",
            "jg103759",
            "JG 10 37 59",
            "JG.10.37.59",
            "JG.10.37.59.A",
            "JG 10 37 59 A",
            "JG-10-37-59-A",
            "JG/10/37/59/A",
            "QQ123456C",
        ],
        nino,
    ));
    all.extend(text(
        &[
            "jo @ example.org",
            "jo[at]example.org",
            "jo (at) example (dot) org",
            "ｊｏ＠ｅｘａｍｐｌｅ．ｏｒｇ",
            "jo%40example.org",
            "jo&#64;example.org",
        ],
        email,
    ));
    let address = "write to jo@example.org, please";
    let packed = STANDARD.encode(deflated(address));
    all.extend(text(
        &[
            &hex(b"jo@example.org"),
            &hex(b"jo@a.co"),
            &STANDARD.encode("jo@a.co"),
            &packed,
            &STANDARD.encode(zipped(address)),
            &hex(&deflated(address)),
        ],
        email,
    ));
    for number in ["7700900123", "447700900123"] {
        all.push(("data", literal(&format!("{{\"a\": {number}}}")), phone));
    }
    all.push(("data", literal("{\"mobile\": 1296395000}"), phone));
    all.push(("data", literal("[\"HP19\\n8FF\"]"), postcode));
    for bytes in [deflated(address), zipped(address), b"jo@a.co".to_vec()] {
        all.push(("raw", format!("'\\x{}'", hex(&bytes)), email));
    }
    all
}

#[test]
fn everyday_writings_stop_a_pull() {
    // All at once, and each must be counted. Each has its own table, to show which one is missing.
    let writings = writings();
    let tables: String = writings
        .iter()
        .enumerate()
        .map(|(n, (column, value, _))| {
            format!("CREATE TABLE t{n} (LIKE entry); INSERT INTO t{n} (id, {column}) VALUES (1, {value}); ")
        })
        .collect();
    let known: String = (0..writings.len())
        .map(|n| manifest("operational").replace("entry", &format!("t{n}")))
        .collect();
    let world = world(&tables, &format!("{}{known}", manifest("operational")));
    let run = pull(&world, &[]).exits(9);
    let missed: Vec<_> = writings
        .iter()
        .enumerate()
        .filter(|(n, (column, _, kind))| !run.stderr.contains(&format!("t{n}.{column}: 1 {kind}")))
        .collect();
    assert!(missed.is_empty(), "{missed:?}\n{}", run.printed());

    // In columns that are kept by name, weak findings are a warning.
    let world = world_of_content(&writings);
    let done = pull(&world, &["--json"]).exits(0).json();
    assert!(done["warnings"].to_string().contains("in an unusual form"), "{done}");
}

fn world_of_content(writings: &[(&str, String, &str)]) -> World {
    let rows: String = writings
        .iter()
        .enumerate()
        .filter(|(_, (_, _, kind))| *kind != "National Insurance number")
        .map(|(n, (column, value, _))| {
            format!("INSERT INTO entry (id, {column}) VALUES ({n}, {value}); ")
        })
        .collect();
    world(&rows, &manifest("content"))
}

#[test]
fn harmless_digits_stop_nothing() {
    let values = [
        "00010001000D000X",
        "/news/2024/01/07700/900123-report/",
        "https://youtu.be/dQw4w9WgXcQ?t=7700900123x",
        "pbkdf2_sha256$600000$XWuRtckYzVQF0zHwgrGphd$ppy0Xr+0ukmYjAYzaZNUnsOSZPakJjIpKg45gP/BYL0=",
        "ab123456-7890-4abc-8def-447700900123",
        "7b295380-95fa-5117-92c0-23c46a06e9b7",
        "£1234567890.50 and £7,123,456,789",
        "ISBN 0141036144 and 9780141036144",
        "1700000000 1733000000123 20240101120000",
        "2024-01-31T12:30:00.123456Z",
        "body.3f2a1c9e-0b1d-4c55-9a3e-77009001232a.value",
        "council-tax-and-benefits",
        "E5 2nd floor, room M1 3rd door",
        "meet us @ cafe.nero",
        "opens at 10.30 45, kg 34 10.30, by JS 12/03/24",
        "fill-800x600|jpegquality-60",
        "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "0002_auto_20190613_1436",
        "uncharacteristically",
        "[at](https://example.org) and look (at) this. Then",
    ];
    let rows: String = values
        .iter()
        .enumerate()
        .map(|(n, value)| {
            format!("INSERT INTO entry (id, value) VALUES ({n}, {}); ", literal(value))
        })
        .collect();
    let world = world(&rows, &manifest("operational"));
    pull(&world, &[]).exits(0);
}

const PAGES: &str = "CREATE TABLE demo_page (page_ptr_id int PRIMARY KEY, body text, short varchar(9)); \
     INSERT INTO demo_page VALUES \
       (12, '<p>Number: JG&nbsp;10 37 59 A, or ZZ123456C</p>', 'JG103759A'), \
       (15, 'no number', 'QQ123456C'), (16, 'see /docs/JG103759A.pdf', 'x'); \
     CREATE TABLE wagtailcore_revision (id int PRIMARY KEY, object_id text, content jsonb); \
     INSERT INTO wagtailcore_revision VALUES \
       (7, '12', '{\"url_path\": \"/a/\", \"body\": \"jg 10 37 59 a\"}'), (8, '3', '{\"x\": \"JG103759B\"}');";

const PAGES_MANIFEST: &str = "[tables.demo_page]\nclass = \"content\"\ncontent = [\"body\", \"short\"]\n\
     [tables.wagtailcore_revision]\nclass = \"content\"\noperational = [\"object_id\"]\ncontent = [\"content\"]\n\
     [tables.entry]\nclass = \"operational\"\noperational = [\"value\", \"data\", \"raw\"]\n";

#[test]
fn a_number_in_published_content_is_replaced_on_a_local_pull() {
    let world = world(PAGES, PAGES_MANIFEST);
    let check = world.bcops.run(&["scrub-pii", "--check"]).fails(
        9,
        &[
            "demo_page.body: 1 National Insurance number (page 12: /admin/pages/12/edit/)",
            "demo_page.short: 1 National Insurance number",
            "row 7 of page 12: /admin/pages/12/edit/",
            "row 8",
            "[[audit.published]]",
        ],
    );
    assert!(!check.printed().contains("103759"));
    let done = pull(&world, &["--json"]).exits(0).json();
    let audit = done["result"]["audit"].as_array().expect("a list");
    let replaced: Vec<_> = audit.iter().filter(|one| one["verdict"] == "replaced").collect();
    assert_eq!(replaced.len(), 3, "{done}");
    assert_eq!(replaced[0]["rows"][0]["edit"], "/admin/pages/12/edit/");
    assert!(done["warnings"].to_string().contains("/admin/pages/12/edit/"), "{done}");
    let rows = world.psql("SELECT body, short FROM demo_page ORDER BY 1 DESC");
    assert_eq!(
        rows,
        "see /docs/JG103759A.pdf|x\nno number|QQ123456C\n\
         <p>Number: QQ&nbsp;12 34 56 C, or ZZ123456C</p>|QQ123456C"
    );
    let rows = world.psql("SELECT content->>'body', content->>'x' FROM wagtailcore_revision");
    assert_eq!(rows, "QQ 12 34 56 C|\n|QQ123456C");
    world.bcops.run(&["scrub-pii", "--check"]).exits(0);

    // Neither a file nor staging may hold them.
    let words = ["scrub-pii", "--dump", "backup.dump", "out.dump"];
    world.bcops.run(&words).fails(9, &["National Insurance number", "/admin/pages/12/edit/"]);
}

#[test]
fn a_number_is_allowed_by_row_and_digest() {
    // printf %s JG103759A | sha256sum
    let digest = sha256("JG103759A");
    let allow = |table: &str, key: &str, digest: &str| {
        format!(
            "[[audit.published]]\ntable = \"{table}\"\nkey = \"{key}\"\nsha256 = \"{digest}\"\n"
        )
    };
    let all = [
        allow("demo_page", "12", &digest),
        allow("wagtailcore_revision", "12", &digest),
        allow("wagtailcore_revision", "8", &sha256("JG103759B")),
    ]
    .concat();
    let world = world(PAGES, &format!("{all}{PAGES_MANIFEST}"));
    world.bcops.run(&["scrub-pii", "--check"]).exits(0);
    pull(&world, &[]).exits(0);
    assert_eq!(world.psql("SELECT short FROM demo_page WHERE page_ptr_id = 12"), "JG103759A");
    // Another row, number or table is not allowed.
    for other in [
        allow("demo_page", "13", &digest),
        allow("demo_page", "12", &sha256("JG103759C")),
        allow("other_page", "12", &digest),
    ] {
        crate::scrub_pii::world::set_manifest(&world, &format!("{other}{PAGES_MANIFEST}"));
        world.bcops.run(&["scrub-pii", "--check"]).exits(9);
    }
    let broken = format!("{}{PAGES_MANIFEST}", allow("demo_page", "12", "abc"));
    crate::scrub_pii::world::set_manifest(&world, &broken);
    world.bcops.run(&["scrub-pii", "--check"]).fails(3, &["sha256 must be 64 hexadecimal digits"]);
}

fn sha256(text: &str) -> String {
    let output = std::process::Command::new("sh")
        .args(["-c", &format!("printf %s {text} | sha256sum")])
        .output()
        .expect("sha256sum");
    String::from_utf8_lossy(&output.stdout).split(' ').next().expect("a digest").to_owned()
}
