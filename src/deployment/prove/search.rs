//! Compares Elasticsearch clusters by UUID. Several customers of a provider share a cluster, so a
//! match also needs the same login or a shared index.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;

use super::{Verdicts, within_patience, without_any};
use crate::adapters::elasticsearch::{Cluster, ClusterAddress};
use crate::deployment::conclusion::Verdict;
use crate::deployment::known;
use crate::deployment::protected::ProtectedSide;
use crate::failure::CommandError;

/// What a cluster reports to one login.
pub struct SaidByCluster {
    pub uuid: Option<String>,
    /// `None` if the login lacks the permission to list indices.
    indices: Option<BTreeSet<String>>,
}

/// Compares a cluster with those of every protected environment. `own` is what the cluster reports,
/// and `limit` is the user's time limit for one request.
///
/// # Errors
/// If a setting cannot be read.
pub async fn cluster<'a>(
    address: &ClusterAddress,
    own: &Result<SaidByCluster, String>,
    limit: Option<Duration>,
    sides: &[ProtectedSide<'a>],
) -> Result<Verdicts<'a>, CommandError> {
    let verdicts = join_all(sides.iter().map(|side| async {
        let verdict = match known::cluster(side.environment, address)? {
            Some(entry) => Verdict::same(&entry),
            None => of_side(address, own, limit, side).await,
        };
        Ok::<_, CommandError>((side.environment, verdict))
    }));
    verdicts.await.into_iter().collect()
}

/// Asks a cluster for its UUID and its indices.
pub async fn ask_cluster(
    address: &ClusterAddress,
    limit: Option<Duration>,
) -> Result<SaidByCluster, String> {
    let cluster = Cluster::new(address.clone(), limit).map_err(|error| error.to_string())?;
    let asking = async {
        let (info, indices) = tokio::join!(cluster.info(), cluster.index_uuids());
        let info = info.map_err(|error| error.to_string())?;
        Ok(SaidByCluster { uuid: info.cluster_uuid, indices: indices.ok() })
    };
    within_patience(asking).await
}

async fn of_side(
    address: &ClusterAddress,
    own: &Result<SaidByCluster, String>,
    limit: Option<Duration>,
    side: &ProtectedSide<'_>,
) -> Verdict {
    let leads = &side.resources.clusters;
    if leads.is_empty() {
        return without_any(side, "search cluster", !side.environment.known.search.is_empty());
    }
    Verdict::of_all(
        join_all(leads.iter().map(|lead| async {
            let named = format!("{} of {}", lead.variable, side.environment.app.value);
            let theirs = match &lead.target {
                Ok(theirs) if address.may_be(theirs) => return Verdict::same(&lead.variable),
                Ok(theirs) => theirs,
                Err(reason) => {
                    return Verdict::unknown(format!("{named} is not usable: {reason}"));
                }
            };
            match (own, ask_cluster(theirs, limit).await) {
                (Ok(own), Ok(said)) => {
                    judge(own, &said, address.has_login_of(theirs), &lead.variable)
                }
                (Err(reason), _) => Verdict::unknown(format!(
                    "the destination's search cluster does not report its identity: {reason}"
                )),
                (_, Err(reason)) => {
                    Verdict::unknown(format!("{named} does not report its identity: {reason}"))
                }
            }
        }))
        .await,
    )
}

fn judge(
    own: &SaidByCluster,
    theirs: &SaidByCluster,
    has_same_login: bool,
    variable: &str,
) -> Verdict {
    match (&own.uuid, &theirs.uuid) {
        (Some(one), Some(two)) if one != two => return Verdict::Different,
        (Some(_), Some(_)) if has_same_login => return Verdict::same(variable),
        _ => {}
    }
    match (&own.indices, &theirs.indices) {
        (Some(one), Some(two)) if !one.is_disjoint(two) => Verdict::same(variable),
        (Some(_), Some(_)) if own.uuid.is_some() && theirs.uuid.is_some() => Verdict::Different,
        // Hosts and logins differ, as compared before, and these logins cannot see more.
        _ if own.uuid.is_some() && own.uuid == theirs.uuid => Verdict::Different,
        // Without a UUID, different indices on both sides prove the same.
        (Some(one), Some(two)) if !one.is_empty() && !two.is_empty() => Verdict::Different,
        _ => Verdict::unknown("the cluster reports neither its UUID nor those of its indices"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(uuid: Option<&str>, indices: Option<&[&str]>) -> SaidByCluster {
        SaidByCluster {
            uuid: uuid.map(str::to_owned),
            indices: indices.map(|all| all.iter().map(|one| (*one).to_owned()).collect()),
        }
    }

    #[test]
    fn customers_of_one_cluster_are_distinguished() {
        let same = Verdict::same("BONSAI_URL");
        let judged = |own: &SaidByCluster, theirs: &SaidByCluster, login| {
            judge(own, theirs, login, "BONSAI_URL")
        };
        let (a, b) = (said(Some("u"), Some(&["1"])), said(Some("u"), Some(&["2"])));
        assert_eq!(judged(&a, &b, false), Verdict::Different);
        assert_eq!(judged(&a, &b, true), same);
        assert_eq!(judged(&a, &said(Some("u"), Some(&["1", "3"])), false), same);
        assert_eq!(judged(&a, &said(Some("v"), Some(&["1"])), true), Verdict::Different);
        assert_eq!(judged(&said(Some("u"), None), &b, false), Verdict::Different);
        assert!(matches!(judged(&said(None, None), &b, false), Verdict::Unknown { .. }));
        assert_eq!(judged(&said(None, Some(&["1"])), &a, false), same);
    }
}
