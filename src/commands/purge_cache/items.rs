//! What to purge, from the command line and from stdin.

use std::io::Read;

use crate::adapters::cloudflare::Kind;
use crate::caches::{Targets, Work};
use crate::cli::PurgeCacheArgs;
use crate::error::{CommandError, Kind as ErrorKind};

/// Some hundred thousand URLs. More of them is the whole zone.
const LONGEST_INPUT: u64 = 64 << 20;

/// `None` where nothing of Cloudflare's is to be purged.
pub fn work(args: &PurgeCacheArgs) -> Result<Option<Work>, CommandError> {
    if args.everything {
        return Ok(Some(Work::Everything));
    }
    let given = [
        (Kind::Urls, &args.url),
        (Kind::Hosts, &args.host),
        (Kind::Prefixes, &args.prefix),
        (Kind::Tags, &args.tag),
    ];
    let reading: Vec<&str> = given
        .iter()
        .flat_map(|(kind, items)| items.iter().filter(|one| *one == "-").map(|_| kind.flag()))
        .collect();
    if reading.len() > 1 {
        let text = format!("{} cannot read the same standard input", reading.join(" - and "));
        return Err(CommandError::new(ErrorKind::Usage, text).hint("give `-` once"));
    }
    let mut expanded = Vec::new();
    for (kind, items) in given {
        expanded.push((kind, expand(items)?));
    }
    let lists: Vec<(Kind, &[String])> =
        expanded.iter().map(|(kind, items)| (*kind, items.as_slice())).collect();
    let targets = Targets::parse(&lists)?;
    let asked = given.iter().any(|(_, items)| !items.is_empty());
    if targets.is_empty() && asked {
        return Err(CommandError::new(ErrorKind::Usage, "standard input holds nothing to purge")
            .hint("write one a line"));
    }
    Ok(asked.then_some(Work::Some(targets)))
}

/// `-` stands for the lines of stdin; empty ones say nothing.
fn expand(items: &[String]) -> Result<Vec<String>, CommandError> {
    let mut expanded = Vec::new();
    for item in items {
        if item != "-" {
            expanded.push(item.clone());
            continue;
        }
        let text = tokio::task::block_in_place(read_standard_input)?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        expanded.extend(lines.map(str::to_owned));
    }
    Ok(expanded)
}

fn read_standard_input() -> Result<String, CommandError> {
    let mut text = String::new();
    let read = std::io::stdin().take(LONGEST_INPUT + 1).read_to_string(&mut text);
    read.map_err(|error| {
        CommandError::new(ErrorKind::Usage, "cannot read standard input").with_cause(error)
    })?;
    if text.len() as u64 > LONGEST_INPUT {
        return Err(CommandError::new(ErrorKind::Usage, "standard input holds too much to purge")
            .hint("purge the whole zone: --everything"));
    }
    Ok(text)
}
