//! Where a database is, as far as its URL tells, and whether two URLs mean the same one.

use crate::secret::Secret;

/// A transfer that does not tell its database may be about any. Credentials are rotated, so that
/// only the place is compared.
pub fn may_be(said: Option<&Secret>, database: Option<&Secret>) -> bool {
    match (said.and_then(place), database.and_then(place)) {
        (Some(said), Some(database)) => said == database,
        _ => true,
    }
}

/// Host, port and path.
pub fn place(url: &Secret) -> Option<(String, Option<u16>, String)> {
    let url = url::Url::parse(url.expose()).ok()?;
    Some((url.host_str()?.to_owned(), url.port(), url.path().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_recognised_by_its_place() {
        let here = Secret::new("postgres://u:new@db.test:5432/one");
        let is_here = |url: &str| may_be(Some(&Secret::new(url)), Some(&here));
        assert!(is_here("postgres://u:old@db.test:5432/one"));
        assert!(!is_here("postgres://u:new@db.test:5432/other"));
        assert!(!is_here("postgres://u:new@elsewhere.test:5432/one"));
        assert!(may_be(None, Some(&here)) && may_be(Some(&here), None));
    }
}
