//! Tests the GitLab adapter and `doctor`'s line about it, with a good and a bad stand-in.

use std::time::{Duration, Instant};

use bcops::adapters::gitlab::{Gitlab, PipelineState};
use bcops::adapters::json_api::{ApiError, Timing};
use bcops::failure::CommandError;
use bcops::secret::Secret;

use crate::command::{Bcops, Run};
use crate::standins::gitlab::{Fault, GitlabStandIn, Project, Rule, Token};

pub const TOKEN: &str = "glpat-stand-in-token";
pub const PROJECT: &str = "buckinghamshire-council/bc";
const OLD_SHA: &str = "2be39b9a2a6f0ec2d9b0a9a9a5fd2b1c5de5b0a1";
pub const SHA: &str = "7b5c3cc8be40ee161ae89a06bba6229da1032a0c";

/// One project, a token that may read it, and a pipeline for each of two branches.
pub async fn standin() -> GitlabStandIn {
    let standin = GitlabStandIn::start().await;
    standin.add_token(Token::new(TOKEN));
    let mut project = Project::new(42, PROJECT, &["master", "staging", "feature/a b"]);
    project.protect("master", false);
    project.protect("st*", true);
    standin.add_project(project);
    standin.add_pipeline(PROJECT, "staging", "failed", OLD_SHA);
    standin.add_pipeline(PROJECT, "staging", "success", SHA);
    standin.add_pipeline(PROJECT, "master", "running", SHA);
    standin
}

fn quick() -> Timing {
    Timing {
        connect: Duration::from_secs(2),
        request: Duration::from_secs(2),
        tries: 3,
        try_for: Duration::from_secs(5),
        ..Timing::default()
    }
}

fn client_with(standin: &GitlabStandIn, project: &str, token: &str) -> Gitlab {
    Gitlab::with_timing(&standin.url, project, Secret::new(token), quick()).expect("a client")
}

fn client(standin: &GitlabStandIn) -> Gitlab {
    client_with(standin, PROJECT, TOKEN)
}

/// The exit code, the sentence and the hints of a command.
fn told(error: ApiError) -> (u8, String) {
    let error = CommandError::from(error);
    let text = format!("{error}: {}: {}", error.causes().join(": "), error.hint_texts().join("; "));
    assert!(!text.contains(TOKEN), "{text}");
    (error.kind.exit_code(), text)
}

#[tokio::test]
async fn the_newest_pipeline_of_a_branch_is_found() {
    let standin = standin().await;
    let client = client(&standin);
    let found = client.latest_pipeline("staging").await.expect("an answer").expect("a pipeline");
    assert_eq!((found.status.as_str(), found.sha.as_str()), ("success", SHA));
    assert_eq!(found.state(), PipelineState::Passed);
    assert_eq!(found.web_url, format!("{}/{PROJECT}/-/pipelines/{}", standin.url, found.id));
    standin.set_status(found.id, "failed");
    let found = client.latest_pipeline("staging").await.expect("an answer").expect("a pipeline");
    assert_eq!(found.state(), PipelineState::Failed);
    let running = client.latest_pipeline("master").await.expect("an answer").expect("a pipeline");
    assert_eq!(running.state(), PipelineState::UnderWay);
    assert_eq!(client.latest_pipeline("feature/a b").await.expect("an answer"), None);
    for request in standin.requests() {
        assert_eq!(
            (request.method.as_str(), request.header("private-token")),
            ("GET", Some(TOKEN))
        );
        assert!(request.path.starts_with("/api/v4/projects/buckinghamshire-council%2Fbc/"));
    }
}

#[tokio::test]
async fn a_project_is_found_by_its_number_and_its_path() {
    let standin = standin().await;
    assert_eq!(client(&standin).user().await.expect("a user").username, "operator");
    for name in [PROJECT, "42"] {
        let project = client_with(&standin, name, TOKEN).project().await.expect("a project");
        assert_eq!((project.id, project.path_with_namespace.as_str()), (42, PROJECT));
    }
}

#[tokio::test]
async fn protection_is_read_from_all_rules() {
    let standin = standin().await;
    let force = async |branch: &str| {
        let found = client(&standin).protected_branch(branch).await.expect("an answer");
        found.map(|found| found.allow_force_push)
    };
    assert_eq!(force("master").await, Some(false));
    assert_eq!(force("staging").await, Some(true));
    assert_eq!(force("dev").await, None);
    let mut large = Project::new(43, "council/large", &["master"]);
    for number in 0..205 {
        large.protect(&format!("release-{number}"), false);
    }
    standin.add_project(large);
    let client = client_with(&standin, "council/large", TOKEN);
    let last = client.protected_branch("release-204").await.expect("an answer");
    assert!(last.is_some_and(|found| !found.allow_force_push), "it is on the third page");
}

#[tokio::test]
async fn wrong_tokens_and_wrong_projects_are_distinguished() {
    let standin = standin().await;
    standin.add_token(Token { revoked: true, ..Token::new("glpat-revoked") });
    standin.add_token(Token { scopes: vec!["read_user"], ..Token::new("glpat-user") });
    standin.add_token(Token { projects: vec!["council/x".to_owned()], ..Token::new("glpat-x") });
    for (project, token, words) in [
        (PROJECT, "glpat-unknown", ["refused the token", "set GITLAB_TOKEN"]),
        (PROJECT, "glpat-revoked", ["Token was revoked", "set GITLAB_TOKEN"]),
        (PROJECT, "glpat-user", ["higher privileges", "read_api"]),
        (PROJECT, "glpat-x", ["404 Project Not Found", "gitlab.project"]),
        ("council/none", TOKEN, ["404 Project Not Found", "gitlab.project"]),
    ] {
        let client = client_with(&standin, project, token);
        let error = client.latest_pipeline("staging").await.expect_err(token);
        assert!(!error.is_transient(), "{error}");
        let (code, text) = told(error);
        assert_eq!(code, 3, "{text}");
        assert!(words.iter().all(|word| text.contains(word)), "{text}");
        assert!(!text.contains(token) || token == TOKEN, "{text}");
    }
    assert_eq!(standin.requests().len(), 5, "none of them is worth another try");
}

#[tokio::test]
async fn temporary_failures_are_retried() {
    for fault in [
        Fault::ServerError,
        Fault::HtmlUnavailable,
        Fault::RateLimited(0),
        Fault::RateLimited(1),
        Fault::Close,
    ] {
        let standin = standin().await;
        standin.misbehave(Rule::times(2, "/pipelines", fault.clone()));
        let found = client(&standin).latest_pipeline("staging").await;
        assert!(found.is_ok_and(|found| found.is_some()), "{fault:?}");
        assert_eq!(standin.requests().len(), 3, "{fault:?}");
    }
}

#[tokio::test]
async fn permanent_failures_are_reported() {
    let other = standin().await;
    let elsewhere = format!("{}/api/v4/user", other.url);
    let other_branch = format!(
        r#"[{{"id": 1, "status": "success", "ref": "master", "sha": "{SHA}",
        "web_url": "https://git.example/1", "created_at": "2026-03-02T09:11:12Z"}}]"#
    );
    for (fault, code, words, requests) in [
        (Fault::ServerError, 1, "(HTTP 500): 500 Internal Server Error", 3),
        (Fault::HtmlUnavailable, 1, "(HTTP 503): Service Unavailable", 3),
        (Fault::RateLimited(1), 1, "wait 1 s", 3),
        // Longer than all retries.
        (Fault::RateLimited(900), 1, "wait 900 s", 1),
        (Fault::Close, 1, "no answer from 127.0.0.1", 3),
        (Fault::Unauthorized, 3, "refused the token", 1),
        (Fault::Forbidden, 3, "this token lacks permission", 1),
        (Fault::NotFound, 3, "gitlab.project", 1),
        (Fault::HtmlNotFound, 3, "does not offer GitLab's API", 1),
        (Fault::HtmlPage, 3, "is not GitLab's", 1),
        (Fault::Body("{}".to_owned()), 3, "is not GitLab's", 1),
        (Fault::Body(r#"[{"id": 1}]"#.to_owned()), 3, "is not GitLab's", 1),
        (Fault::Body(other_branch), 3, "its pipeline belongs to another branch", 1),
        (Fault::Endless, 3, "it is too long or never ends", 1),
        (Fault::Redirect(elsewhere), 3, "redirects to another server (HTTP 301)", 1),
        (
            Fault::Redirect("https://h.example/users/sign_in".to_owned()),
            3,
            "redirects to another server",
            1,
        ),
    ] {
        let standin = standin().await;
        standin.misbehave(Rule::always("/pipelines", fault.clone()));
        let error = client(&standin).latest_pipeline("staging").await.expect_err("a fault");
        let (told, text) = told(error);
        assert_eq!((told, standin.requests().len()), (code, requests), "{fault:?}: {text}");
        assert!(text.contains(words), "{fault:?}: {text}");
        assert!(text.contains("cannot read the last pipeline of staging"), "{text}");
    }
    assert_eq!(other.requests().len(), 0, "the token stays with its server");
}

#[tokio::test]
async fn a_moved_project_is_followed_on_its_own_server() {
    let standin = standin().await;
    let old = client_with(&standin, "old/name", TOKEN);
    let place = format!("{}/api/v4/projects/42/pipelines?ref=staging&per_page=1", standin.url);
    standin.misbehave(Rule::times(1, "old%2Fname", Fault::Redirect(place)));
    let found = old.latest_pipeline("staging").await.expect("an answer").expect("a pipeline");
    assert_eq!(found.sha, SHA);
    standin.misbehave(Rule::always("/api/v4/user", Fault::Redirect("/api/v4/user".to_owned())));
    let (code, text) = told(old.user().await.expect_err("a loop"));
    assert_eq!(code, 3);
    assert!(text.contains("redirects never end"), "{text}");
}

#[tokio::test]
async fn silence_ends_in_time() {
    let standin = standin().await;
    standin.misbehave(Rule::always("/pipelines", Fault::Hang));
    let timing = Timing { request: Duration::from_secs(1), tries: 2, ..quick() };
    let client = Gitlab::with_timing(&standin.url, PROJECT, Secret::new(TOKEN), timing);
    let started = Instant::now();
    let error = client.expect("a client").latest_pipeline("staging").await.expect_err("silence");
    assert!(started.elapsed() < Duration::from_secs(5));
    assert!(error.to_string().ends_with("did not answer within 1 s"), "{error}");
}

/// The line about GitLab from a `doctor` without other checks.
fn doctor(bcops: &Bcops) -> (Run, String) {
    let run = bcops.run(&["doctor"]);
    let mut lines = run.stdout.lines().skip_while(|line| !line.contains("  GitLab  "));
    let mut text = lines.next().unwrap_or_default().to_owned();
    text.extend(lines.next().filter(|line| line.contains("fix:")));
    (run.exits(3), text)
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_reports_whether_the_token_is_valid() {
    let standin = standin().await;
    standin.add_token(Token { scopes: vec!["read_user"], ..Token::new("glpat-user") });
    let mut bcops = Bcops::new();
    let (_, line) = doctor(&bcops);
    assert!(line.starts_with("skip    GitLab"), "{line}");
    assert!(line.contains("GITLAB_TOKEN is not set"), "{line}");
    bcops.set("GITLAB_URL", &standin.url);
    bcops.set("GITLAB_TOKEN", TOKEN);
    let (run, line) = doctor(&bcops);
    assert!(line.starts_with("pass    GitLab"), "{line}");
    assert!(line.contains("operator can read buckinghamshire-council/bc on 127.0.0.1"), "{line}");
    assert!(!run.printed().contains(TOKEN), "{}", run.printed());
    for (token, project, words) in [
        ("glpat-user", PROJECT, ["higher privileges", "fix: make an access token"]),
        ("glpat-unknown", PROJECT, ["401 Unauthorized", "fix: make a new access token"]),
        (TOKEN, "council/none", ["404 Project Not Found", "gitlab.project"]),
        ("two\nlines", PROJECT, ["characters that a token cannot have", "fix: make a new"]),
    ] {
        bcops.set("GITLAB_TOKEN", token);
        bcops.write("bcops.toml", &format!("[gitlab]\nproject = \"{project}\"\n"));
        let (run, line) = doctor(&bcops);
        assert!(line.starts_with("fail    GitLab"), "{line}");
        assert!(words.iter().all(|word| line.contains(word)), "{line}");
        assert!(!run.printed().contains(token), "{}", run.printed());
    }
    bcops.set("GITLAB_URL", "http://git.example");
    let (_, line) = doctor(&bcops);
    assert!(line.contains("the token would be sent unencrypted"), "{line}");
}
