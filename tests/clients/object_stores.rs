//! Tests the S3 client with servers that are independent of this project: moto, which treats keys
//! correctly, and SeaweedFS, a product that checks signatures and checksums and lists objects in its
//! own order. Covers pull, copy on the server, push in parts, and deletions by the thousand.
//!
//! `BCOPS_PYTHON_CLIENTS` names the environment that `tests/install-python-clients.sh` makes. Without
//! it these tests print that they are skipped.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::media::world::{PRODUCTION, SECRET, STAGING, World, large};

#[test]
fn moto_is_pulled_copied_and_pushed_to() {
    // A listing names this key, but no folder can hold it.
    pull_copy_and_push("moto", 64, Some("images//double.jpg"));
}

#[test]
fn seaweedfs_is_pulled_copied_and_pushed_to() {
    pull_copy_and_push("seaweedfs", 64, None);
}

fn pull_copy_and_push(store: &str, objects: usize, no_file: Option<&str>) {
    let Some(clients) = std::env::var_os("BCOPS_PYTHON_CLIENTS").map(PathBuf::from) else {
        eprintln!("skipped: BCOPS_PYTHON_CLIENTS is not set, so there is no {store} to run");
        return;
    };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/object_store.py");
    let mut server = Command::new(clients.join("bin/python"))
        .args([script, store])
        .env("OBJECT_STORE_SECRET", SECRET)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("Python");
    let mut said = BufReader::new(server.stdout.take().expect("its output"));
    let mut port = String::new();
    while port.trim().parse::<u16>().is_err() {
        port.clear();
        assert_ne!(said.read_line(&mut port).expect("a line"), 0, "{store} does not start");
    }
    let mut world = World::new();
    let url = format!("http://127.0.0.1:{}", port.trim());
    for name in ["production", "staging"] {
        let app = format!("buckinghamshire-{name}");
        world.heroku.set_config_var(&app, "AWS_ENDPOINT_URL_S3", &url);
    }
    let pulled = match no_file {
        Some(key) => world.pull(&[]).exits(11).says(&[key]),
        None => world.pull(&[]).exits(0),
    };
    assert!(pulled.stdout.contains(&format!("{objects} objects")), "{}", pulled.printed());
    world.copy(&["--max-delete", "100%"]).exits(0);
    std::fs::remove_file(world.media().join("documents/0007.txt")).expect("a file");
    world.write("documents/larger.bin", large(20 << 20));
    world.bcops.set("BCOPS_NETWORK_TIMEOUT", "60s");
    world.push(&["--no-delete"]).exits(0);
    let files = world.files();

    drop(server.stdin.take());
    let mut held = String::new();
    said.read_to_string(&mut held).expect("what it holds");
    assert!(server.wait().expect("its end").success());
    let held: Value = serde_json::from_str(&held).expect("one JSON document");
    let (production, staging) = (held[PRODUCTION].as_object(), held[STAGING].as_object());
    let (production, staging) = (production.expect("objects"), staging.expect("objects"));
    for (key, object) in production {
        assert_eq!(&staging[key], object, "{key}");
    }
    assert_eq!(staging.len(), production.len() + 1, "strays are deleted, one file is new");
    for (key, body) in &files {
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, body);
        assert_eq!(staging[key][0], hex::encode(hash.as_ref()), "{key}");
    }
}
