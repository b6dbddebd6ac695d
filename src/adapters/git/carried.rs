//! Decides which settings of a clone its temporary repository needs.
//!
//! Git reads the files of the user and of the system for the temporary repository too. The clone's
//! own file, the file of its work tree, and files included because of the clone's location are
//! missing there. The difference between the two lists of settings is what bcops passes on.

use crate::secret::Secret;

pub(super) type Setting = (String, Secret);

/// Sections of which every key matters: how to reach a server, who the user is, and how to merge.
const SECTIONS: &[&str] = &[
    "http.",
    "credential.",
    "url.",
    "ssh.",
    "protocol.",
    "user.",
    "author.",
    "committer.",
    "merge.",
    "diff.",
    "filter.",
    "fetch.fsck.",
];

const KEYS: &[&str] = &[
    "core.sshcommand",
    "core.gitproxy",
    "core.attributesfile",
    "core.autocrlf",
    "core.eol",
    "core.safecrlf",
    "core.checkroundtripencoding",
    "core.ignorecase",
    "core.precomposeunicode",
    "core.protecthfs",
    "core.protectntfs",
    "core.bigfilethreshold",
    "core.compression",
    "transfer.fsckobjects",
    "fetch.fsckobjects",
];

fn concerns(name: &str) -> bool {
    SECTIONS.iter().any(|start| name.starts_with(start)) || KEYS.contains(&name)
}

/// Lists of which every entry counts. An empty entry clears the list.
const LISTS: [Kind; 2] = [
    Kind { section: "credential.", last: "helper" },
    Kind { section: "http.", last: "extraheader" },
];

struct Kind {
    section: &'static str,
    last: &'static str,
}

impl Kind {
    fn holds(&self, name: &str) -> bool {
        name.starts_with(self.section) && name.rsplit('.').next() == Some(self.last)
    }

    fn emptied(&self) -> Setting {
        (format!("{}{}", self.section, self.last), Secret::hidden(""))
    }
}

/// The settings to add to those of the temporary repository, so that it behaves like the clone.
pub(super) fn carried(clone: &[Setting], temporary: &[Setting]) -> Vec<Setting> {
    let mut carried = Vec::new();
    for kind in &LISTS {
        let of = |all: &[Setting]| -> Vec<Setting> {
            all.iter().filter(|(name, _)| kind.holds(name)).cloned().collect()
        };
        carried.extend(list(&of(clone), &of(temporary), kind));
    }
    let mut seen: Vec<&str> = Vec::new();
    for (name, _) in clone.iter().filter(|(name, _)| concerns(name)) {
        if seen.contains(&name.as_str()) || LISTS.iter().any(|kind| kind.holds(name)) {
            continue;
        }
        seen.push(name);
        let (wanted, there) = (values(clone, name), values(temporary, name));
        let missing = if is_rewriting(name) {
            wanted.into_iter().filter(|one| !there.contains(one)).collect()
        } else {
            last_if_other(&wanted, &there)
        };
        carried.extend(missing.into_iter().map(|value| (name.clone(), Secret::hidden(value))));
    }
    carried
}

fn list(wanted: &[Setting], there: &[Setting], kind: &Kind) -> Vec<Setting> {
    let same =
        |left: &Setting, right: &Setting| left.0 == right.0 && left.1.expose() == right.1.expose();
    let begins = there.len() <= wanted.len()
        && there.iter().zip(wanted).all(|(left, right)| same(left, right));
    if begins {
        return wanted.iter().skip(there.len()).cloned().collect();
    }
    std::iter::once(kind.emptied()).chain(wanted.iter().cloned()).collect()
}

/// Whether every value of the setting counts, in any order.
fn is_rewriting(name: &str) -> bool {
    let last = name.rsplit('.').next();
    name.starts_with("url.") && matches!(last, Some("insteadof" | "pushinsteadof"))
}

/// For any other setting only the last value counts.
fn last_if_other<'a>(wanted: &[&'a str], there: &[&str]) -> Vec<&'a str> {
    wanted.last().filter(|last| there.last() != Some(last)).copied().into_iter().collect()
}

fn values<'a>(all: &'a [Setting], name: &str) -> Vec<&'a str> {
    all.iter().filter(|(one, _)| one == name).map(|(_, value)| value.expose()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(lines: &[&str]) -> Vec<Setting> {
        let split = lines.iter().map(|line| line.split_once('=').expect("a value"));
        split.map(|(name, value)| (name.to_owned(), Secret::hidden(value))).collect()
    }

    #[track_caller]
    fn assert_carried(clone: &[&str], temporary: &[&str], expected: &[&str]) {
        let found = carried(&settings(clone), &settings(temporary));
        let found: Vec<String> =
            found.iter().map(|(name, value)| format!("{name}={}", value.expose())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn settings_of_the_clone_alone_are_carried_once() {
        assert_carried(
            &["user.name=Ada", "user.name=Clone", "core.bare=false", "merge.po.driver=po %A"],
            &["user.name=Ada"],
            &["user.name=Clone", "merge.po.driver=po %A"],
        );
        // A later value of the user's own file wins, as in the clone.
        assert_carried(&["user.name=Included", "user.name=Ada"], &["user.name=Ada"], &[]);
        assert_carried(&["core.hookspath=/x", "alias.x=y", "remote.o.url=u"], &[], &[]);
    }

    #[test]
    fn lists_keep_their_order_and_are_cleared_if_they_differ() {
        assert_carried(
            &["credential.helper=store", "credential.https://x.helper=own"],
            &["credential.helper=store"],
            &["credential.https://x.helper=own"],
        );
        assert_carried(
            &["credential.helper=", "credential.helper=own", "http.extraheader=A"],
            &["credential.helper=store", "http.extraheader=A"],
            &["credential.helper=", "credential.helper=", "credential.helper=own"],
        );
        assert_carried(
            &["url.a.insteadof=x", "url.a.insteadof=y"],
            &["url.a.insteadof=y"],
            &["url.a.insteadof=x"],
        );
    }
}
