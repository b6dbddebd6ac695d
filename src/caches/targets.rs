//! Checks the items to purge, and converts them to the form that Cloudflare compares.

use std::collections::{BTreeMap, HashSet};

use url::Url;

use crate::adapters::cloudflare::ItemKind;

use super::CacheError;

/// Items to purge, by kind, in the given order and without duplicates.
#[derive(Debug, Clone, Default)]
pub struct Targets {
    items: BTreeMap<ItemKind, Vec<String>>,
    /// How many duplicates were given.
    pub repeated: u64,
    /// How many URLs have `http://`, which the cache keeps apart from `https://`.
    pub unencrypted: u64,
}

/// What one purge covers.
#[derive(Debug, Clone)]
pub enum Work {
    Everything,
    Some(Targets),
}

/// The longest tag that Cloudflare accepts.
const LONGEST_TAG: usize = 1024;

impl Targets {
    /// # Errors
    /// Names the first item that is not valid.
    pub fn parse(given: &[(ItemKind, &[String])]) -> Result<Targets, CacheError> {
        let mut targets = Targets::default();
        let mut seen = HashSet::new();
        for (kind, items) in given {
            for item in *items {
                let bad = |reason: &str| CacheError::BadTarget {
                    flag: kind.flag(),
                    given: shown(item),
                    reason: reason.to_owned(),
                };
                let item = match kind {
                    ItemKind::Urls => url(item),
                    ItemKind::Hosts => host(item),
                    ItemKind::Prefixes => prefix(item),
                    ItemKind::Tags => tag(item),
                }
                .map_err(bad)?;
                if !seen.insert((*kind, item.clone())) {
                    targets.repeated += 1;
                    continue;
                }
                targets.unencrypted += u64::from(item.starts_with("http://"));
                targets.items.entry(*kind).or_default().push(item);
            }
        }
        Ok(targets)
    }

    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    pub fn kinds(&self) -> impl Iterator<Item = (ItemKind, &[String])> {
        self.items.iter().map(|(kind, items)| (*kind, items.as_slice()))
    }

    pub fn count(&self) -> u64 {
        self.items.values().map(|items| items.len() as u64).sum()
    }

    /// How many requests the purge takes. `plan` is the zone's.
    pub fn requests(&self, plan: Option<&str>) -> u64 {
        let batches = |(kind, _)| self.batches(kind, plan).count() as u64;
        self.kinds().map(batches).sum()
    }

    /// The items in the groups of one request each. `plan` is the zone's.
    pub fn batches<'a>(
        &'a self,
        kind: ItemKind,
        plan: Option<&str>,
    ) -> impl Iterator<Item = &'a [String]> {
        self.items.get(&kind).into_iter().flat_map(move |items| items.chunks(kind.most(plan)))
    }

    /// Checks that every item's host is one of ours. Tags have no host.
    ///
    /// # Errors
    /// Names the first other item, and what its host was compared with.
    pub fn check_hosts(
        &self,
        is_ours: impl Fn(&str) -> bool,
        ours: &str,
    ) -> Result<(), CacheError> {
        for (kind, items) in self.kinds().filter(|(kind, _)| *kind != ItemKind::Tags) {
            for item in items {
                let host = host_of(kind, item);
                if !is_ours(&host) {
                    let reason = format!("the host {host} does not belong to {ours}");
                    return Err(CacheError::BadTarget {
                        flag: kind.flag(),
                        given: shown(item),
                        reason,
                    });
                }
            }
        }
        Ok(())
    }
}

fn host_of(kind: ItemKind, item: &str) -> String {
    match kind {
        ItemKind::Urls => Url::parse(item)
            .ok()
            .and_then(|url| url.host_str().map(str::to_owned))
            .unwrap_or_default(),
        _ => item.split('/').next().unwrap_or_default().to_owned(),
    }
}

/// The text for a message: short, and on one line.
fn shown(text: &str) -> String {
    // The text before an `@` may contain a password.
    if text.contains('@') {
        return "[a URL with a login]".to_owned();
    }
    let clean = text.chars().filter(|c| !c.is_control());
    let mut shown: String = clean.clone().take(200).collect();
    if clean.count() > 200 {
        shown.push('…');
    }
    shown
}

/// An absolute URL with the host in lower case, encoded as in browsers, without a fragment.
fn url(given: &str) -> Result<String, &'static str> {
    let mut url = Url::parse(given.trim()).map_err(|_| {
        "write a complete URL, for example \
            https://host/path"
    })?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("only http and https URLs are cached");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it contains a user name or a password");
    }
    if url.path().contains('*') {
        return Err("wildcards are not possible; use --prefix for the beginning of URLs");
    }
    url.set_fragment(None);
    if url.host_str().is_some_and(|host| host.ends_with('.')) {
        return Err("its host ends in a dot");
    }
    Ok(url.into())
}

fn host(given: &str) -> Result<String, &'static str> {
    let host = given.trim();
    let mistaken = ['/', ':', '@', '?', '#', '*', ' '];
    if host.is_empty() || host.contains(mistaken) || host.starts_with('.') || host.ends_with('.') {
        return Err("write only a host name, for example www.example.org");
    }
    let url = Url::parse(&format!("https://{host}/")).map_err(|_| "it is not a host name")?;
    url.host_str().map(str::to_owned).ok_or("it is not a host name")
}

/// Host and path without scheme and query, as the API requires.
fn prefix(given: &str) -> Result<String, &'static str> {
    let given = given.trim();
    let bare =
        given.strip_prefix("https://").or_else(|| given.strip_prefix("http://")).unwrap_or(given);
    // A URL parser would read the first part of the path as the host.
    if bare.starts_with(['/', '\\']) {
        return Err("it has no host");
    }
    if bare.contains(['?', '#', '*', '@', ' ']) {
        return Err("write only host and path, for example www.example.org/news");
    }
    let url = Url::parse(&format!("https://{bare}")).map_err(|_| "it has no host")?;
    let host = url.host_str().filter(|host| !host.ends_with('.')).ok_or("it has no host")?;
    if url.port().is_some() {
        return Err("a prefix has no port");
    }
    // Drop only the slash after a bare host. A slash added to `/news` would miss `/newsletter`.
    let path = if url.path() == "/" { "" } else { url.path() };
    Ok(format!("{host}{path}"))
}

fn tag(given: &str) -> Result<String, &'static str> {
    let tag = given.trim();
    if tag.is_empty() || tag.len() > LONGEST_TAG {
        return Err("a tag has 1 to 1,024 characters");
    }
    if !tag.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',') {
        return Err("a tag contains only ASCII characters, without spaces and commas");
    }
    Ok(tag.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(kind: ItemKind, item: &str) -> Result<String, String> {
        let items = [item.to_owned()];
        let targets = Targets::parse(&[(kind, &items)]).map_err(|error| error.to_string())?;
        Ok(targets.kinds().flat_map(|(_, items)| items.to_vec()).collect())
    }

    #[test]
    fn urls_get_the_form_that_the_cache_uses() {
        for (given, wanted) in [
            (" https://WWW.Example.org ", "https://www.example.org/"),
            ("https://e.org/Käse?q=a b#top", "https://e.org/K%C3%A4se?q=a%20b"),
            ("https://e.org:443/x/../y", "https://e.org/y"),
            ("http://e.org:8080/%7ea", "http://e.org:8080/%7ea"),
            ("https://bücher.example/", "https://xn--bcher-kva.example/"),
        ] {
            assert_eq!(parse(ItemKind::Urls, given).as_deref(), Ok(wanted), "{given}");
        }
        for bad in
            ["", "/news/", "www.e.org/x", "ftp://e.org/", "https://e.org/*", "https://e.org./"]
        {
            assert!(parse(ItemKind::Urls, bad).is_err(), "{bad}");
        }
        let error = parse(ItemKind::Urls, "https://user:hidden@e.org/").unwrap_err();
        assert!(!error.contains("hidden"), "{error}");
    }

    #[test]
    fn hosts_prefixes_and_tags_are_checked() {
        assert_eq!(parse(ItemKind::Hosts, "WWW.e.org").as_deref(), Ok("www.e.org"));
        for bad in ["", "https://e.org", "e.org/x", "*.e.org", "e.org:443", ".e.org", "e.org."] {
            assert!(parse(ItemKind::Hosts, bad).is_err(), "{bad}");
        }
        for (given, wanted) in
            [("https://E.org/news", "e.org/news"), ("e.org/", "e.org"), ("e.org/a/", "e.org/a/")]
        {
            assert_eq!(parse(ItemKind::Prefixes, given).as_deref(), Ok(wanted));
        }
        for bad in ["", "/news", "e.org/?a", "e.org/n*", "e.org:8443/x"] {
            assert!(parse(ItemKind::Prefixes, bad).is_err(), "{bad}");
        }
        assert_eq!(parse(ItemKind::Tags, "page-12").as_deref(), Ok("page-12"));
        for bad in ["", "a b", "a,b", "é", &"x".repeat(1025)] {
            assert!(parse(ItemKind::Tags, bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_request_holds_as_much_as_the_plan_allows() {
        let items: Vec<String> = (0..1001).map(|number| format!("tag{number}")).collect();
        let urls: Vec<String> = items.iter().map(|tag| format!("https://e.org/{tag}")).collect();
        let given = [(ItemKind::Tags, items.as_slice()), (ItemKind::Urls, urls.as_slice())];
        let targets = Targets::parse(&given).expect("targets");
        for (kind, plan, expected) in [
            (ItemKind::Urls, Some("enterprise"), 3),
            (ItemKind::Urls, Some("free"), 11),
            (ItemKind::Urls, None, 11),
            (ItemKind::Tags, Some("enterprise"), 11),
            (ItemKind::Hosts, None, 0),
        ] {
            assert_eq!(targets.batches(kind, plan).count(), expected, "{kind:?} {plan:?}");
        }
    }

    #[test]
    fn each_item_is_purged_once_and_only_on_our_hosts() {
        let urls = ["https://e.org/a", "https://E.org/a#x", "http://e.org/b"].map(str::to_owned);
        let targets = Targets::parse(&[(ItemKind::Urls, &urls)]).expect("targets");
        let counts = (targets.count(), targets.repeated, targets.unencrypted);
        assert_eq!(counts, (2, 1, 1));
        assert!(targets.check_hosts(|host| host == "e.org", "the zone").is_ok());
        let error = targets.check_hosts(|host| host == "x.org", "the zone x.org").unwrap_err();
        let wanted = "cannot purge `https://e.org/a` with --url: the host e.org does not belong \
            to the zone x.org";
        assert_eq!(error.to_string(), wanted);
    }
}
