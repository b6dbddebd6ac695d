//! Plays the reading part of GitLab's API: tokens with their scopes, projects, pipelines, branches
//! and their protection, in pages and with GitLab's own words for refusals.
//!
//! As in GitLab, an object that a token may not see looks like a missing one.

mod faults;
mod projects;
mod server;

use std::sync::{Arc, Mutex, MutexGuard};

pub use faults::{Fault, Rule};
pub use projects::{Pipeline, Project};

use super::server::{Intake, Recorded, Server, bind};

/// A token and what it may do.
#[derive(Debug, Clone)]
pub struct Token {
    pub secret: String,
    pub username: String,
    /// `api`, `read_api`, `read_user` and so on.
    pub scopes: Vec<&'static str>,
    pub revoked: bool,
    /// The paths of the projects it may see. Empty means all.
    pub projects: Vec<String>,
}

impl Token {
    pub fn new(secret: &str) -> Token {
        Token {
            secret: secret.to_owned(),
            username: "operator".to_owned(),
            scopes: vec!["read_api"],
            revoked: false,
            projects: Vec::new(),
        }
    }
}

#[derive(Default)]
struct World {
    tokens: Vec<Token>,
    projects: Vec<Project>,
    next_pipeline: u64,
}

pub(crate) struct Shared {
    world: Mutex<World>,
    intake: Intake<Fault>,
    url: String,
}

/// A running stand-in. It stops when it is dropped.
pub struct GitlabStandIn {
    shared: Arc<Shared>,
    _server: Server,
    /// For `GITLAB_URL`.
    pub url: String,
}

impl GitlabStandIn {
    pub async fn start() -> GitlabStandIn {
        let listener = bind(0).await;
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let world = World { next_pipeline: 1001, ..World::default() };
        let world = Mutex::new(world);
        let shared = Arc::new(Shared { world, intake: Intake::default(), url: url.clone() });
        let of_server = Arc::clone(&shared);
        let answer = move |request| server::answer(Arc::clone(&of_server), request);
        GitlabStandIn { shared, _server: Server::start(listener, answer), url }
    }

    pub fn add_token(&self, token: Token) {
        self.shared.lock().tokens.push(token);
    }

    pub fn add_project(&self, project: Project) {
        self.shared.lock().projects.push(project);
    }

    /// Adds a pipeline, which is the newest then, and gives its number.
    pub fn add_pipeline(&self, project: &str, branch: &str, status: &str, sha: &str) -> u64 {
        let mut world = self.shared.lock();
        let id = world.next_pipeline;
        world.next_pipeline += 1;
        let project = world.projects.iter_mut().find(|one| one.path == project);
        let (branch, status, sha) = (branch.to_owned(), status.to_owned(), sha.to_owned());
        project.expect("a project").pipelines.push(Pipeline { id, branch, status, sha });
        id
    }

    /// Changes the state of a pipeline.
    pub fn set_status(&self, pipeline: u64, status: &str) {
        let mut world = self.shared.lock();
        let mut pipelines = world.projects.iter_mut().flat_map(|one| &mut one.pipelines);
        let found = pipelines.find(|one| one.id == pipeline);
        found.expect("a pipeline").status = status.to_owned();
    }

    /// Misbehave as told, until the rule is used up.
    pub fn misbehave(&self, rule: Rule) {
        self.shared.intake.misbehave(rule);
    }

    pub fn requests(&self) -> Vec<Recorded> {
        self.shared.intake.requests()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, World> {
        self.world.lock().expect("no panic")
    }
}
