//! Reads what to purge, from the command line and from stdin.

use std::io::Read;

use crate::adapters::cloudflare::ItemKind;
use crate::caches::{Targets, Work};
use crate::cli::PurgeCacheArgs;
use crate::failure::{CommandError, FailureKind};

/// Some hundred thousand URLs. For more, purge the whole zone.
const LONGEST_INPUT: u64 = 64 << 20;

/// `None` if nothing is purged from Cloudflare.
pub fn work(args: &PurgeCacheArgs) -> Result<Option<Work>, CommandError> {
    if args.everything {
        return Ok(Some(Work::Everything));
    }
    let given = [
        (ItemKind::Urls, &args.url),
        (ItemKind::Hosts, &args.host),
        (ItemKind::Prefixes, &args.prefix),
        (ItemKind::Tags, &args.tag),
    ];
    let reading: Vec<&str> = given
        .iter()
        .flat_map(|(kind, items)| items.iter().filter(|one| *one == "-").map(|_| kind.flag()))
        .collect();
    if reading.len() > 1 {
        let text = format!("{} cannot read the same standard input", reading.join(" - and "));
        return Err(CommandError::new(FailureKind::Usage, text).hint("give `-` once"));
    }
    let mut expanded = Vec::new();
    for (kind, items) in given {
        expanded.push((kind, expand(items)?));
    }
    let lists: Vec<(ItemKind, &[String])> =
        expanded.iter().map(|(kind, items)| (*kind, items.as_slice())).collect();
    let targets = Targets::parse(&lists)?;
    let asked = given.iter().any(|(_, items)| !items.is_empty());
    if targets.is_empty() && asked {
        return Err(CommandError::new(FailureKind::Usage, "standard input holds nothing to purge")
            .hint("write one item a line"));
    }
    Ok(asked.then_some(Work::Some(targets)))
}

/// The lines without empty ones and comments. Joined files may have the mark of their encoding at
/// the beginning of any line.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let is_blank = |c: char| c.is_whitespace() || c == '\u{feff}';
    let lines = text.split(['\n', '\r']).map(move |line| line.trim_matches(is_blank));
    lines.filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// Decodes UTF-8, or UTF-16 with its mark, which Windows shells write.
fn decoded(bytes: Vec<u8>) -> Option<String> {
    let units = |order: fn([u8; 2]) -> u16| -> Option<String> {
        let rest = bytes.get(2..).unwrap_or_default();
        let (pairs, odd) = rest.as_chunks::<2>();
        let units: Vec<u16> = pairs.iter().map(|pair| order(*pair)).collect();
        String::from_utf16(&units).ok().filter(|_| odd.is_empty())
    };
    match bytes.as_slice() {
        [0xff, 0xfe, ..] => units(u16::from_le_bytes),
        [0xfe, 0xff, ..] => units(u16::from_be_bytes),
        _ => String::from_utf8(bytes).ok(),
    }
}

/// Replaces `-` by the lines of stdin.
fn expand(items: &[String]) -> Result<Vec<String>, CommandError> {
    let mut expanded = Vec::new();
    for item in items {
        if item != "-" {
            expanded.push(item.clone());
            continue;
        }
        let text = tokio::task::block_in_place(read_standard_input)?;
        expanded.extend(lines(&text).map(str::to_owned));
    }
    Ok(expanded)
}

fn read_standard_input() -> Result<String, CommandError> {
    let mut bytes = Vec::new();
    let read = std::io::stdin().take(LONGEST_INPUT + 1).read_to_end(&mut bytes);
    read.map_err(|error| {
        CommandError::new(FailureKind::Usage, "cannot read standard input")
            .with_cause(error)
            .hint("give the URLs as flags: --url URL")
    })?;
    if bytes.len() as u64 > LONGEST_INPUT {
        return Err(CommandError::new(
            FailureKind::Usage,
            "standard input holds too much to purge",
        )
        .hint("purge the whole zone: --everything"));
    }
    decoded(bytes).ok_or_else(|| {
        let text = "cannot read standard input: it is neither UTF-8 nor UTF-16 with a mark";
        CommandError::new(FailureKind::Usage, text).hint("save the file as UTF-8")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_lose_marks_comments_and_blanks() {
        let text =
            "\u{feff}https://a.example/\r\n\r\n  # a comment\r\n\u{feff}https://b.example/ \n\t\nx";
        let found: Vec<&str> = lines(text).collect();
        assert_eq!(found, ["https://a.example/", "https://b.example/", "x"]);
        // A fragment is a part of a URL.
        assert_eq!(lines("https://a.example/#x").count(), 1);
    }

    #[test]
    fn files_of_windows_shells_are_read() {
        let text = "\u{feff}https://a.example/\r\n";
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        for bytes in [text.as_bytes().to_vec(), little.clone(), big] {
            let text = decoded(bytes).expect("a text");
            assert_eq!(lines(&text).collect::<Vec<_>>(), ["https://a.example/"]);
        }
        assert_eq!(decoded(little[..little.len() - 1].to_vec()), None);
        assert_eq!(decoded(vec![0xc3]), None);
        assert_eq!(decoded(vec![0xff, 0xfe]), Some(String::new()));
    }
}
