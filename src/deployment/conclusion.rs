//! Decides from the two proofs whether a resource may be written to.

use super::ownership::Ownership;
use crate::failure::{CommandError, FailureKind};
use crate::settings::Environment;

/// Whether a resource belongs to a protected environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The resource belongs to it, and this config var or setting names it.
    Same {
        named_by: Option<String>,
    },
    Different,
    /// This could not be decided, for this reason.
    Unknown {
        reason: String,
    },
}

impl Verdict {
    pub fn same(named_by: &str) -> Verdict {
        Verdict::Same { named_by: Some(named_by.to_owned()) }
    }

    pub fn unknown(reason: impl Into<String>) -> Verdict {
        Verdict::Unknown { reason: reason.into() }
    }

    /// The verdict on several names of one thing. One match is a match. Without a match, one name
    /// that cannot be compared makes the whole unknown.
    pub fn of_all(verdicts: impl IntoIterator<Item = Verdict>) -> Verdict {
        let mut whole = Verdict::Different;
        for verdict in verdicts {
            match verdict {
                Verdict::Same { .. } => return verdict,
                Verdict::Unknown { .. } if whole == Verdict::Different => whole = verdict,
                _ => {}
            }
        }
        whole
    }
}

/// The name of a resource in messages.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// `database`, `bucket`, …
    pub what: &'static str,
    pub place: &'a str,
}

/// Accepts a resource if one of the two proofs succeeds and neither contradicts.
///
/// # Errors
/// Refuses every other resource.
pub fn conclude(
    subject: Subject<'_>,
    ownership: &Ownership,
    verdicts: &[(&Environment, Verdict)],
) -> Result<(), CommandError> {
    for (environment, verdict) in verdicts {
        if let Verdict::Same { named_by } = verdict {
            return Err(is_protected(subject, environment, named_by.as_deref()));
        }
    }
    match ownership {
        Ownership::Foreign { reason } => return Err(is_foreign(subject, reason)),
        Ownership::Own => return Ok(()),
        Ownership::NotShown { .. } => {}
    }
    let open = verdicts.iter().find_map(|(environment, verdict)| match verdict {
        Verdict::Unknown { reason } => Some((*environment, reason)),
        _ => None,
    });
    match open {
        None => Ok(()),
        Some((environment, reason)) => {
            let own = match ownership {
                Ownership::NotShown { reason } => Some(reason.as_str()),
                _ => None,
            };
            Err(cannot_compare(subject, environment, reason, own))
        }
    }
}

pub fn is_protected(
    subject: Subject<'_>,
    environment: &Environment,
    named_by: Option<&str>,
) -> CommandError {
    let source = match named_by {
        None => environment.app.value.clone(),
        Some(variable) => format!("{variable} of {}", environment.app.value),
    };
    let Subject { what, place } = subject;
    CommandError::new(
        FailureKind::Refused,
        format!(
            "the destination's {what} {place} belongs to {}, which is protected ({source}); \
             nothing was changed",
            environment.name
        ),
    )
    .hint("check where the config vars and bcops.toml point: bcops doctor")
}

fn is_foreign(subject: Subject<'_>, reason: &str) -> CommandError {
    let Subject { what, place } = subject;
    let text = format!("cannot write to the {what} {place}: {reason}; nothing was changed");
    CommandError::new(FailureKind::Refused, text)
        .hint("check where the config vars and bcops.toml point: bcops doctor")
}

fn cannot_compare(
    subject: Subject<'_>,
    environment: &Environment,
    reason: &str,
    own: Option<&str>,
) -> CommandError {
    let Subject { what, place } = subject;
    let text = format!(
        "the destination's {what} {place} could not be compared with {}, which is protected; nothing was changed",
        environment.name
    );
    let mut causes = reason.to_owned();
    if let Some(own) = own {
        causes.push_str(&format!(
            ". Heroku does not confirm that it belongs to the destination: \
                                  {own}"
        ));
    }
    let mut error =
        CommandError::new(FailureKind::Refused, text).with_cause(anyhow::Error::msg(causes));
    if let Some(key) = known_key(what) {
        error = error.hint(format!(
            "for colleagues without access to {0}, name it: environments.{0}.known.{key} in bcops.toml",
            environment.name
        ));
    }
    error.hint("bcops doctor   # checks the login and every app")
}

/// The setting that names a protected environment's resources of a kind.
fn known_key(what: &str) -> Option<&'static str> {
    Some(match what {
        "app" => "apps",
        "database" => "databases",
        "bucket" => "buckets",
        "Redis" => "redis",
        "search cluster" => "search",
        "zone" => "zones",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{ProcessEnv, Settings};

    fn environment() -> Environment {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings::load(&ProcessEnv {
            variable: &|_| None,
            working_directory: folder.path(),
            home: None,
            config_file: None,
        });
        settings.unwrap().environments["production"].clone()
    }

    #[test]
    fn one_proof_must_succeed_and_neither_may_contradict() {
        let environment = environment();
        let subject = Subject { what: "database", place: "x on y" };
        let not_shown = Ownership::NotShown { reason: "nobody is logged in".to_owned() };
        let foreign = Ownership::Foreign { reason: "it is production's".to_owned() };
        let passes = |ownership: &Ownership, verdict: Verdict| {
            conclude(subject, ownership, &[(&environment, verdict)]).is_ok()
        };
        let unknown = || Verdict::unknown("no answer");
        assert!(passes(&Ownership::Own, Verdict::Different));
        assert!(passes(&Ownership::Own, unknown()));
        assert!(passes(&not_shown, Verdict::Different));
        assert!(!passes(&not_shown, unknown()));
        for ownership in [&Ownership::Own, &not_shown, &foreign] {
            assert!(!passes(ownership, Verdict::same("DATABASE_URL")), "{ownership:?}");
        }
        for verdict in [Verdict::Different, unknown()] {
            assert!(!passes(&foreign, verdict.clone()), "{verdict:?}");
        }
    }

    #[test]
    fn one_match_is_a_match_and_one_unknown_makes_the_whole_unknown() {
        let same = Verdict::same("A");
        let unknown = Verdict::unknown("no answer");
        assert_eq!(Verdict::of_all([]), Verdict::Different);
        assert_eq!(Verdict::of_all([Verdict::Different, unknown.clone()]), unknown);
        assert_eq!(Verdict::of_all([unknown, Verdict::Different, same.clone()]), same);
    }
}
