//! Finds out how many shards the add-on's plan allows.

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
}
