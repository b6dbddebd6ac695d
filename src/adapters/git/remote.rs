//! Where commits come from and go to: a remote that the clone knows by name, or Heroku's git host.
//!
//! A token is handed to git by a credential helper that reads it from the environment of that one
//! process, and that answers for one host only. It is on no command line and in no file.

use std::ffi::OsString;

use percent_encoding::percent_decode_str;
use url::Url;

use super::error::GitError;
use super::words;
use crate::adapters::transport;
use crate::secret::Secret;
use crate::settings::keys;

const TOKEN_VARIABLE: &str = "BCOPS_GIT_TOKEN";

/// What git is told to ask: it prints the user and what is in the variable, and no file is read.
const HELPER: &str =
    "!f() { test \"$1\" = get && echo username=heroku && echo \"password=$BCOPS_GIT_TOKEN\"; }; f";

/// A remote, without any policy on what may be pushed to it.
#[derive(Debug, Clone)]
pub struct Remote {
    label: String,
    address: String,
    token: Option<Token>,
    builds_on_push: bool,
}

/// A token, and the only host that it is given to.
#[derive(Debug, Clone)]
struct Token {
    value: Secret,
    scope: String,
}

impl Remote {
    /// A remote of the clone, with whatever credentials the user's own git has for it.
    ///
    /// Git is given its settings under another name: a push to `origin` itself would move the
    /// clone's `refs/remotes/origin/…` along, and there is no option against that.
    pub fn named(name: &str) -> Remote {
        Remote { label: name.to_owned(), address: alias(name), token: None, builds_on_push: false }
    }

    /// The repository of a Heroku app. `host` is the value of `HEROKU_GIT_HOST`: a host name, or
    /// a URL that is taken whole and may be `file://`. Without a token the user's own credentials
    /// are used. A token is not sent anywhere in the clear.
    pub fn heroku(
        app: &str,
        host: Option<&str>,
        token: Option<&Secret>,
    ) -> Result<Remote, GitError> {
        let sound = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if app.is_empty() || app.starts_with('-') || !app.chars().all(sound) {
            let name = app.to_owned();
            return Err(GitError::InvalidName { what: "the name of a Heroku app", name });
        }
        let base = git_host(host)?;
        let address = format!("{}/{app}.git", base.as_str().trim_end_matches('/'));
        let token = token.filter(|_| base.scheme() != "file").map(|value| Token {
            value: value.clone(),
            scope: base.origin().ascii_serialization(),
        });
        let label = format!("Heroku's repository of {app}");
        Ok(Remote { label, address, token, builds_on_push: true })
    }

    /// How it is called in messages.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// What git is given: an alias or a URL, never with credentials in it.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Whether a push is answered only after the site was built.
    pub fn builds_on_push(&self) -> bool {
        self.builds_on_push
    }

    /// Options that come before git's verb. They reset the helpers that the user has for the
    /// host, among them the Heroku CLI's, and hold no secret themselves.
    pub(super) fn options(&self) -> Vec<OsString> {
        let Some(token) = &self.token else { return Vec::new() };
        let helper = format!("credential.{}.helper={HELPER}", token.scope);
        ["-c", "credential.helper=", "-c", &helper].into_iter().map(OsString::from).collect()
    }

    /// What the helper reads.
    pub(super) fn variables(&self) -> Vec<(String, Secret)> {
        let token = self.token.iter();
        token.map(|token| (TOKEN_VARIABLE.to_owned(), token.value.clone())).collect()
    }
}

/// What a remote of the clone is called when git is run.
pub(super) fn alias(name: &str) -> String {
    format!("bcops-{name}")
}

fn git_host(host: Option<&str>) -> Result<Url, GitError> {
    const VARIABLE: &str = "HEROKU_GIT_HOST";
    let invalid = |reason: &str| GitError::InvalidHost {
        variable: VARIABLE,
        reason: words::without_user_parts(reason),
    };
    let text = match host.map(str::trim).filter(|host| !host.is_empty()) {
        None => format!("https://{}", keys::HEROKU_GIT_HOST.default_text()),
        Some(host) if host.contains("://") => host.to_owned(),
        Some(host) => format!("https://{host}"),
    };
    let url = Url::parse(&text).map_err(|cause| invalid(&cause.to_string()))?;
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
        return Err(invalid("it must not hold a user name, a password or a query"));
    }
    if url.scheme() != "file" && !transport::is_private(&url) {
        return Err(invalid(
            "it is neither https nor on this machine, so that a token would travel in the clear",
        ));
    }
    Ok(url)
}

/// Whether a remote's URL is that of a project, for example of `buckinghamshire-council/bc`, in
/// any of the forms that git understands. This keeps a clone of something else from being taken
/// for the site's.
pub fn is_project(url: &str, project: &str) -> bool {
    path_of(url)
        .strip_suffix(project.trim_matches('/'))
        .is_some_and(|before| before.is_empty() || before.ends_with('/'))
}

/// Whether a remote's URL is that of a Heroku app, on whatever host: the path is the app's name.
pub fn is_repository_of(url: &str, app: &str) -> bool {
    // A server decodes a path before it looks for the repository.
    let path = percent_decode_str(&path_of(url)).decode_utf8_lossy().into_owned();
    let path = path.trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    let has_dots = path.split('/').any(|part| matches!(part, "." | ".."));
    !has_dots && path.rsplit('/').next().is_some_and(|last| last.eq_ignore_ascii_case(app))
}

/// Whether two URLs name one repository on one host, whatever the scheme, user, port and spelling.
pub fn is_same_repository(one: &str, other: &str) -> bool {
    let place = |url: &str| {
        let path = path_of(url);
        let decoded = percent_decode_str(&path).decode_utf8_lossy();
        (host_of(url), decoded.to_ascii_lowercase())
    };
    place(one) == place(other)
}

fn host_of(url: &str) -> String {
    let host = match Url::parse(url) {
        Ok(parsed) if url.contains("://") => parsed.host_str().unwrap_or_default().to_owned(),
        _ => url
            .split_once(':')
            .map_or("", |(host, _)| host.rsplit_once('@').map_or(host, |(_, host)| host))
            .to_owned(),
    };
    // Heroku's SSH host has another name than the one for HTTPS.
    match host.trim_end_matches('.').to_ascii_lowercase() {
        host if host == "heroku.com" => "git.heroku.com".to_owned(),
        host => host,
    }
}

/// Without slashes around it and without `.git`.
fn path_of(url: &str) -> String {
    let path = match Url::parse(url) {
        Ok(parsed) if url.contains("://") => parsed.path().to_owned(),
        // `git@host:group/project.git`, which is not a URL.
        _ => url.split_once(':').map_or(url, |(_, path)| path).to_owned(),
    };
    let path = path.trim_matches('/');
    path.strip_suffix(".git").unwrap_or(path).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heroku_addresses_follow_the_host() {
        let address = |host| Remote::heroku("app", host, None).map(|r| r.address().to_owned());
        assert_eq!(address(None).expect("fine"), "https://git.heroku.com/app.git");
        assert_eq!(address(Some(" ")).expect("fine"), "https://git.heroku.com/app.git");
        assert_eq!(address(Some("h.test:1")).expect("fine"), "https://h.test:1/app.git");
        assert_eq!(address(Some("file:///r/")).expect("fine"), "file:///r/app.git");
        let local = "http://127.0.0.1:1/git";
        assert_eq!(address(Some(local)).expect("fine"), "http://127.0.0.1:1/git/app.git");
        for host in ["http://git.heroku.com", "https://u:hush@h", "https://h/?q", "ssh://h"] {
            let error = address(Some(host)).expect_err(host).to_string();
            assert!(error.contains("HEROKU_GIT_HOST") && !error.contains("hush"), "{error}");
        }
        for app in ["", "-x", "a/b", "a b"] {
            assert!(Remote::heroku(app, None, None).is_err(), "{app}");
        }
    }

    #[test]
    fn a_token_is_in_no_argument_and_for_one_host_only() {
        let token = Secret::new("HRKU-hush");
        let remote = Remote::heroku("app", None, Some(&token)).expect("a remote");
        let options = format!("{:?} {remote:?}", remote.options());
        assert!(!options.contains("hush"), "{options}");
        assert!(options.contains("credential.https://git.heroku.com.helper"), "{options}");
        let file = Remote::heroku("app", Some("file:///r"), Some(&token)).expect("a remote");
        assert!(file.options().is_empty() && file.variables().is_empty());
    }

    #[test]
    fn projects_are_known_by_any_form_of_their_url() {
        let project = "buckinghamshire-council/bc";
        for url in [
            "git@git.torchbox.com:buckinghamshire-council/bc.git",
            "https://ci:token@git.torchbox.com/buckinghamshire-council/bc.git/",
            "ssh://git@git.torchbox.com:22/buckinghamshire-council/bc",
            "/srv/mirrors/buckinghamshire-council/bc.git",
        ] {
            assert!(is_project(url, project), "{url}");
        }
        for url in ["https://git.heroku.com/app.git", "git@heroku.com:App.git", "/srv/app.git/"] {
            assert!(is_repository_of(url, "app"), "{url}");
        }
        assert!(is_repository_of("https://git.heroku.com/%61pp.git", "app"));
        for (one, other) in [
            ("https://git.heroku.com/app.git", "git@heroku.com:app.git"),
            ("https://u:p@GIT.heroku.com:443/App", "https://git.heroku.com/%61pp.git/"),
        ] {
            assert!(is_same_repository(one, other), "{one}");
        }
        assert!(!is_same_repository("https://h/app.git", "https://h/app-2.git"));
        for url in [
            "https://git.heroku.com/other-app.git",
            "git@h:app/bc.git",
            "",
            "https://h/app.git/../other",
            "file:///srv/x/..%2Fapp",
        ] {
            assert!(!is_repository_of(url, "app"), "{url}");
        }
        for url in ["git@h:other/bc.git", "https://h/xbuckinghamshire-council/bc", "", "bc"] {
            assert!(!is_project(url, project), "{url}");
        }
    }
}
