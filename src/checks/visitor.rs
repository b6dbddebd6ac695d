//! Requests a file as the public would: without credentials, reading only.

use url::Url;

use crate::adapters::site::SiteClient;

/// How many redirects are followed.
const REDIRECTS: usize = 3;

/// What the public gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// The file, or a listing.
    Open,
    /// A refusal, described in words.
    Closed(String),
    /// Neither, described in words. The file may still be open.
    Unclear(String),
}

impl Seen {
    /// The name in `--json`.
    pub fn name(&self) -> &'static str {
        match self {
            Seen::Open => "open",
            Seen::Closed(_) => "closed",
            Seen::Unclear(_) => "unclear",
        }
    }
}

/// Requests a file.
pub async fn look_at_file(client: &SiteClient, url: &Url) -> Seen {
    look(client, url, |_| true).await
}

/// Requests a listing. Another page, such as a website, reveals no keys of the bucket.
pub async fn look_at_listing(client: &SiteClient, url: &Url) -> Seen {
    let is_listing = |body: &[u8]| {
        let body = String::from_utf8_lossy(body);
        body.contains("<ListBucketResult") || body.contains("<EnumerationResults")
    };
    look(client, url, is_listing).await
}

async fn look(client: &SiteClient, url: &Url, is_it: impl Fn(&[u8]) -> bool) -> Seen {
    let host = url.host_str().map(str::to_owned);
    let mut url = url.clone();
    for _ in 0..=REDIRECTS {
        let visit = client.visit(&url).await;
        let answer = match visit.answer {
            Some(Ok(answer)) => answer,
            Some(Err(error)) => return Seen::Unclear(error.to_string()),
            None => {
                let dns = visit.dns.and_then(Result::err).map(|error| error.to_string());
                let connection = visit.connection.and_then(Result::err);
                let connection = connection.map(|error| error.to_string());
                let tls = visit.tls.and_then(Result::err).map(|error| error.to_string());
                let reason = dns.or(connection).or(tls);
                return Seen::Unclear(reason.unwrap_or_else(|| "no answer".to_owned()));
            }
        };
        let http = format!("HTTP {}", answer.status);
        match answer.status {
            // A page of another host says nothing about the requested file.
            200 | 206 | 404 | 410 if url.host_str() != host.as_deref() => {
                let there = url.host_str().unwrap_or_default();
                return Seen::Unclear(format!("{http} from {there}, after a redirect"));
            }
            200 | 206 if is_it(&answer.body) => return Seen::Open,
            200 | 206 => return Seen::Closed(format!("{http}, but not a listing")),
            // A challenge hides whether the file is open.
            _ if answer.mitigated.is_some() => {
                return Seen::Unclear(format!("{http}, Cloudflare blocked this check"));
            }
            401 | 403 | 404 | 410 => return Seen::Closed(http),
            301 | 302 | 303 | 307 | 308 => {
                let next = answer.location.as_deref().and_then(|to| url.join(to).ok());
                match next.filter(|next| matches!(next.scheme(), "http" | "https")) {
                    Some(next) => url = next,
                    None => {
                        return Seen::Unclear(format!(
                            "{http}, a redirect without a valid \
                        address"
                        ));
                    }
                }
            }
            _ => return Seen::Unclear(http),
        }
    }
    Seen::Unclear(format!("more than {REDIRECTS} redirects"))
}
