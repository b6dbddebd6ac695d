//! Formats numbers for people, and words for a shell.

use std::time::Duration;

/// `71.0 MB`: powers of 1000, as download tools and cloud consoles count.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let mut value = count as f64;
    let mut unit = 0;
    while value >= 999.95 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let name = UNITS.get(unit).copied().unwrap_or("TB");
    if unit == 0 { format!("{count} B") } else { format!("{value:.1} {name}") }
}

/// `1,234,567`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 row`, `2 rows`, `1,000 addresses`.
pub fn plural(number: u64, noun: &str) -> String {
    let s = match (number, noun.ends_with('s') || noun.ends_with("ch")) {
        (1, _) => "",
        (_, true) => "es",
        (_, false) => "s",
    };
    format!("{} {noun}{s}", count(number))
}

/// `0.8 s`, `42 s`, `3 min 5 s`, `5 h 2 min`, `3 days 4 h`.
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..10 => format!("{:.1} s", duration.as_secs_f64()),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} {} h", plural(seconds / 86_400, "day"), seconds % 86_400 / 3600),
    }
}

/// Quotes a word for a shell if necessary.
pub fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// How many characters differ, where two that changed places count as one.
pub fn edit_distance(left: &str, right: &str) -> usize {
    strsim::osa_distance(left, right)
}

/// At most this many names are suggested.
const MOST_SUGGESTED: usize = 3;

/// The names that a misspelt one may stand for, or is the beginning of, the nearest first. They are
/// only suggested: bcops never assumes one of them.
pub fn likely<'a>(typed: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let typed = typed.to_lowercase();
    let allowed = (typed.chars().count() / 3).clamp(1, 3);
    let distance = |name: &str| {
        let name = name.to_lowercase();
        let is_beginning = typed.chars().count() > 2 && name.starts_with(&typed);
        if is_beginning { 1 } else { edit_distance(&typed, &name) }
    };
    let mut near: Vec<(usize, &str)> = names
        .into_iter()
        .map(|name| (distance(name), name))
        .filter(|(distance, _)| *distance <= allowed)
        .collect();
    near.sort_unstable();
    near.dedup();
    let nearest = near.first().map_or(0, |(distance, _)| *distance);
    let near = near.into_iter().filter(|(distance, _)| *distance == nearest);
    near.map(|(_, name)| name).take(MOST_SUGGESTED).collect()
}

/// `did you mean staging?`, as a hint. `None` where no name is near.
pub fn did_you_mean<'a>(typed: &str, names: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let likely = likely(typed, names);
    (!likely.is_empty()).then(|| format!("did you mean {}?", likely.join(" or ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(70_982_341), "71.0 MB");
        assert_eq!(bytes(999_960), "1.0 MB");
        assert_eq!(bytes(u64::MAX), "18446744.1 TB");
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(plural(1, "row"), "1 row");
        assert_eq!(plural(1000, "row"), "1,000 rows");
        assert_eq!(plural(2, "address"), "2 addresses");
        assert_eq!(duration(Duration::from_millis(820)), "0.8 s");
        assert_eq!(duration(Duration::from_secs(185)), "3 min 5 s");
        assert_eq!(duration(Duration::from_secs(90_000)), "1 day 1 h");
    }

    #[test]
    fn distances() {
        assert_eq!(edit_distance("kitten", "sitting"), 3);
        assert_eq!(edit_distance("", "abc"), 3);
        assert_eq!(edit_distance("abc", ""), 3);
        assert_eq!(edit_distance("stagign", "staging"), 1);
    }

    #[test]
    fn likely_names_are_the_nearest_ones() {
        let names = ["content-prep", "dev", "production", "staging"];
        assert_eq!(likely("prodcution", names), ["production"]);
        assert_eq!(likely("prod", names), ["production"]);
        assert_eq!(likely("Staging", names), ["staging"]);
        assert_eq!(likely("dve", names), ["dev"]);
        assert!(likely("nowhere", names).is_empty());
        assert!(likely("", names).is_empty());
        assert_eq!(likely("b10", ["b101", "b102", "b103", "b104"]), ["b101", "b102", "b103"]);
        assert_eq!(did_you_mean("stagin", names).as_deref(), Some("did you mean staging?"));
        assert_eq!(did_you_mean("qa", names), None);
    }
}
