//! Reads zones and the state of the token.

use serde::Deserialize;
use serde::de::IgnoredAny;
use thiserror::Error;

use super::client::Cloudflare;
use super::credentials::Credentials;
use crate::adapters::json_api::{ApiError, ErrorKind, Reason, Request};

/// A zone's id: 32 hexadecimal digits. It is often confused with the zone's name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ZoneId(String);

/// A text that is not a [`ZoneId`].
#[derive(Debug, Error)]
#[error(
    "cannot use `{given}` as a zone id: a zone id is 32 hexadecimal digits{}",
    name_hint(given)
)]
pub struct InvalidZone {
    given: String,
}

fn name_hint(given: &str) -> &'static str {
    if given.contains('.') { ", and this looks like the zone's name" } else { "" }
}

impl ZoneId {
    /// # Errors
    /// If the text is not a zone id.
    pub fn parse(text: &str) -> Result<ZoneId, InvalidZone> {
        let id = text.trim().to_ascii_lowercase();
        if id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            Ok(ZoneId(id))
        } else {
            Err(InvalidZone { given: text.trim().chars().take(80).collect() })
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for ZoneId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A zone as Cloudflare describes it.
#[derive(Debug, Clone)]
pub struct Zone {
    pub id: ZoneId,
    /// The domain, in lower case.
    pub name: String,
    /// Whether Cloudflare serves the domain. Anyone can add a zone of any name: the zone stays
    /// pending, and its name proves nothing, until the domain points to Cloudflare.
    pub is_active: bool,
    /// `free`, `pro`, `business` or `enterprise`, if Cloudflare reports the plan.
    pub plan: Option<String>,
}

#[derive(Deserialize)]
struct ZoneBody {
    id: String,
    name: String,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    plan: Option<PlanBody>,
}

#[derive(Deserialize)]
struct PlanBody {
    #[serde(default)]
    legacy_id: Option<String>,
}

#[derive(Deserialize)]
struct TokenBody {
    status: String,
}

impl TryFrom<ZoneBody> for Zone {
    type Error = InvalidZone;

    fn try_from(body: ZoneBody) -> Result<Zone, InvalidZone> {
        let id = ZoneId::parse(&body.id)?;
        let name = body.name.trim_end_matches('.').to_ascii_lowercase();
        let is_active = body.status.as_deref() == Some("active");
        Ok(Zone { id, name, is_active, plan: body.plan.and_then(|plan| plan.legacy_id) })
    }
}

impl Cloudflare {
    /// Asks whether Cloudflare accepts the credentials. Does not show what the credentials allow.
    ///
    /// # Errors
    /// `Unauthorized` if it does not. This also happens for a token of an account (not of a
    /// person), although such a token works elsewhere.
    pub async fn verify(&self) -> Result<(), ApiError> {
        let what = "the login";
        let Credentials::Token(_) = &self.credentials else {
            self.get::<IgnoredAny>(self.request(&["user"], what).private()).await?;
            return Ok(());
        };
        let path = ["user", "tokens", "verify"];
        let request = self.request(&path, what);
        let token: TokenBody = self.get(request.clone()).await?;
        if token.status == "active" {
            return Ok(());
        }
        let message = format!("the token is {}", token.status);
        Err(self.api.means(&request, Reason::new(ErrorKind::Unauthorized, message)))
    }

    /// # Errors
    /// `Forbidden` if the login may not read zones. It may still be allowed to purge this zone.
    pub async fn zone(&self, id: &ZoneId) -> Result<Zone, ApiError> {
        let path = ["zones", id.as_str()];
        let request = self.request(&path, format!("the zone {id}"));
        let body: ZoneBody = self.get(request.clone()).await?;
        self.read_zone(&request, body)
    }

    /// The zone of exactly this name, among the zones that the login may see.
    pub async fn zone_named(&self, name: &str) -> Result<Option<Zone>, ApiError> {
        let request = self.request(&["zones"], format!("the zone {name}"));
        let request = request.query(&[("name", name)]);
        let found: Vec<ZoneBody> = self.get(request.clone()).await?;
        let same = found.into_iter().find(|zone| zone.name.eq_ignore_ascii_case(name));
        same.map(|zone| self.read_zone(&request, zone)).transpose()
    }

    fn read_zone(&self, request: &Request<'_>, body: ZoneBody) -> Result<Zone, ApiError> {
        Zone::try_from(body).map_err(|invalid: InvalidZone| {
            self.api.means(request, Reason::bad_answer(invalid.to_string()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_not_an_id() {
        let id = ZoneId::parse(" 023E105F4ECEF8AD9CA31A8372D0C353\n").expect("an id");
        assert_eq!(id.as_str(), "023e105f4ecef8ad9ca31a8372d0c353");
        let error = ZoneId::parse("buckinghamshire.gov.uk").unwrap_err().to_string();
        assert!(error.contains("looks like the zone's name"), "{error}");
        assert!(ZoneId::parse("").is_err());
        assert!(ZoneId::parse("../../accounts/0000000000000000000").is_err());
    }
}
