//! Runs S3 in memory for benchmarks: the stand-in of the tests, with a stand-in for Heroku that
//! names its address, until standard input ends.
//!
//! ```text
//! cargo run --release --example s3_server -- [PORT]
//! ```
//!
//! `S3_LATENCY_MS`, `S3_READS` and `S3_WRITES` set its latency and its requests a second for each
//! prefix. It refuses more, and prints the numbers at the end.
//!
//! It prints lines of `NAME=VALUE` for the environment of `bcops` and of other clients, and then
//! `ready`.

#![allow(
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test ends where something is not as it has to be"
)]

#[allow(unused_imports, reason = "no faults are needed here")]
mod standins;

use std::io::Read as _;
use std::time::Duration;

use standins::heroku::{HerokuStandIn, Options as HerokuOptions};
use standins::s3::{Key, Limits, Options, Right, S3StandIn};

const ACCESS: &str = "benchkey";
const SECRET: &str = "benchsecret123";

#[tokio::main]
async fn main() {
    let port = std::env::args().nth(1).map_or(0, |port| port.parse().expect("a port"));
    let environments = ["production", "staging", "dev", "content-prep"];
    let s3 = S3StandIn::start(Options {
        port,
        buckets: environments.to_vec(),
        keys: vec![Key {
            access_key: ACCESS,
            secret_key: SECRET,
            rights: environments.iter().map(|bucket| (*bucket, Right::Write)).collect(),
        }],
        checksum_by_default: std::env::var_os("S3_NO_CHECKSUMS").is_none(),
        keep_log: false,
    })
    .await;
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u32>().ok());
    s3.limit(Limits {
        latency: Duration::from_millis(number("S3_LATENCY_MS").unwrap_or(0).into()),
        reads: number("S3_READS").unwrap_or(0),
        writes: number("S3_WRITES").unwrap_or(0),
    });
    let heroku = HerokuStandIn::start(HerokuOptions::default()).await;
    for name in environments {
        heroku.add_app(
            &format!("buckinghamshire-{name}"),
            &[
                ("AWS_STORAGE_BUCKET_NAME", name),
                ("AWS_ACCESS_KEY_ID", ACCESS),
                ("AWS_SECRET_ACCESS_KEY", SECRET),
                ("AWS_S3_REGION_NAME", "us-east-1"),
                ("AWS_ENDPOINT_URL_S3", &s3.url),
            ],
        );
    }
    println!("HEROKU_HOST={}", heroku.url);
    println!("HEROKU_DATA_HOST={}", heroku.url);
    println!("HEROKU_API_KEY={}", heroku.token());
    println!("AWS_ACCESS_KEY_ID={ACCESS}");
    println!("AWS_SECRET_ACCESS_KEY={SECRET}");
    println!("AWS_REGION=us-east-1");
    println!("AWS_ENDPOINT_URL={}", s3.url);
    println!("ready");
    let waiting = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    let _ = waiting.await;
    for (prefix, writes, count) in s3.counts() {
        let (kind, seconds) = (if writes { "writes" } else { "reads" }, count.time().as_secs_f64());
        let rate = count.served as f64 / seconds.max(0.001);
        eprintln!(
            "{prefix} {kind}: {} served in {seconds:.2} s, {rate:.0}/s, {} refused",
            count.served, count.refused
        );
    }
}
