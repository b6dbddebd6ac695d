//! Chooses which of staging's own accounts are put back.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::Account;
use crate::failure::{CommandError, FailureKind};

/// A selection of named things, as the values of `--recreate-users` and `--branches` give it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Selection {
    All,
    None,
    /// The things with these names.
    Only(Vec<String>),
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("write all, none, or usernames and e-mail addresses with commas between them")]
pub struct BadSelection;

#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("staging has no account of its own with the username or e-mail address {}", .0.join(", "))]
pub struct UnknownAccounts(pub Vec<String>);

impl FromStr for Selection {
    type Err = BadSelection;

    fn from_str(text: &str) -> Result<Self, BadSelection> {
        match text.trim() {
            "all" => return Ok(Selection::All),
            "none" => return Ok(Selection::None),
            _ => {}
        }
        let names: Vec<String> = text.split(',').map(|name| name.trim().to_owned()).collect();
        // An empty name is refused, because a script may have made an empty list by mistake.
        if names.iter().any(String::is_empty) {
            return Err(BadSelection);
        }
        Ok(Selection::Only(names))
    }
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Selection::All => f.write_str("all"),
            Selection::None => f.write_str("none"),
            Selection::Only(names) => f.write_str(&names.join(",")),
        }
    }
}

/// The usernames of the chosen accounts. A name is compared with usernames first. Otherwise it is
/// an e-mail address in any case, and stands for every account with this address.
///
/// # Errors
/// All names that match no account.
pub fn choose(
    accounts: &[Account],
    selection: &Selection,
) -> Result<BTreeSet<String>, UnknownAccounts> {
    let names = match selection {
        Selection::None => return Ok(BTreeSet::new()),
        Selection::All => return Ok(accounts.iter().map(|one| one.username.clone()).collect()),
        Selection::Only(names) => names,
    };
    let mut chosen = BTreeSet::new();
    let mut unknown = Vec::new();
    for name in names {
        let same_email = |account: &&Account| {
            !name.is_empty() && account.email.to_lowercase() == name.to_lowercase()
        };
        let found: Vec<&Account> = match accounts.iter().find(|one| one.username == *name) {
            Some(account) => vec![account],
            None => accounts.iter().filter(same_email).collect(),
        };
        if found.is_empty() {
            unknown.push(name.clone());
        }
        chosen.extend(found.into_iter().map(|account| account.username.clone()));
    }
    if unknown.is_empty() { Ok(chosen) } else { Err(UnknownAccounts(unknown)) }
}

impl From<BadSelection> for CommandError {
    fn from(error: BadSelection) -> Self {
        CommandError::wrap(FailureKind::Usage, error)
    }
}

impl From<UnknownAccounts> for CommandError {
    fn from(error: UnknownAccounts) -> Self {
        CommandError::wrap(FailureKind::Usage, error)
            .hint("to list the accounts: bcops reset-staging --dry-run")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(username: &str, email: &str) -> Account {
        Account {
            username: username.to_owned(),
            email: email.to_owned(),
            name: String::new(),
            is_superuser: false,
            is_active: true,
            last_login: None,
            groups: Vec::new(),
        }
    }

    fn chosen(recreate: &str) -> Result<Vec<String>, UnknownAccounts> {
        let accounts = [
            account("ann", "ann@example.org"),
            account("ann@example.org", ""),
            account("bob", "Team@Example.org"),
            account("cleo", "team@example.org"),
        ];
        choose(&accounts, &recreate.parse().unwrap()).map(|names| names.into_iter().collect())
    }

    #[test]
    fn all_accounts_no_accounts_or_some() {
        assert_eq!(chosen("all").unwrap().len(), 4);
        assert!(chosen("none").unwrap().is_empty());
        assert_eq!(chosen(" bob , ann").unwrap(), ["ann", "bob"]);
        // The username wins over the other account's address.
        assert_eq!(chosen("ann@example.org").unwrap(), ["ann@example.org"]);
        assert_eq!(chosen("TEAM@example.org").unwrap(), ["bob", "cleo"]);
    }

    #[test]
    fn all_names_that_match_nothing_are_reported() {
        let error = chosen("bob,Ann,dora@example.org").unwrap_err();
        assert_eq!(error.0, ["Ann", "dora@example.org"]);
        assert!(error.to_string().ends_with("Ann, dora@example.org"));
    }

    #[test]
    fn an_empty_name_is_not_a_name() {
        for text in ["", " ", ",", "bob,", "bob,,ann"] {
            assert_eq!(text.parse::<Selection>(), Err(BadSelection), "{text:?}");
        }
        // An empty name from elsewhere does not match an account without an address.
        let only = Selection::Only(vec![String::new()]);
        assert!(choose(&[account("ann", "")], &only).is_err());
    }

    #[test]
    fn the_choice_survives_the_journal() {
        for text in ["all", "none", "a@b.c,d"] {
            let recreate: Selection = text.parse().unwrap();
            let written = serde_json::to_string(&recreate).unwrap();
            assert_eq!(serde_json::from_str::<Selection>(&written).unwrap(), recreate);
            assert_eq!(recreate.to_string(), text);
        }
    }
}
