//! Finds the name that a misspelt name probably means.

use crate::words::edit_distance;

/// The candidate that differs in so few characters that it is probably meant.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    by_distance(name, candidates)
        .find(|(distance, _)| is_typo(name, *distance))
        .map(|(_, near)| near)
}

/// The candidates that resemble a name most, or contain it: to be offered, not assumed.
pub fn similar<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
    most: usize,
) -> Vec<&'a str> {
    let resembles = |distance: usize, candidate: &str| {
        candidate.contains(name) || distance <= (name.chars().count() / 3).max(2)
    };
    by_distance(name, candidates)
        .filter(|(distance, candidate)| resembles(*distance, candidate))
        .map(|(_, candidate)| candidate)
        .take(most)
        .collect()
}

fn by_distance<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> impl Iterator<Item = (usize, &'a str)> {
    let mut distances: Vec<(usize, &str)> = candidates
        .into_iter()
        .map(|candidate| (edit_distance(name, candidate), candidate))
        .collect();
    distances.sort_unstable();
    distances.into_iter()
}

/// Short names differ little from many others, so fewer typos are allowed in them.
fn is_typo(name: &str, distance: usize) -> bool {
    distance <= if name.chars().count() < 8 { 1 } else { 2 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typos_are_separated_from_other_names() {
        let names = ["users_user", "users_user_groups", "email", "wagtailcore_page"];
        assert_eq!(nearest("users_usr", names), Some("users_user"));
        assert_eq!(nearest("emial", names), Some("email"), "two characters changed places");
        assert_eq!(nearest("emoil1", names), None, "two of six characters are too many");
        assert_eq!(nearest("emails", names), Some("email"));
        assert_eq!(nearest("wagtailcore_site", names), None);
        assert_eq!(similar("users", names, 3), ["users_user", "users_user_groups"]);
        assert!(similar("feedback", names, 3).is_empty());
    }
}
