//! Reads who makes a commit, and when. Asks git, which knows all variables, files and includes.

use git2::{Signature, Time};

use super::error::GitError;
use super::repository::Repository;

/// The author and the committer of the merges of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub author: Person,
    pub committer: Person,
}

/// A name, an address and a moment, as a commit holds them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    pub name: String,
    pub email: String,
    /// Seconds since 1970.
    pub seconds: i64,
    /// Minutes east of UTC.
    pub offset_minutes: i32,
}

impl Repository {
    /// The user as `git commit` would record them now.
    pub async fn identity(&self) -> Result<Identity, GitError> {
        let author = self.person("GIT_AUTHOR_IDENT").await?;
        Ok(Identity { author, committer: self.person("GIT_COMMITTER_IDENT").await? })
    }

    async fn person(&self, variable: &str) -> Result<Person, GitError> {
        let what = "looking up your name and e-mail address";
        let output =
            match self.local(what, ["-c", "user.useConfigOnly=true", "var", variable]).await {
                Err(GitError::Failed { said, .. }) => return Err(GitError::NoIdentity { said }),
                output => output?,
            };
        let text = output.text();
        let person = parse(text.trim()).ok_or_else(|| GitError::UnexpectedAnswer {
            what: what.to_owned(),
            answer: text.chars().take(200).collect(),
        })?;
        // Fails now, not in the middle of a run, if no commit can be made with this identity.
        person.signature()?;
        Ok(person)
    }
}

impl Person {
    pub(super) fn signature(&self) -> Result<Signature<'static>, GitError> {
        let time = Time::new(self.seconds, self.offset_minutes);
        Signature::new(&self.name, &self.email, &time)
            .map_err(GitError::library(format!("the name {} <{}>", self.name, self.email)))
    }
}

/// Reads `Name <address> 1700000000 +0100`.
fn parse(text: &str) -> Option<Person> {
    let (person, moment) = text.rsplit_once("> ")?;
    let (name, email) = person.split_once(" <")?;
    let (seconds, zone) = moment.split_once(' ')?;
    let (hours, minutes) = zone.get(1..)?.split_at_checked(2)?;
    let minutes = hours.parse::<i32>().ok()? * 60 + minutes.parse::<i32>().ok()?;
    let offset_minutes = if zone.starts_with('-') { -minutes } else { minutes };
    let seconds = seconds.parse().ok()?;
    Some(Person { name: name.to_owned(), email: email.to_owned(), seconds, offset_minutes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_are_read() {
        let person = parse("Ada Müller <ada@x.test> 1700000000 -0330").expect("a person");
        assert_eq!((person.name.as_str(), person.email.as_str()), ("Ada Müller", "ada@x.test"));
        assert_eq!((person.seconds, person.offset_minutes), (1_700_000_000, -210));
        for text in ["", "Ada", "Ada <a> x +0100", "Ada <a> 1 +01", "Ada <a> 1 é100"] {
            assert!(parse(text).is_none(), "{text}");
        }
    }
}
