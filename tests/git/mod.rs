//! Tests the git adapter on real repositories.

mod access;
mod branches;
mod lock;
pub mod merge;
mod merge_random;
mod migrations;
mod network;
mod odd_clones;

use bcops::adapters::git::{Assembled, Assembly, GitError, Oid, OnConflict, Repository};

/// Fetches, and merges `feature/x` onto master. Also returns the fetched tips.
async fn merge_feature_x(
    repository: &Repository,
) -> Result<(impl Fn(&str) -> Oid + use<>, Assembled), GitError> {
    let branches = repository.fetch_branches(None).await?;
    let tip = move |name: &str| branches.iter().find(|b| b.name == name).expect("fetched").commit;
    let feature = [("feature/x", tip("feature/x"))];
    let assembly = Assembly {
        identity: repository.identity().await?,
        ..merge::assembly(tip("master"), &feature, OnConflict::Stop)
    };
    let assembled = repository.assemble(&assembly).await?;
    Ok((tip, assembled))
}
