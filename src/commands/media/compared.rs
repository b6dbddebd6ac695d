//! Narrows a comparison by the command's flags, refuses too many deletions, and records what is
//! about to happen: pull, push and copy share it.

use std::collections::HashSet;

use crate::adapters::s3::{ListedObject, SourceBucket};
use crate::cli::TransferArgs;
use crate::commands::Context;
use crate::failure::CommandError;
use crate::media::{
    DeletionLimit, Deletions, Failure, LocalFile, MediaError, Refused, check_deletions,
    confirm_gone,
};

use super::only::Only;
use super::summary::Plan;

/// An object or a file.
pub trait Keyed {
    fn key(&self) -> &str;
    fn size(&self) -> u64;
}

impl Keyed for ListedObject {
    fn key(&self) -> &str {
        &self.key
    }

    fn size(&self) -> u64 {
        self.size
    }
}

impl Keyed for LocalFile {
    fn key(&self) -> &str {
        &self.key
    }

    fn size(&self) -> u64 {
        self.size
    }
}

/// Two compared sides.
pub struct Compared<'a, S, D> {
    pub source: String,
    pub destination: String,
    pub listed: &'a [S],
    pub there: &'a [D],
    pub transfer: &'a mut Vec<S>,
    pub delete: &'a mut Vec<D>,
    pub refused: Vec<Refused>,
    pub unchanged: u64,
    pub hashed: u64,
}

impl<S: Keyed, D: Keyed> Compared<'_, S, D> {
    /// The plan, and the keys that stay because `asked` does not show that they are gone. A source
    /// can list its keys wrongly, so bcops asks for each one.
    pub async fn plan(
        mut self,
        context: &Context,
        args: &TransferArgs,
        prefixes: &[String],
        asked: Option<&SourceBucket>,
    ) -> Result<(Plan, Vec<Failure>), CommandError> {
        self.keep_only(context, args)?;
        let limit = DeletionLimit { given: args.max_delete };
        check_deletions(&self.deletions(prefixes), &limit, &self.source, &self.destination)
            .map_err(or_nothing)?;
        let mut kept = Vec::new();
        if let Some(bucket) = asked {
            let doomed: Vec<String> = self.delete.iter().map(|one| one.key().to_owned()).collect();
            kept = confirm_gone(bucket, &doomed).await?;
            self.delete.retain(|doomed| kept.iter().all(|one| one.key != doomed.key()));
        }
        let plan = Plan {
            source_size: size(self.listed),
            destination_size: size(self.there),
            transfer: self.transfer.iter().map(|one| (one.key().to_owned(), one.size())).collect(),
            delete: self.delete.iter().map(|one| (one.key().to_owned(), one.size())).collect(),
            unchanged: self.unchanged,
            replaced: replaced(self.transfer, self.there).len() as u64,
            hashed: self.hashed,
            refused: self.refused,
            no_delete: args.no_delete,
            renditions: None,
            how: None,
            source: self.source,
            destination: self.destination,
        };
        Ok((plan, kept))
    }

    fn keep_only(&mut self, context: &Context, args: &TransferArgs) -> Result<(), CommandError> {
        if let Some(only) = Only::read(args.only.as_deref())? {
            let listed = self.listed.iter().map(Keyed::key);
            let refused = self.refused.iter().map(|one| one.key.as_str());
            only.warn_of_strangers(context, &self.source, listed.chain(refused));
            self.transfer.retain(|one| only.has(one.key()));
            self.refused.retain(|one| only.has(&one.key));
        }
        if args.no_delete || args.only.is_some() {
            self.delete.clear();
        }
        Ok(())
    }

    /// How many keys each side has below a prefix, and how many would be deleted.
    fn deletions(&self, prefixes: &[String]) -> Vec<Deletions> {
        let count = |prefix: &String| Deletions {
            prefix: prefix.clone(),
            source: below(self.listed, prefix),
            destination: below(self.there, prefix),
            delete: below(self.delete, prefix),
        };
        prefixes.iter().map(count).collect()
    }
}

/// The keys that the other side already has.
pub fn replaced(transfer: &[impl Keyed], there: &[impl Keyed]) -> HashSet<String> {
    let there: HashSet<&str> = there.iter().map(Keyed::key).collect();
    let both = transfer.iter().map(Keyed::key).filter(|key| there.contains(key));
    both.map(str::to_owned).collect()
}

fn size(side: &[impl Keyed]) -> (u64, u64) {
    (side.len() as u64, side.iter().map(Keyed::size).sum())
}

fn below(side: &[impl Keyed], prefix: &str) -> u64 {
    side.iter().filter(|one| one.key().starts_with(prefix)).count() as u64
}

/// Adds to a refusal of too many deletions the flag that only the media commands have.
fn or_nothing(error: MediaError) -> CommandError {
    let is_refused = matches!(error, MediaError::Refused(_));
    let error = CommandError::from(error);
    if is_refused { error.hint("delete nothing: add --no-delete") } else { error }
}
