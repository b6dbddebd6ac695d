//! The one list of every setting: its name, type, meaning, environment variable and default.
//!
//! Reading, validation and documentation are all made from it.

use std::collections::BTreeMap;

/// What a setting's value looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueType {
    Text,
    Boolean,
    TextList,
}

impl ValueType {
    pub fn describe(self) -> &'static str {
        match self {
            ValueType::Text => "a string",
            ValueType::Boolean => "true or false",
            ValueType::TextList => "a list of strings",
        }
    }

    /// A value of this type that says nothing.
    pub fn example(self) -> &'static str {
        match self {
            ValueType::Text => "\"\"",
            ValueType::Boolean => "false",
            ValueType::TextList => "[]",
        }
    }
}

/// One setting. A `*` in `name` stands for any environment's name.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    pub name: &'static str,
    pub value_type: ValueType,
    pub variable: Option<&'static str>,
    /// Whether `config show` must hide the value.
    pub secret: bool,
    pub meaning: &'static str,
}

const fn key(name: &'static str, value_type: ValueType, meaning: &'static str) -> Key {
    Key { name, value_type, variable: None, secret: false, meaning }
}

/// Every setting that a file may hold.
pub const KEYS: &[Key] = &[
    key(
        "inherit",
        ValueType::Boolean,
        "false leaves out the built-in environments and search indices",
    ),
    key(
        "backup_max_age",
        ValueType::Text,
        "a backup older than this needs --allow-old, for example \"48h\"",
    ),
    Key {
        name: "state_dir",
        value_type: ValueType::Text,
        variable: Some("BCOPS_STATE_DIR"),
        secret: false,
        meaning: "where journals and other state are kept",
    },
    Key {
        name: "local.database_url",
        value_type: ValueType::Text,
        variable: Some("BCOPS_LOCAL_DATABASE_URL"),
        secret: true,
        meaning: "the database on this machine that a pull replaces",
    },
    key(
        "local.allowed_hosts",
        ValueType::TextList,
        "hosts besides loopback that count as this machine",
    ),
    key("local.users_table", ValueType::Text, "the table of Django's users, for --set-password"),
    Key {
        name: "scrub.manifest",
        value_type: ValueType::Text,
        variable: Some("BCOPS_SCRUB_MANIFEST"),
        secret: false,
        meaning: "a manifest of your own, relative to the file that names it",
    },
    Key {
        name: "heroku.host",
        value_type: ValueType::Text,
        variable: Some("HEROKU_HOST"),
        secret: false,
        meaning: "the Heroku platform API: a domain, or a URL with scheme and port",
    },
    Key {
        name: "heroku.data_host",
        value_type: ValueType::Text,
        variable: Some("HEROKU_DATA_HOST"),
        secret: false,
        meaning: "the Heroku data API: a host name, or a URL with scheme and port",
    },
    key("git.remote", ValueType::Text, "the git remote that holds the site's branches"),
    Key {
        name: "git.url",
        value_type: ValueType::Text,
        variable: Some("BCOPS_GIT_URL"),
        // It may hold a token, although it should not.
        secret: true,
        meaning: "the URL of the site's repository, for where there is no clone",
    },
    key(
        "git.stale_after",
        ValueType::Text,
        "a branch whose last commit is older is marked as stale, for example \"90d\"",
    ),
    Key {
        name: "gitlab.url",
        value_type: ValueType::Text,
        variable: Some("GITLAB_URL"),
        secret: false,
        meaning: "the GitLab server of the site's project",
    },
    key(
        "check.dns_server",
        ValueType::Text,
        "the DNS server that check asks instead of the system's, for example \"1.1.1.1:53\"",
    ),
    key(
        "check.connect",
        ValueType::TextList,
        "where check connects to instead: \"HOST:PORT=ADDRESS:PORT\"",
    ),
    key("gitlab.project", ValueType::Text, "the site's project on GitLab, with its groups"),
    Key {
        name: "heroku.git_host",
        value_type: ValueType::Text,
        variable: Some("HEROKU_GIT_HOST"),
        secret: false,
        meaning: "Heroku's git host: a host name, or a URL, which may be file://",
    },
    key(
        "commands.migrate",
        ValueType::Text,
        "what brings a database to the deployed code's schema",
    ),
    key("commands.migrate_check", ValueType::Text, "what fails while a migration is not applied"),
    key(
        "commands.makemigrations_check",
        ValueType::Text,
        "what fails where models have changes without a migration",
    ),
    key("commands.shell", ValueType::Text, "what shell starts on a dyno"),
    key(
        "commands.silence",
        ValueType::Text,
        "how long such a command may say nothing before it is stopped, for example \"15m\"",
    ),
    Key {
        name: "network.timeout",
        value_type: ValueType::Text,
        variable: Some("BCOPS_NETWORK_TIMEOUT"),
        secret: false,
        meaning: "how long one answer of Heroku, Cloudflare, GitLab or the search cluster may take, for example \"30s\"",
    },
    Key {
        name: "slack.webhook_url",
        value_type: ValueType::Text,
        variable: Some("SLACK_WEBHOOK_URL"),
        secret: true,
        meaning: "where reset-staging posts its message for colleagues",
    },
    key("environments.*.app", ValueType::Text, "the Heroku app"),
    key("environments.*.branch", ValueType::Text, "the git branch that is deployed there"),
    key(
        "environments.*.protected",
        ValueType::Boolean,
        "true: only ever read, never a destination",
    ),
    key("environments.*.sites", ValueType::TextList, "the URLs under which people see it"),
    key(
        "environments.*.config_vars.database_url",
        ValueType::Text,
        "the config var that holds the database's URL",
    ),
    Key {
        name: "media.folder",
        value_type: ValueType::Text,
        variable: Some("BCOPS_MEDIA_FOLDER"),
        secret: false,
        meaning: "the media folder on this machine",
    },
    key("media.prefixes", ValueType::TextList, "the folders of the bucket that are media"),
    key("media.originals", ValueType::Text, "the folder of --images"),
    key(
        "media.rendition_tables",
        ValueType::TextList,
        "the tables of renditions, which --images empties",
    ),
    key("media.acl", ValueType::Text, "a canned ACL for objects that are written"),
    Key {
        name: "media.endpoint",
        value_type: ValueType::Text,
        variable: Some("AWS_ENDPOINT_URL_S3"),
        secret: false,
        meaning: "an S3 server other than AWS, where an environment names none",
    },
    key(
        "reset.image_tables",
        ValueType::TextList,
        "the tables of images, for the list of what is on staging only",
    ),
    key(
        "reset.document_tables",
        ValueType::TextList,
        "the tables of documents, for the list of what is on staging only",
    ),
    key(
        "reset.hosts",
        ValueType::TextList,
        "what production's host names become: \"FROM=TO\", \"FROM=TO:PORT\" or \"*.SUFFIX=*.SUFFIX\"",
    ),
    key(
        "environments.*.config_vars.bucket",
        ValueType::Text,
        "the config var that holds the bucket's name",
    ),
    key(
        "environments.*.config_vars.access_key",
        ValueType::Text,
        "the config var that holds the id of the bucket's keys",
    ),
    key(
        "environments.*.config_vars.secret_key",
        ValueType::Text,
        "the config var that holds the secret of the bucket's keys",
    ),
    key(
        "environments.*.config_vars.session_token",
        ValueType::Text,
        "the config var that holds the token of keys that were lent for some hours",
    ),
    key(
        "environments.*.config_vars.region",
        ValueType::Text,
        "the config var that holds the bucket's region",
    ),
    key(
        "environments.*.config_vars.endpoint",
        ValueType::Text,
        "the config var that holds the bucket's endpoint",
    ),
    key(
        "environments.*.config_vars.search_url",
        ValueType::Text,
        "the config var that holds the search cluster's URL",
    ),
    key(
        "search.index_prefix",
        ValueType::Text,
        "what the names of the site's search indices begin with",
    ),
    key(
        "search.indices",
        ValueType::TextList,
        "which rows each search index holds, for example \"wagtail__blog_post = blog_post where live\"",
    ),
    key(
        "search.reindex_command",
        ValueType::Text,
        "the command that builds the search indices anew, on a dyno",
    ),
    key(
        "search.shard_limit",
        ValueType::Text,
        "how many shards the search plan allows, where bcops does not know it",
    ),
    key(
        "environments.*.config_vars.redis_tls_url",
        ValueType::Text,
        "the config var that holds the URL of Django's cache with TLS, which comes first",
    ),
    key(
        "environments.*.config_vars.redis_url",
        ValueType::Text,
        "the config var that holds the URL of Django's cache",
    ),
    key(
        "environments.*.config_vars.cloudflare_bearer_token",
        ValueType::Text,
        "the config var that holds Cloudflare's API token",
    ),
    key(
        "environments.*.config_vars.cloudflare_token",
        ValueType::Text,
        "the config var that holds Cloudflare's account-wide key, which goes with an e-mail address",
    ),
    key(
        "environments.*.config_vars.cloudflare_email",
        ValueType::Text,
        "the config var that holds the e-mail address of Cloudflare's account-wide key",
    ),
    key(
        "environments.*.config_vars.cloudflare_zone",
        ValueType::Text,
        "the config var that holds the id of Cloudflare's zone",
    ),
    Key {
        name: "cloudflare.base_url",
        value_type: ValueType::Text,
        variable: Some("CLOUDFLARE_BASE_URL"),
        secret: false,
        meaning: "Cloudflare's API, with its version",
    },
    key("cache.key_prefix", ValueType::Text, "KEY_PREFIX of Django's cache; none by default"),
    key("cache.table", ValueType::Text, "the table of Django's cache where there is no Redis"),
];

/// The built-in configuration, in the form of a file.
pub const BUILT_IN: &str = include_str!("built_in.toml");

/// The built-in values in TOML, by dotted key.
pub fn built_in_values() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    if let Ok(table) = BUILT_IN.parse::<toml::Table>() {
        flatten("", &table, &mut found);
    }
    found
}

fn flatten(prefix: &str, table: &toml::Table, found: &mut BTreeMap<String, String>) {
    for (name, value) in table {
        let name = format!("{prefix}{name}");
        match value {
            toml::Value::Table(inner) => flatten(&format!("{name}."), inner, found),
            value => {
                found.insert(name, value.to_string());
            }
        }
    }
}

/// Finds the declaration of a dotted key, whatever environment it names.
pub fn find(name: &[&str]) -> Option<&'static Key> {
    KEYS.iter().find(|key| {
        let parts: Vec<&str> = key.name.split('.').collect();
        parts.len() == name.len()
            && parts.iter().zip(name).all(|(pattern, part)| *pattern == "*" || pattern == part)
    })
}

/// Whether a table of this dotted name can hold settings.
pub fn is_table(name: &[&str]) -> bool {
    KEYS.iter().any(|key| {
        let parts: Vec<&str> = key.name.split('.').collect();
        parts.len() > name.len()
            && parts.iter().zip(name).all(|(pattern, part)| *pattern == "*" || pattern == part)
    })
}

/// The known key nearest to an unknown one, if one is near enough to be meant.
pub fn nearest(name: &[&str]) -> Option<String> {
    let wanted = name.join(".");
    let mut candidates: Vec<(usize, String)> = KEYS
        .iter()
        .map(|key| {
            let mut parts: Vec<&str> = key.name.split('.').collect();
            if parts.first() == Some(&"environments")
                && let (Some(slot), Some(environment)) = (parts.get_mut(1), name.get(1))
            {
                *slot = environment;
            }
            let candidate = parts.join(".");
            (edit_distance(&wanted, &candidate), candidate)
        })
        .collect();
    candidates.sort();
    candidates.into_iter().next().filter(|(distance, _)| *distance <= 4).map(|(_, name)| name)
}

/// Levenshtein's distance, for short names.
pub fn edit_distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.chars().enumerate() {
        let mut diagonal = i;
        let mut previous = i + 1;
        for (cell, b) in row.iter_mut().skip(1).zip(&right) {
            let value = (diagonal + usize::from(a != *b)).min(previous + 1).min(*cell + 1);
            diagonal = *cell;
            previous = value;
            *cell = value;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_whatever_the_environment() {
        assert!(find(&["environments", "staging", "app"]).is_some());
        assert!(find(&["environments", "staging", "ap"]).is_none());
        assert!(is_table(&["environments", "staging", "config_vars"]));
        assert!(!is_table(&["environments", "staging", "app"]));
    }

    #[test]
    fn the_nearest_key_is_named() {
        assert_eq!(nearest(&["backup_maxage"]).as_deref(), Some("backup_max_age"));
        assert_eq!(
            nearest(&["environments", "qa", "protect"]).as_deref(),
            Some("environments.qa.protected")
        );
        assert_eq!(nearest(&["entirely", "different"]), None);
    }

    #[test]
    fn distances() {
        assert_eq!(edit_distance("kitten", "sitting"), 3);
        assert_eq!(edit_distance("", "abc"), 3);
        assert_eq!(edit_distance("abc", ""), 3);
    }
}
