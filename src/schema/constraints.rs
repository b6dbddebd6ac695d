//! Describes what a database demands of its values: CHECK constraints and domains.

use super::Schema;

/// A CHECK constraint of a table or of a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    pub name: String,
    /// The condition as the server writes it, with its parentheses. A domain's condition calls its
    /// value `VALUE`.
    pub expression: String,
    /// Whether the check is for this table alone, and not for tables that inherit from it.
    pub no_inherit: bool,
}

/// A type with checks of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Domain {
    /// As `format_type` writes it. May be a domain itself.
    pub base_type: String,
    pub not_null: bool,
    pub checks: Vec<Check>,
}

/// More levels of domains than any database has. Stops at a circle in a damaged archive.
const MAXIMUM_LEVELS: usize = 32;

impl Schema {
    /// A type's domain, then the domain below it, and so on: the outermost first.
    pub fn domains_of<'a>(
        &'a self,
        type_name: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a Domain)> {
        let find = |name: &'a str| Some((name, self.domains.get(name)?));
        std::iter::successors(find(type_name), move |(_, domain)| find(&domain.base_type))
            .take(MAXIMUM_LEVELS)
    }

    /// The type in which values of `type_name` are stored. Differs from `type_name` only for
    /// domains.
    pub fn base_type<'a>(&'a self, type_name: &'a str) -> &'a str {
        self.domains_of(type_name).last().map_or(type_name, |(_, domain)| &domain.base_type)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_are_followed_to_their_base_and_a_circle_ends() {
        let domain = |base: &str| Domain { base_type: base.into(), ..Domain::default() };
        let mut schema = Schema::default();
        schema.domains.insert("a".into(), domain("b"));
        schema.domains.insert("b".into(), domain("character varying(5)"));
        schema.domains.insert("c".into(), domain("c"));
        assert_eq!(schema.base_type("a"), "character varying(5)");
        assert_eq!(schema.base_type("text"), "text");
        assert_eq!(schema.domains_of("c").count(), MAXIMUM_LEVELS);
    }
}
