//! Describes a remote: one that the clone knows by name, or Heroku's git host.
//!
//! Git gets a token from a credential helper that reads the token from the environment of that one
//! process, and answers for one host only. The token is on no command line and in no file.

use std::ffi::OsString;

use percent_encoding::percent_decode_str;
use url::Url;

use super::error::GitError;
use super::words;
use crate::adapters::transport;
use crate::secret::Secret;
use crate::settings::keys;

const TOKEN_VARIABLE: &str = "BCOPS_GIT_TOKEN";

/// The credential helper for git. It prints the user and the variable, and reads no file.
const HELPER: &str =
    "!f() { test \"$1\" = get && echo username=heroku && echo \"password=$BCOPS_GIT_TOKEN\"; }; f";

/// A remote, without rules about what may be pushed.
#[derive(Debug, Clone)]
pub struct Remote {
    label: String,
    address: String,
    token: Option<Token>,
    builds_on_push: bool,
}

/// A token, and the only host that gets it.
#[derive(Debug, Clone)]
struct Token {
    value: Secret,
    scope: String,
}

impl Remote {
    /// A remote of the clone, with the credentials of the user's own git.
    ///
    /// Git gets the settings of the remote under another name, because a push to `origin` itself
    /// would also move the clone's `refs/remotes/origin/…`. Git has no option to prevent that.
    pub fn named(name: &str) -> Remote {
        Remote { label: name.to_owned(), address: alias(name), token: None, builds_on_push: false }
    }

    /// The repository of a Heroku app. `host` is the value of `HEROKU_GIT_HOST`: a host name, or a
    /// full URL, also `file://`. Without a token git uses the user's own credentials. A token is
    /// never sent unencrypted.
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

    /// The name in messages.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The address for git: an alias or a URL, always without credentials.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Whether a push is answered only after the site was built.
    pub fn builds_on_push(&self) -> bool {
        self.builds_on_push
    }

    /// Options that come before git's verb. They disable the user's own helpers for the host, such
    /// as the Heroku CLI's, and hold no secret.
    pub(super) fn options(&self) -> Vec<OsString> {
        let Some(token) = &self.token else { return Vec::new() };
        let helper = format!("credential.{}.helper={HELPER}", token.scope);
        ["-c", "credential.helper=", "-c", &helper].into_iter().map(OsString::from).collect()
    }

    /// The variables that the helper reads.
    pub(super) fn variables(&self) -> Vec<(String, Secret)> {
        let token = self.token.iter();
        token.map(|token| (TOKEN_VARIABLE.to_owned(), token.value.clone())).collect()
    }
}

/// The name under which git gets a remote of the clone.
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
            "it is neither https nor on this machine, so a token would be sent unencrypted",
        ));
    }
    Ok(url)
}

/// Whether a remote's URL names a project, for example `buckinghamshire-council/bc`, in any form
/// that git understands. So a clone of another project is not mistaken for the site's.
pub fn is_project(url: &str, project: &str) -> bool {
    path_of(url)
        .strip_suffix(project.trim_matches('/'))
        .is_some_and(|before| before.is_empty() || before.ends_with('/'))
}

/// Whether a remote's URL names a Heroku app, on any host: the path is the app's name.
pub fn is_repository_of(url: &str, app: &str) -> bool {
    // A server decodes a path before it looks for the repository.
    let path = percent_decode_str(&path_of(url)).decode_utf8_lossy().into_owned();
    let path = path.trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    let has_dots = path.split('/').any(|part| matches!(part, "." | ".."));
    !has_dots && path.rsplit('/').next().is_some_and(|last| last.eq_ignore_ascii_case(app))
}

/// Whether two URLs name one repository on one host, with any scheme, user, port and spelling.
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
    // Heroku's SSH and HTTPS hosts have different names.
    match host.trim_end_matches('.').to_ascii_lowercase() {
        host if host == "heroku.com" => "git.heroku.com".to_owned(),
        host => host,
    }
}

/// The path without outer slashes and without `.git`.
fn path_of(url: &str) -> String {
    let path = match Url::parse(url) {
        Ok(parsed) if url.contains("://") => parsed.path().to_owned(),
        // `git@host:group/project.git`, which is not a URL in form.
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
    fn a_token_is_in_no_argument_and_goes_to_one_host_only() {
        let token = Secret::new("HRKU-hush");
        let remote = Remote::heroku("app", None, Some(&token)).expect("a remote");
        let options = format!("{:?} {remote:?}", remote.options());
        assert!(!options.contains("hush"), "{options}");
        assert!(options.contains("credential.https://git.heroku.com.helper"), "{options}");
        let file = Remote::heroku("app", Some("file:///r"), Some(&token)).expect("a remote");
        assert!(file.options().is_empty() && file.variables().is_empty());
    }

    #[test]
    fn projects_are_recognized_in_any_form_of_their_url() {
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
