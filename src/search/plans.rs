//! Finds out how many shards the add-on's plan allows, and how many a rebuild needs.

use super::naming::Naming;
use super::{IndexStatus, Role};
use crate::settings::Search;

/// Plans with a documented limit, and the source. Bonsai lists other limits only on its changing
/// price list; use `search.shard_limit` for those.
const DOCUMENTED: [(&str, u64, &str); 1] = [
    // "Sandbox plan has a shard limit of 10". The add-on may append a version to the plan's name.
    ("bonsai:sandbox", 10, "https://bonsai.io/docs/changing-a-cluster-plan"),
];

/// A limit and its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardLimit {
    pub shards: u64,
    pub source: String,
}

/// The limit of the configuration, else that of the plan if it is documented.
pub fn shard_limit(settings: &Search, plan: Option<&str>) -> Option<ShardLimit> {
    if let Some(configured) = &settings.shard_limit {
        let source = configured.origin.to_string();
        return Some(ShardLimit { shards: configured.value, source });
    }
    let plan = plan?;
    let is_meant = |known: &str| {
        plan.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    let (_, shards, source) = DOCUMENTED.into_iter().find(|(known, ..)| is_meant(known))?;
    Some(ShardLimit { shards, source: source.to_owned() })
}

/// The most shards that exist during a rebuild of `indices`, where `used` exist now. From release 7.2
/// on Wagtail fills a second index beside each old one, one after the other.
pub fn shards_of_rebuild(
    used: u64,
    indices: &[IndexStatus],
    naming: &Naming,
    is_of_wagtail_7_4: bool,
) -> u64 {
    let own = || indices.iter().filter(|index| index.role == Role::InUse).map(|index| index.shards);
    if is_of_wagtail_7_4 && naming.is_earliest() {
        // All get new names, and the old ones stay.
        return used.saturating_add(own().sum());
    }
    let has_alias = |index: &IndexStatus| {
        let whole = Naming::rebuilt(&index.name);
        whole.is_some_and(|whole| index.aliases.iter().any(|alias| alias == whole))
    };
    let is_beside = is_of_wagtail_7_4
        || !naming.prefix.ends_with("__")
        || indices.iter().any(|index| index.role == Role::InUse && has_alias(index));
    used.saturating_add(if is_beside { own().max().unwrap_or(0) } else { 0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{ProcessEnv, Settings};

    #[test]
    fn only_configured_or_documented_limits_are_used() {
        let folder = tempfile::tempdir().expect("a directory");
        let load = || {
            let process = ProcessEnv {
                variable: &|_| None,
                working_directory: folder.path(),
                home: None,
                config_file: None,
            };
            Settings::load(&process).expect("settings").search
        };
        let settings = load();
        let limit = |plan| shard_limit(&settings, plan).map(|limit| limit.shards);
        assert_eq!(limit(Some("bonsai:sandbox")), Some(10));
        assert_eq!(limit(Some("bonsai:sandbox-10")), Some(10));
        assert_eq!(limit(Some("bonsai:sandboxed")), None);
        assert_eq!(limit(Some("bonsai:standard-sm")), None);
        assert_eq!(limit(None), None);
        std::fs::write(folder.path().join("bcops.toml"), "[search]\nshard_limit = \"55\"\n")
            .expect("a file");
        let configured = shard_limit(&load(), Some("bonsai:sandbox")).expect("a limit");
        assert_eq!(configured.shards, 55);
        assert!(configured.source.contains("bcops.toml:2"), "{}", configured.source);
    }

    #[test]
    fn a_rebuild_needs_the_shards_of_one_more_index_or_of_all() {
        let index = |name: &str, shards, alias: Option<&str>| IndexStatus {
            name: name.to_owned(),
            aliases: alias.into_iter().map(str::to_owned).collect(),
            health: None,
            bytes: None,
            shards,
            documents: None,
            problem: None,
            rule: None,
            rows: None,
            role: Role::InUse,
        };
        let naming = |prefix: &str| Naming {
            prefix: prefix.to_owned(),
            is_configured: false,
            rules: Vec::new(),
        };
        let plain = [index("wagtail__a_b", 2, None), index("wagtail__c_d", 4, None)];
        let earliest = naming("wagtail__");
        assert_eq!(shards_of_rebuild(7, &plain, &earliest, false), 7, "in place");
        assert_eq!(shards_of_rebuild(7, &plain, &earliest, true), 13, "new names");
        let beside = [index("wagtail__a_b_ab12cd3", 2, Some("wagtail__a_b"))];
        assert_eq!(shards_of_rebuild(7, &beside, &earliest, false), 9);
        let later = [index("a_b", 2, None), index("c_d_ab12cd3", 4, Some("c_d"))];
        assert_eq!(shards_of_rebuild(7, &later, &naming(""), false), 11);
        assert_eq!(shards_of_rebuild(7, &[], &naming(""), true), 7);
    }
}
