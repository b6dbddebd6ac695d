//! Reads the rate limit from the headers of an answer.
//!
//! `Ratelimit: "default";r=50;t=30` gives the requests that remain and the seconds until there are
//! more, for every limit that applies. Status 429 gives `Retry-After` in whole seconds, rounded up.

use std::time::Duration;

use reqwest::header::HeaderMap;

/// The longest wait that one header can cause.
const LONGEST: Duration = Duration::from_secs(10 * 60);

/// How long to wait before the next request, where a limit has nothing left.
pub fn wait(headers: &HeaderMap) -> Option<Duration> {
    let values = headers.get_all("ratelimit").into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).filter_map(exhausted).max()
}

/// The wait of one limit, if the limit is used up.
fn exhausted(item: &str) -> Option<Duration> {
    let number = |name: &str| {
        let mut parameters = item.split(';').skip(1);
        let (_, value) =
            parameters.find_map(|one| one.split_once('=').filter(|(key, _)| key.trim() == name))?;
        value.trim().parse::<u64>().ok()
    };
    let (remaining, seconds) = (number("r")?, number("t")?);
    (remaining == 0).then(|| Duration::from_secs(seconds).min(LONGEST))
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    fn of(value: &'static str) -> Option<Duration> {
        wait(&HeaderMap::from_iter([(
            reqwest::header::HeaderName::from_static("ratelimit"),
            HeaderValue::from_static(value),
        )]))
    }

    #[test]
    fn only_an_exhausted_limit_causes_a_wait() {
        assert_eq!(of("\"default\";r=50;t=30"), None);
        assert_eq!(of("\"default\";r=0;t=30"), Some(Duration::from_secs(30)));
        assert_eq!(of("\"a\";r=0;t=3, \"b\"; r=0; t=7"), Some(Duration::from_secs(7)));
        assert_eq!(of("\"a\";r=1;t=300, \"b\";t=2;r=0"), Some(Duration::from_secs(2)));
        assert_eq!(of("\"default\";r=0;t=99999999"), Some(LONGEST));
        for unreadable in ["", "r=0", "\"x\";r=;t=3", "\"x\";r=-1;t=3", "\"x\";r=0;t=soon"] {
            assert_eq!(of(unreadable), None, "{unreadable}");
        }
    }
}
