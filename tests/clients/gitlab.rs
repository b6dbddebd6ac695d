//! Proves the GitLab stand-in: the real `python-gitlab` works with it, and sees the same as
//! `bcops`.
//!
//! `BCOPS_PYTHON_CLIENTS` names the environment that `tests/install-python-clients.sh` makes.
//! Without it this test prints that it is skipped.

use std::path::PathBuf;
use std::process::{Command, Output};

use bcops::adapters::gitlab::Gitlab;
use bcops::secret::Secret;
use serde_json::{Value, json};

use crate::gitlab::{PROJECT, TOKEN, standin};
use crate::standins::gitlab::{Fault, GitlabStandIn, Rule};

/// Runs the driver. `None` if there is no Python with the client.
fn drive(standin: &GitlabStandIn, branch: &str) -> Option<Output> {
    let Some(folder) = std::env::var_os("BCOPS_PYTHON_CLIENTS") else {
        eprintln!("skipped: BCOPS_PYTHON_CLIENTS is not set, so there is no python-gitlab to run");
        return None;
    };
    let mut command = Command::new(PathBuf::from(folder).join("bin/python"));
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/gitlab_client.py"));
    command.args([&standin.url, TOKEN, PROJECT, branch]).env_clear();
    Some(command.output().expect("Python"))
}

#[tokio::test(flavor = "multi_thread")]
async fn python_gitlab_and_bcops_see_the_same() {
    let standin = standin().await;
    let Some(output) = drive(&standin, "staging") else { return };
    let messages = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{messages}");
    let seen: Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    let bcops = Gitlab::new(&standin.url, PROJECT, Secret::new(TOKEN), None).expect("a client");
    let ours = bcops.latest_pipeline("staging").await.expect("an answer").expect("a pipeline");
    let user = bcops.user().await.expect("a user");
    let project = bcops.project().await.expect("a project");
    let protection = bcops.protected_branch("master").await.expect("an answer");
    let wanted = json!({
        "version": "17.11.1",
        "username": user.username,
        "project": [project.id, project.path_with_namespace],
        "newest": [ours.id, ours.status, ours.sha, ours.git_ref, ours.web_url],
        "latest": ours.id,
        "by_id": ours.status,
        "all": [1003, 1002, 1001],
        "branches": ["feature/a b", "master", "staging"],
        "protected": { "master": false, "st*": true },
        "master": protection.map(|found| found.allow_force_push),
        "failures": [
            ["GitlabAuthenticationError", 401],
            ["GitlabGetError", 404],
            ["GitlabGetError", 404],
            ["GitlabGetError", 404],
        ],
    });
    assert_eq!(seen, wanted);
}

#[tokio::test(flavor = "multi_thread")]
async fn python_gitlab_waits_as_the_stand_in_asks() {
    let standin = standin().await;
    standin.misbehave(Rule::times(1, "/pipelines", Fault::RateLimited(1)));
    let Some(output) = drive(&standin, "staging") else { return };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let asked = standin.requests().into_iter().filter(|one| one.path.contains("per_page=1&"));
    assert_eq!(asked.count(), 2, "the request that was turned away, and the same once more");
}
