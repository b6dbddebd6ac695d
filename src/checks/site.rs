//! Checks one site, and describes the results in lines.

use std::collections::BTreeSet;
use std::net::IpAddr;

use jiff::Timestamp;
use url::Url;

use super::content;
use super::report::{Aspect, Line, LineData, Reply, SiteReport, Verdict};
use crate::adapters::site::{SiteAnswer, SiteClient, Tls, TlsError, Visit};

/// Roughly the limit of browsers. No site needs more on purpose.
const MOST_REDIRECTS: usize = 10;
/// A certificate with fewer days left was probably not renewed automatically.
const FEW_DAYS: i64 = 21;

/// The hosts that a site may and may not lead to.
pub struct Surroundings {
    /// The environment's own hosts.
    pub known: BTreeSet<String>,
    pub forbidden: BTreeSet<String>,
}

/// One GET and its redirects.
struct Journey {
    urls: Vec<Url>,
    last: Visit,
    /// The site's own certificate, from the first visit.
    tls: Option<Result<Tls, TlsError>>,
    end: End,
}

/// Why bcops stopped following redirects.
enum End {
    /// There was no further redirect, or no answer.
    Answered,
    Loop,
    TooLong,
    /// The redirect names no valid address.
    Nowhere,
    Forbidden(Url),
    /// The redirect leads to a host outside the environment.
    Away(Url),
}

pub async fn check(client: &SiteClient, url: &Url, surroundings: &Surroundings) -> SiteReport {
    if url.host_str().is_some_and(|host| surroundings.forbidden.contains(host)) {
        let text = "not visited: a Site record still names this host of a protected environment";
        let line =
            Line::new(Aspect::Http, Verdict::Fail, text).with(LineData::Way { way: Vec::new() });
        let (url, reply) = (url.clone(), Reply::Answer);
        return SiteReport { url, lines: vec![line], reply, in_maintenance: false };
    }
    let first = client.visit(url).await;
    let mut lines = Vec::new();
    lines.extend(dns(&first));
    let connected = connection(&first);
    let journey = travel(client, url, first, surroundings).await;
    lines.extend(journey.tls.as_ref().map(tls));
    lines.extend(connected);
    let mut in_maintenance = false;
    if lines.iter().all(|line| line.verdict != Verdict::Fail) || journey.last.answer.is_some() {
        let (line, maintenance) = http(&journey);
        lines.push(line);
        in_maintenance = maintenance;
        lines.extend(page(&journey, surroundings));
    }
    SiteReport { url: url.clone(), lines, reply: reply(&journey), in_maintenance }
}

/// The kind of the answer. A redirect that is not followed is an answer. A redirect to a host that
/// does not answer is not.
fn reply(journey: &Journey) -> Reply {
    match (&journey.end, &journey.last.answer) {
        (End::Answered, Some(Ok(answer))) if answer.mitigated.is_some() => Reply::Answer,
        (End::Answered, Some(Ok(answer))) if answer.status >= 500 => Reply::Error,
        (End::Answered, Some(Ok(answer))) if is_unknown_to_heroku(answer) => Reply::NoSuchApp,
        (End::Answered, Some(Ok(_))) => Reply::Answer,
        (End::Answered, Some(Err(_)) | None) => Reply::None,
        _ => Reply::Answer,
    }
}

async fn travel(
    client: &SiteClient,
    url: &Url,
    first: Visit,
    surroundings: &Surroundings,
) -> Journey {
    let mut journey = Journey {
        urls: vec![url.clone()],
        tls: first.tls.clone(),
        last: first,
        end: End::Answered,
    };
    loop {
        let here = journey.urls.last().unwrap_or(url).clone();
        let Some(Ok(answer)) = &journey.last.answer else { return journey };
        if !matches!(answer.status, 301 | 302 | 303 | 307 | 308) {
            return journey;
        }
        let target = answer.location.as_ref().and_then(|location| here.join(location).ok());
        let target = target.filter(|url| ["https", "http"].contains(&url.scheme()));
        let Some(mut target) = target.filter(Url::has_host) else {
            journey.end = End::Nowhere;
            return journey;
        };
        target.set_fragment(None);
        let host = target.host_str().unwrap_or_default().to_owned();
        let end = if surroundings.forbidden.contains(&host) {
            Some(End::Forbidden(target.clone()))
        } else if !surroundings.known.contains(&host) {
            Some(End::Away(target.clone()))
        } else if journey.urls.contains(&target) {
            Some(End::Loop)
        } else if journey.urls.len() > MOST_REDIRECTS {
            Some(End::TooLong)
        } else {
            None
        };
        let stops = end.is_some();
        journey.end = end.unwrap_or(End::Answered);
        if !matches!(journey.end, End::Forbidden(_) | End::Away(_)) {
            journey.urls.push(target.clone());
        }
        if stops {
            return journey;
        }
        journey.last = client.visit(&target).await;
        if journey.tls.is_none() && target.host_str() == url.host_str() {
            journey.tls = journey.last.tls.clone();
        }
    }
}

fn dns(visit: &Visit) -> Option<Line> {
    if let Some(address) = visit.instead {
        let text = format!("not asked: check.connect sets {address}");
        return Some(Line::new(Aspect::Dns, Verdict::Skip, text));
    }
    Some(match visit.dns.as_ref()? {
        Err(error) => Line::new(Aspect::Dns, Verdict::Fail, error.to_string()),
        Ok(found) => {
            let addresses: Vec<String> = found.addresses.iter().map(ToString::to_string).collect();
            let through = match found.aliases.is_empty() {
                true => String::new(),
                false => format!("through {} to ", found.aliases.join(", ")),
            };
            let text = format!("{through}{}", addresses.join(", "));
            let (v4, v6): (Vec<IpAddr>, Vec<IpAddr>) =
                found.addresses.iter().copied().partition(|one| one.is_ipv4());
            let data = LineData::Names { a: v4, aaaa: v6, cname: found.aliases.clone() };
            Line::new(Aspect::Dns, Verdict::Pass, text).with(data)
        }
    })
}

fn connection(visit: &Visit) -> Option<Line> {
    match visit.connection.as_ref()? {
        Ok(_) => None,
        Err(error) => Some(Line::new(Aspect::Http, Verdict::Fail, error.to_string())),
    }
}

fn tls(found: &Result<Tls, TlsError>) -> Line {
    let tls = match found {
        Ok(tls) => tls,
        Err(error) => return Line::new(Aspect::Tls, Verdict::Fail, error.to_string()),
    };
    let certificate = &tls.certificate;
    let days = certificate.days_left(Timestamp::now());
    let data = LineData::Certificate {
        subject: certificate.subject.clone(),
        issuer: certificate.issuer.clone(),
        names: certificate.names.clone(),
        not_before: certificate.not_before,
        not_after: certificate.not_after,
        days_left: days,
        chain: certificate.chain.clone(),
        problems: tls.problems.iter().map(ToString::to_string).collect(),
    };
    let until = certificate.not_after.strftime("%Y-%m-%d");
    let facts = format!("from {}, until {until}", certificate.issuer);
    let (verdict, text) = match tls.problems.as_slice() {
        [] if days < FEW_DAYS => {
            (Verdict::Warn, format!("the certificate ends soon, {days} days left: {facts}"))
        }
        [] => (Verdict::Pass, format!("{facts}, {days} days left")),
        problems => {
            let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
            (Verdict::Fail, format!("{} ({facts})", problems.join("; ")))
        }
    };
    Line::new(Aspect::Tls, verdict, text).with(data)
}

/// The line about the answer, and whether the site shows a maintenance page.
fn http(journey: &Journey) -> (Line, bool) {
    let way: Vec<String> = journey.urls.iter().map(Url::to_string).collect();
    let last = journey.urls.last().map(Url::as_str).unwrap_or_default();
    let line = |verdict: Verdict, text: String| {
        (Line::new(Aspect::Http, verdict, text).with(LineData::Way { way: way.clone() }), false)
    };
    let fail = |text: String| line(Verdict::Fail, text);
    match &journey.end {
        End::Answered => {}
        End::Loop => {
            return fail(format!("the redirects form a loop: {}", way.join(" → ")));
        }
        End::TooLong => {
            return fail(format!("more than {MOST_REDIRECTS} redirects, the last to {last}"));
        }
        End::Nowhere => return fail(format!("{last} redirects without a valid address")),
        End::Forbidden(target) => {
            return fail(format!("redirects to a protected environment: {target}"));
        }
        End::Away(target) => {
            let text = format!("redirects to {target}, which is not a host of this environment");
            return line(Verdict::Warn, text);
        }
    }
    let at = if journey.urls.len() > 1 { format!("{last}: ") } else { String::new() };
    match &journey.last.answer {
        Some(Ok(answer)) => answered(answer, way.clone()),
        Some(Err(error)) => fail(format!("{at}{error}")),
        None => fail(format!("{at}{}", why_no_answer(&journey.last))),
    }
}

fn why_no_answer(visit: &Visit) -> String {
    let dns = visit.dns.as_ref().and_then(|found| found.as_ref().err()).map(ToString::to_string);
    let connection =
        visit.connection.as_ref().and_then(|found| found.as_ref().err()).map(ToString::to_string);
    let tls = visit.tls.as_ref().and_then(|found| found.as_ref().err()).map(ToString::to_string);
    dns.or(connection).or(tls).unwrap_or_else(|| "no answer".to_owned())
}

fn answered(answer: &SiteAnswer, way: Vec<String>) -> (Line, bool) {
    let milliseconds = answer.first_byte.as_millis() as u64;
    let (verdict, words) = judge(answer);
    let mut text = format!("HTTP {}", answer.status);
    if let Some(words) = words {
        text.push_str(&format!(", {words}"));
    }
    if way.len() > 1 {
        text.push_str(&format!(", by {}", way.join(" → ")));
    }
    let mut measured = format!("{milliseconds} ms to the first byte");
    if let Some(status) = &answer.cache_status {
        measured.push_str(&format!(", Cloudflare: {status}"));
    }
    let data = LineData::Answer {
        status: answer.status,
        way,
        first_byte_ms: milliseconds,
        server: answer.server.clone(),
        cf_cache_status: answer.cache_status.clone(),
        cf_mitigated: answer.mitigated.clone(),
    };
    let maintenance = is_maintenance(answer);
    (Line::new(Aspect::Http, verdict, text).with(data).measured(measured), maintenance)
}

fn judge(answer: &SiteAnswer) -> (Verdict, Option<&'static str>) {
    match answer.status {
        200..=299 => (Verdict::Pass, None),
        _ if answer.mitigated.is_some() => (Verdict::Warn, Some("Cloudflare blocked this check")),
        401 => (Verdict::Warn, Some("the site asks for a password, so its pages were not checked")),
        403 => (Verdict::Warn, Some("the site refuses visitors from this machine")),
        404 if is_unknown_to_heroku(answer) => {
            (Verdict::Fail, Some("Heroku has no app for this host"))
        }
        503 if is_maintenance(answer) => (Verdict::Fail, Some("the site is in maintenance mode")),
        503 if has(answer, b"application-error") => {
            (Verdict::Fail, Some("the app crashed or does not start"))
        }
        300..=399 => (Verdict::Warn, Some("not a page")),
        _ => (Verdict::Fail, None),
    }
}

/// Whether the answer is a maintenance page. Heroku's page and most replacements contain this word.
fn is_maintenance(answer: &SiteAnswer) -> bool {
    answer.status == 503 && has(answer, b"maintenance")
}

fn is_unknown_to_heroku(answer: &SiteAnswer) -> bool {
    answer.status == 404 && has(answer, b"no-such-app")
}

fn has(answer: &SiteAnswer, words: &[u8]) -> bool {
    memchr::memmem::find(&answer.body.to_ascii_lowercase(), words).is_some()
}

/// The line about links to a protected environment.
fn page(journey: &Journey, surroundings: &Surroundings) -> Option<Line> {
    let Some(Ok(answer)) = &journey.last.answer else { return None };
    let is_page = matches!(journey.end, End::Answered) && (200..300).contains(&answer.status);
    if surroundings.forbidden.is_empty() || !is_page {
        return None;
    }
    let found = content::urls_of(&answer.body, &surroundings.forbidden);
    let seen = if answer.is_cut { " in the part that was read" } else { "" };
    let (bytes, cut) = (answer.body.len(), answer.is_cut);
    let data = LineData::Page { urls: found.clone(), bytes, cut };
    if found.is_empty() {
        let text = format!("no URL of a protected environment{seen}");
        return Some(Line::new(Aspect::Content, Verdict::Pass, text).with(data));
    }
    let list: Vec<String> =
        found.iter().map(|(host, count)| format!("{host} ({count}×)")).collect();
    let text = format!("the page links to a protected environment: {}", list.join(", "));
    Some(Line::new(Aspect::Content, Verdict::Fail, text).with(data))
}
