//! Reads a cluster's address and credentials from the URL of a config var like `BONSAI_URL`.
//!
//! The credentials are the URL's user info. Neither the credentials nor the original URL are ever
//! shown.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::AUTHORIZATION;
use url::{Host, Url};

use super::service::SEARCH;
use crate::adapters::json_api::{ApiError, ErrorKind, Login as ApiLogin, Reason, place};
use crate::adapters::transport;
use crate::secret::Secret;

/// A cluster's URL taken apart.
#[derive(Clone)]
pub struct ClusterAddress {
    /// Without user info, query and fragment; its path ends in a slash.
    base: Url,
    login: Option<Login>,
}

#[derive(Clone)]
struct Login {
    user: Secret,
    password: Secret,
    /// The password as the URL holds it, to hide it where others quote the URL.
    encoded_password: Secret,
}

impl ClusterAddress {
    /// Reads the URL. `variable` is its source, for errors, which never repeat the URL.
    ///
    /// # Errors
    ///
    /// If the text is not a URL of one server, or if the credentials would be sent unencrypted.
    pub fn parse(url: &Secret, variable: &str) -> Result<ClusterAddress, ApiError> {
        let refused = |reason| ApiError::before_any(&SEARCH, variable, reason);
        let bad = |reason: &str| refused(Reason::new(ErrorKind::Unusable, reason));
        let text = url.expose().trim();
        if text.contains(',') {
            return Err(bad("it names several servers, and bcops needs exactly one"));
        }
        let mut base = Url::parse(text).map_err(|_| bad("it is not a valid URL"))?;
        if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none_or(str::is_empty) {
            return Err(bad("it must begin with https:// and a host"));
        }
        if !transport::is_private(&base) {
            return Err(refused(Reason::new(ErrorKind::Unencrypted, "")));
        }
        let login = login(&base).map_err(|()| bad("its user name or password is not valid"))?;
        // These fail only for URLs without a host, which were refused above.
        let _ = base.set_username("");
        let _ = base.set_password(None);
        base.set_query(None);
        base.set_fragment(None);
        if let Ok(mut segments) = base.path_segments_mut() {
            segments.pop_if_empty().push("");
        }
        Ok(ClusterAddress { base, login })
    }

    /// Host and port, for messages.
    pub fn place(&self) -> String {
        place(&self.base)
    }

    /// Whether both may be the same cluster. In doubt the answer is yes: providers make a login for
    /// each cluster, so one login for both suggests one cluster under two names.
    pub fn may_be(&self, other: &ClusterAddress) -> bool {
        let same_host = self.host() == other.host()
            || (transport::is_loopback(&self.base) && transport::is_loopback(&other.base));
        let port = |address: &ClusterAddress| address.base.port_or_known_default();
        let same_login = match (&self.login, &other.login) {
            (Some(own), Some(other)) => {
                own.user.expose() == other.user.expose()
                    && own.password.expose() == other.password.expose()
            }
            _ => false,
        };
        (same_host && port(self) == port(other)) || same_login
    }

    /// Whether both log in as the same user with the same password.
    pub fn has_login_of(&self, other: &ClusterAddress) -> bool {
        match (&self.login, &other.login) {
            (None, None) => true,
            (Some(own), Some(other)) => {
                own.user.expose() == other.user.expose()
                    && own.password.expose() == other.password.expose()
            }
            _ => false,
        }
    }

    fn host(&self) -> String {
        match self.base.host() {
            Some(Host::Domain(name)) => name.trim_end_matches('.').to_ascii_lowercase(),
            Some(address) => address.to_string(),
            None => String::new(),
        }
    }

    pub(super) fn base(&self) -> &Url {
        &self.base
    }

    /// # Errors
    /// If the credentials do not fit into a header.
    pub(super) fn login(&self) -> Result<ApiLogin, ApiError> {
        let Some(Login { user, password, encoded_password }) = &self.login else {
            return Ok(ApiLogin::none());
        };
        let both = format!("{}:{}", user.expose(), password.expose());
        let header = Secret::hidden(format!("Basic {}", STANDARD.encode(&both)));
        let login = ApiLogin::none().with(&SEARCH, AUTHORIZATION, &header, "the login")?;
        // The user's name may be an ordinary word, so it is hidden only together with the password.
        Ok(login.and_hides([Secret::hidden(both), password.clone(), encoded_password.clone()]))
    }
}

impl fmt::Debug for ClusterAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ClusterAddress").field(&self.place()).finish()
    }
}

fn login(url: &Url) -> Result<Option<Login>, ()> {
    let decoded = |text: &str| transport::percent_decoded(text).ok_or(());
    let password = url.password().unwrap_or_default();
    if url.username().is_empty() && password.is_empty() {
        return Ok(None);
    }
    Ok(Some(Login {
        user: Secret::hidden(decoded(url.username())?),
        password: Secret::new(decoded(password)?),
        encoded_password: Secret::new(password),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> ClusterAddress {
        ClusterAddress::parse(&Secret::new(text), "BONSAI_URL").expect("an address")
    }

    #[test]
    fn credentials_are_kept_and_not_shown() {
        let address = address("https://us%40er:p%3Aw@search.example/path?x=1#y");
        assert_eq!(format!("{address:?}"), "ClusterAddress(\"search.example\")");
        let url = transport::below(address.base(), &["a/b", "_count"], &[("format", "json")]);
        assert_eq!(url.as_str(), "https://search.example/path/a%2Fb/_count?format=json");
        let login = address.login().expect("a login");
        let authorization = login.headers().get(AUTHORIZATION).expect("a header");
        assert_eq!(authorization.to_str().ok(), Some("Basic dXNAZXI6cDp3"));
        assert!(authorization.is_sensitive());
        assert_eq!(login.plain("us@er:p:w or\np:w"), "[secret] or [secret]");
        assert_eq!(login.plain("for us%40er:p%3Aw on h"), "for us%40er:[secret] on h");
    }

    #[test]
    fn an_address_that_is_refused_is_never_shown() {
        for text in [
            "",
            "nonsense hunter2",
            "postgres://u:hunter2@h/x",
            "http://u:hunter2@search.example",
            "https://u:hunter%2@search.example",
            "https://u:hunter2@a.example,https://u:hunter2@b.example",
        ] {
            let error = ClusterAddress::parse(&Secret::new(text), "BONSAI_URL").unwrap_err();
            let told = format!("{error} {error:?}");
            assert!(told.contains("BONSAI_URL") && !told.contains("hunter2"), "{told}");
        }
        assert_eq!(address("http://localhost:9200").place(), "localhost:9200");
    }

    #[test]
    fn one_cluster_is_recognized_under_other_names() {
        let production = address("https://u1:p1@search.example");
        for same in [
            "https://u2:p2@SEARCH.example:443/",
            "https://search.example.",
            "https://u1:p1@other.example",
        ] {
            assert!(production.may_be(&address(same)), "{same}");
        }
        for other in ["https://u2:p2@other.example", "https://u1:p2@search.example:9243"] {
            assert!(!production.may_be(&address(other)), "{other}");
        }
        assert!(address("http://127.0.0.1:9200").may_be(&address("http://localhost:9200")));
        assert!(!address("http://127.0.0.1:9200").may_be(&address("http://localhost:9201")));
    }
}
