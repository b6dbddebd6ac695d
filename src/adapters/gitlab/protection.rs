//! Decides how a branch is protected.

use serde::Deserialize;

/// A rule of the project. Its name may hold `*`, which matches any text, including slashes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Rule {
    pub name: String,
    #[serde(default)]
    pub allow_force_push: bool,
}

/// The effect of all rules on one branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProtectedBranch {
    /// True if any rule for the branch allows it.
    pub allow_force_push: bool,
}

impl ProtectedBranch {
    /// `None` if no rule applies to the branch.
    pub(super) fn of(rules: &[Rule], branch: &str) -> Option<ProtectedBranch> {
        let ours: Vec<&Rule> = rules.iter().filter(|rule| fits(&rule.name, branch)).collect();
        if ours.is_empty() {
            return None;
        }
        Some(ProtectedBranch { allow_force_push: ours.iter().any(|rule| rule.allow_force_push) })
    }
}

fn fits(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut name) = name.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    // The earliest match of each part leaves the most text for the next parts.
    for part in parts {
        let Some((_, after)) = name.split_once(part) else { return false };
        name = after;
    }
    name.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_match_any_text() {
        for (pattern, name, expected) in [
            ("staging", "staging", true),
            ("staging", "staging2", false),
            ("*", "anything/at/all", true),
            ("release/*", "release/1/2", true),
            ("release/*", "release", false),
            ("*-stable", "a-stable", true),
            ("*-stable", "a-stable-b", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "acb", false),
            ("a*a", "a", false),
            ("**", "", true),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn a_rule_that_allows_force_push_wins() {
        let rule = |name: &str, allow_force_push| Rule { name: name.to_owned(), allow_force_push };
        let rules = [rule("master", false), rule("st*", false), rule("staging", true)];
        let of = |branch| ProtectedBranch::of(&rules, branch).map(|found| found.allow_force_push);
        assert_eq!(of("master"), Some(false));
        assert_eq!(of("staging"), Some(true));
        assert_eq!(of("dev"), None);
    }
}
