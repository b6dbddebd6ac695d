//! Compares the places of databases in their URLs.

use crate::secret::Secret;

/// Whether both URLs may mean one database. A missing URL may mean any. Only the place is compared,
/// because credentials are rotated.
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
    fn a_database_is_recognized_by_its_place() {
        let here = Secret::new("postgres://u:new@db.test:5432/one");
        let is_here = |url: &str| may_be(Some(&Secret::new(url)), Some(&here));
        assert!(is_here("postgres://u:old@db.test:5432/one"));
        assert!(!is_here("postgres://u:new@db.test:5432/other"));
        assert!(!is_here("postgres://u:new@elsewhere.test:5432/one"));
        assert!(may_be(None, Some(&here)) && may_be(Some(&here), None));
    }
}
