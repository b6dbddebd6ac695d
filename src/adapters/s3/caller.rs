//! Asks AWS who a pair of keys is: STS's GetCallerIdentity, which every key may ask and which changes
//! nothing.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use url::Url;

use super::address::{BucketAddress, BucketSettings, host_and_port};
use super::error::S3Error;
use super::signing::{Moment, Signable, Signer, Spaces, sha256_hex};
use super::xml::{self, Item};
use crate::adapters::transport;

const BODY: &str = "Action=GetCallerIdentity&Version=2011-06-15";
const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";
const TIME_LIMIT: Duration = Duration::from_secs(20);
const WHAT: &str = "ask whose keys these are";

/// Who a pair of keys is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// `arn:aws:iam::123456789012:user/NAME`
    pub arn: String,
    pub account: String,
}

impl Caller {
    /// The name behind the last slash.
    pub fn name(&self) -> &str {
        self.arn.rsplit('/').next().unwrap_or(&self.arn)
    }
}

/// Where to ask. `None` at a server that is not AWS, unless an endpoint is given.
///
/// # Errors
/// Where the given endpoint is no URL, or is not encrypted.
pub fn sts_endpoint(address: &BucketAddress, given: Option<&str>) -> Result<Option<Url>, S3Error> {
    let bad = || S3Error::BadConfiguration("AWS_ENDPOINT_URL_STS is not a URL".to_owned());
    let url = match given {
        Some(given) => Url::parse(given).map_err(|_| bad())?,
        None if address.is_at_aws() => Url::parse(&address.sts()).map_err(|_| bad())?,
        None => return Ok(None),
    };
    if url.host().is_none() || !url.username().is_empty() || !transport::is_private(&url) {
        return Err(bad());
    }
    Ok(Some(url))
}

/// # Errors
/// Where nobody answers, or the keys are refused.
pub async fn caller(
    settings: &BucketSettings,
    region: &str,
    endpoint: &Url,
) -> Result<Caller, S3Error> {
    let host = host_and_port(endpoint);
    let http = reqwest::Client::builder()
        .timeout(settings.timeout.unwrap_or(TIME_LIMIT))
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|source| S3Error::Client { place: host.clone(), source })?;
    let moment = Moment::new(Timestamp::now());
    let signer = Signer::for_service("sts", settings.credentials.clone());
    let hash = sha256_hex(BODY.as_bytes());
    let mut headers: Vec<(&str, &[u8])> = vec![
        ("content-type", FORM.as_bytes()),
        ("host", host.as_bytes()),
        ("x-amz-date", moment.stamp.as_bytes()),
    ];
    headers.extend(signer.session_token().map(|token| ("x-amz-security-token", token.as_bytes())));
    let signable = Signable {
        method: "POST",
        path: endpoint.path(),
        query: "",
        headers: &headers,
        payload_hash: &hash,
        spaces: Spaces::Ascii,
    };
    let authorization = signer.authorization(&signable, region, &moment);
    let mut request = http
        .post(endpoint.clone())
        .header(CONTENT_TYPE, FORM)
        .header(HOST, &host)
        .header("x-amz-date", &moment.stamp)
        .header(AUTHORIZATION, authorization)
        .body(BODY);
    if let Some(token) = signer.session_token() {
        request = request.header("x-amz-security-token", token);
    }
    let network = |source: reqwest::Error| S3Error::Network {
        what: WHAT.to_owned(),
        host: host.clone(),
        source: source.without_url(),
    };
    let response = request.send().await.map_err(network)?;
    let status = response.status();
    let document = response.bytes().await.map_err(network)?;
    if status.is_success() {
        return identity(&document)
            .map_err(|reason| S3Error::BadAnswer { what: WHAT.to_owned(), reason });
    }
    let (code, message) = failure(&document);
    Err(S3Error::Refused { what: WHAT.to_owned(), status: status.as_u16(), code, message })
}

fn identity(document: &[u8]) -> Result<Caller, String> {
    let (mut arn, mut account) = (None, None);
    xml::walk(document, b"GetCallerIdentityResponse", |item| {
        match item {
            Item::End(b"Arn", text) => arn = Some(text.trim().to_owned()),
            Item::End(b"Account", text) => account = Some(text.trim().to_owned()),
            _ => {}
        }
        Ok(())
    })?;
    match arn {
        Some(arn) if !arn.is_empty() => Ok(Caller { arn, account: account.unwrap_or_default() }),
        _ => Err("it names nobody".to_owned()),
    }
}

fn failure(document: &[u8]) -> (String, String) {
    let (mut code, mut message) = (String::new(), String::new());
    let walked = xml::walk(document, b"ErrorResponse", |item| {
        match item {
            Item::End(b"Code", text) => code = text,
            Item::End(b"Message", text) => message = text,
            _ => {}
        }
        Ok(())
    });
    match walked {
        Ok(()) if !code.is_empty() => (code, message.chars().take(300).collect()),
        _ => ("no reason".to_owned(), "the server gave none".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_understood() {
        let text = "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/bc-production-owner</Arn><UserId>AIDA</UserId><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>";
        let caller = identity(text.as_bytes()).unwrap();
        assert_eq!(
            (caller.name(), caller.account.as_str()),
            ("bc-production-owner", "123456789012")
        );
        assert!(identity(b"<GetCallerIdentityResponse/>").is_err());
        let text = b"<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>";
        assert_eq!(failure(text), ("AccessDenied".to_owned(), "no".to_owned()));
        assert_eq!(failure(b"<html>").0, "no reason");
    }
}
