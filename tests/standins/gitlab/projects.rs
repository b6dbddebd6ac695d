//! Holds projects with their pipelines, branches and rules of protection.

use serde_json::{Value, json};

use super::server::{not_found, page, refusal};
use crate::standins::server::{Recorded, Reply};

#[derive(Debug, Clone)]
pub struct Project {
    pub id: u64,
    /// With its groups.
    pub path: String,
    pub branches: Vec<String>,
    /// Names, which may hold `*`, and whether they allow force push.
    pub protected: Vec<(String, bool)>,
    /// The oldest first.
    pub pipelines: Vec<Pipeline>,
}

#[derive(Debug, Clone)]
pub struct Pipeline {
    pub id: u64,
    pub branch: String,
    pub status: String,
    pub sha: String,
}

impl Project {
    pub fn new(id: u64, path: &str, branches: &[&str]) -> Project {
        Project {
            id,
            path: path.to_owned(),
            branches: branches.iter().map(|name| (*name).to_owned()).collect(),
            protected: Vec::new(),
            pipelines: Vec::new(),
        }
    }

    pub fn protect(&mut self, name: &str, allow_force_push: bool) {
        self.protected.push((name.to_owned(), allow_force_push));
    }

    pub fn json(&self, url: &str) -> Value {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        json!({
            "id": self.id,
            "name": name,
            "path": name,
            "path_with_namespace": self.path,
            "default_branch": self.branches.first(),
            "visibility": "private",
            "permissions": { "project_access": null, "group_access": { "access_level": 30 } },
            "web_url": format!("{url}/{}", self.path),
        })
    }

    /// Everything below the project itself.
    pub fn answer(&self, url: &str, path: &[&str], request: &Recorded) -> Reply {
        match path {
            ["pipelines"] => self.list(url, request),
            ["pipelines", "latest"] => self.latest(url, request),
            ["pipelines", id] => {
                let found = self.pipelines.iter().find(|one| one.id.to_string() == **id);
                found.map_or_else(not_found, |one| Reply::ok(self.pipeline(url, one)))
            }
            ["protected_branches"] => {
                page(self.protected.iter().map(protection).collect(), request)
            }
            ["protected_branches", name] => {
                let found = self.protected.iter().find(|(one, _)| one == name);
                found.map_or_else(not_found, |one| Reply::ok(protection(one)))
            }
            ["repository", "branches"] => {
                page(self.branches.iter().map(|name| self.branch(name)).collect(), request)
            }
            ["repository", "branches", name] => {
                let found = self.branches.iter().find(|one| one == name);
                let missing = || refusal(404, "404 Branch Not Found");
                found.map_or_else(missing, |one| Reply::ok(self.branch(one)))
            }
            _ => not_found(),
        }
    }

    fn list(&self, url: &str, request: &Recorded) -> Reply {
        if request.parameter("order_by").is_some_and(|order| order != "id") {
            return Reply::new(400, json!({ "error": "order_by does not have a valid value" }));
        }
        let fits = |one: &&Pipeline| {
            request.parameter("ref").is_none_or(|wanted| wanted == one.branch)
                && request.parameter("status").is_none_or(|wanted| wanted == one.status)
                && request.parameter("sha").is_none_or(|wanted| wanted == one.sha)
        };
        let mut found: Vec<&Pipeline> = self.pipelines.iter().filter(fits).collect();
        if request.parameter("sort").is_none_or(|order| order != "asc") {
            found.reverse();
        }
        page(found.into_iter().map(|one| self.pipeline(url, one)).collect(), request)
    }

    fn latest(&self, url: &str, request: &Recorded) -> Reply {
        let default = self.branches.first().cloned().unwrap_or_default();
        let branch = request.parameter("ref").unwrap_or(default);
        // GitLab answers this also if there was none.
        let missing = || refusal(403, "403 Forbidden");
        let found = self.pipelines.iter().rfind(|one| one.branch == branch);
        found.map_or_else(missing, |one| Reply::ok(self.pipeline(url, one)))
    }

    fn pipeline(&self, url: &str, one: &Pipeline) -> Value {
        json!({
            "id": one.id,
            "iid": one.id - 1000,
            "project_id": self.id,
            "sha": one.sha,
            "ref": one.branch,
            "status": one.status,
            "source": "push",
            "created_at": "2026-03-02T09:11:12.345Z",
            "updated_at": "2026-03-02T09:15:02.001Z",
            "web_url": format!("{url}/{}/-/pipelines/{}", self.path, one.id),
        })
    }

    fn branch(&self, name: &str) -> Value {
        json!({
            "name": name,
            "merged": false,
            "protected": self.protected.iter().any(|(one, _)| one == name),
            "default": self.branches.first().is_some_and(|first| first == name),
            "commit": { "id": "7b5c3cc8be40ee161ae89a06bba6229da1032a0c", "short_id": "7b5c3cc8" },
        })
    }
}

fn protection((name, allow_force_push): &(String, bool)) -> Value {
    let maintainers = json!([{ "access_level": 40, "access_level_description": "Maintainers" }]);
    json!({
        "id": 1,
        "name": name,
        "push_access_levels": maintainers,
        "merge_access_levels": maintainers,
        "allow_force_push": allow_force_push,
    })
}
