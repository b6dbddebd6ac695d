//! Recognises Django's cache keys by their form `PREFIX:VERSION:KEY`. The prefix is empty unless
//! the site sets `KEY_PREFIX`. Keys of other users of the server, such as queues, have other forms
//! and stay.

use super::backend::CacheScope;

/// The key of Wagtail's site root paths. Wagtail sometimes raises the version in front of it.
pub const SITE_ROOT_PATHS: &str = "wagtail_site_root_paths";

/// A Redis pattern that matches every such key, and a few others: see [`is_one`].
pub fn pattern(prefix: &str, what: CacheScope) -> Vec<u8> {
    let mut pattern = Vec::new();
    for byte in prefix.bytes() {
        if matches!(byte, b'*' | b'?' | b'[' | b']' | b'\\' | b'^') {
            pattern.push(b'\\');
        }
        pattern.push(byte);
    }
    pattern.extend_from_slice(match what {
        CacheScope::Everything => b":[0-9]*:*",
        CacheScope::SiteRoots => b":[0-9]*:wagtail_site_root_paths",
    });
    pattern
}

/// Whether a key is Django's. The pattern cannot express that a version has only digits.
pub fn is_one(key: &[u8], prefix: &str, what: CacheScope) -> bool {
    let rest = key.strip_prefix(prefix.as_bytes()).and_then(|rest| rest.strip_prefix(b":"));
    let Some(rest) = rest else { return false };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    match rest.get(digits..) {
        Some([b':', name @ ..]) if digits > 0 => match what {
            CacheScope::Everything => true,
            CacheScope::SiteRoots => name == SITE_ROOT_PATHS.as_bytes(),
        },
        _ => false,
    }
}

/// Whether the key is a session that exists only in the cache. Sessions of `cached_db` are also in
/// the database, so they survive.
pub fn is_session(key: &[u8]) -> bool {
    memchr::memmem::find(key, b":django.contrib.sessions.cache").is_some_and(|at| {
        let rest = key.get(at + b":django.contrib.sessions.cache".len()..).unwrap_or_default();
        !rest.starts_with(b"d_db")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_keys_of_django_with_this_prefix_match() {
        let everything =
            |key: &str, prefix: &str| is_one(key.as_bytes(), prefix, CacheScope::Everything);
        assert!(
            everything(":1:page", "") && everything(":12:", "") && everything("bc:1:x:y", "bc")
        );
        for other in ["celery", ":x:page", "::page", ":1page", ":1", "bc:1:x", "1:x", ":1x:page"] {
            assert!(!everything(other, ""), "{other}");
        }
        assert!(!everything("bcx:1:y", "bc") && !everything(":1:y", "bc"));
        let roots = |key: &str| is_one(key.as_bytes(), "", CacheScope::SiteRoots);
        assert!(roots(":1:wagtail_site_root_paths") && roots(":2:wagtail_site_root_paths"));
        assert!(!roots(":2:wagtail_site_root_paths_2") && !roots(":2:x:wagtail_site_root_paths"));
    }

    #[test]
    fn sessions_that_exist_only_in_the_cache_are_recognised() {
        assert!(is_session(b":1:django.contrib.sessions.cacheabc123"));
        assert!(is_session(b"bc:1:django.contrib.sessions.cachedx"));
        assert!(!is_session(b":1:django.contrib.sessions.cached_dbabc"));
        assert!(!is_session(b":1:page"));
    }

    #[test]
    fn a_prefix_is_escaped_in_the_pattern() {
        assert_eq!(pattern("a*[b]", CacheScope::Everything), br"a\*\[b\]:[0-9]*:*");
        assert_eq!(pattern("", CacheScope::SiteRoots), b":[0-9]*:wagtail_site_root_paths");
    }
}
