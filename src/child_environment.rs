//! Removes the tokens and passwords that bcops reads from the environment of child processes.
//!
//! A program that git starts (a hook of a repository on this machine, a helper) inherits the
//! environment. Variables of git's own credential helper, as in CI, stay: bcops does not read them,
//! and git could not log in without them.

/// Prefixes of variables that bcops reads, or that the site's config vars use.
const WITHHELD: [&str; 20] = [
    "AWS_",
    "BCOPS_",
    "BONSAI_",
    "BUCKETEER_",
    "CACHE_URL",
    "CF_",
    "CLOUDFLARE_",
    "DATABASE_",
    "DJANGO_SECRET",
    "ELASTICSEARCH_",
    "FRONTEND_CACHE_",
    "GITLAB_TOKEN",
    "HEROKU_",
    "PGPASS",
    "REDIS",
    "SEARCHBOX_",
    "SECRET_KEY",
    "SENTRY_",
    "SLACK_",
    "STACKHERO_",
];

/// Whether child processes must not get this variable.
pub fn is_withheld(name: &str) -> bool {
    // Heroku names an attached database with a colour.
    let is_postgres = name.starts_with("HEROKU_POSTGRESQL") || name.ends_with("DATABASE_URL");
    is_postgres || WITHHELD.iter().any(|beginning| name.starts_with(beginning))
}

/// The variables of this process that are withheld from its children.
pub fn withheld() -> Vec<std::ffi::OsString> {
    let names = std::env::vars_os().map(|(name, _)| name);
    names.filter(|name| name.to_str().is_some_and(is_withheld)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_withheld_and_git_keeps_its_variables() {
        for name in [
            "HEROKU_API_KEY",
            "AWS_SECRET_ACCESS_KEY",
            "CLOUDFLARE_API_TOKEN",
            "GITLAB_TOKEN",
            "SLACK_WEBHOOK_URL",
            "BCOPS_STAGING_DATABASE_URL",
            "BCOPS_LOCAL_PASSWORD",
            "PGPASSWORD",
            "DATABASE_URL",
            "REDIS_TLS_URL",
        ] {
            assert!(is_withheld(name), "{name}");
        }
        for name in [
            "PATH",
            "HOME",
            "SSH_AUTH_SOCK",
            "GIT_SSH_COMMAND",
            "STAGING_PUSH_TOKEN",
            "CI_JOB_TOKEN",
            "https_proxy",
            "SSL_CERT_FILE",
            "XDG_CONFIG_HOME",
        ] {
            assert!(!is_withheld(name), "{name}");
        }
    }
}
