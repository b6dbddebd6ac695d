//! What child processes are not given: the tokens and passwords that bcops itself reads.
//!
//! A program that git starts (a hook of a repository on this machine, a helper) has the environment of
//! its parent. A variable that git's own credential helper reads, as in CI, stays: bcops does not read
//! it, and without it git could not log in.

/// Beginnings of the names of variables that are read by bcops, or that the site's own config vars
/// have.
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

/// Whether a child process does without this variable.
pub fn is_withheld(name: &str) -> bool {
    // A database that Heroku has attached has a colour in its name.
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
    fn tokens_stay_and_what_git_needs_goes_along() {
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
