//! What a request to one of the two APIs consists of, apart from its method and its body.

/// Which of the two APIs.
#[derive(Debug, Clone, Copy)]
pub(super) enum Api {
    Platform,
    Data,
}

/// One request in the making.
pub(super) struct Request<'a> {
    pub api: Api,
    pub path: &'a [&'a str],
    /// What the request is about, for messages: "the config vars of bc-staging".
    pub what: String,
    pub accept: &'static str,
    pub headers: &'a [(&'static str, &'static str)],
    pub verbose: bool,
}

pub(super) const VERSION_3: &str = "application/vnd.heroku+json; version=3";
/// The version that the CLI asks for where it wants inclusions and expansions.
pub(super) const VERSION_3_SDK: &str = "application/vnd.heroku+json; version=3.sdk";

impl<'a> Request<'a> {
    pub fn new(api: Api, path: &'a [&'a str], what: impl Into<String>) -> Self {
        Request { api, path, what: what.into(), accept: VERSION_3, headers: &[], verbose: false }
    }
}
