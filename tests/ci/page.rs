//! Reads the jobs of docs/ci.md as GitLab reads a `.gitlab-ci.yml`: all blocks are one file.

use std::collections::BTreeMap;
use std::ops::Index;

use yaml_rust2::yaml::Hash;
use yaml_rust2::{Yaml, YamlLoader};

const PAGE: &str = include_str!("../../docs/ci.md");

/// Every key that a job of the page uses. GitLab refuses an unknown one.
const KEYS: [&str; 16] = [
    "after_script",
    "artifacts",
    "before_script",
    "extends",
    "image",
    "interruptible",
    "needs",
    "resource_group",
    "retry",
    "rules",
    "script",
    "services",
    "stage",
    "timeout",
    "variables",
    "when",
];

/// A job with everything that it extends.
pub struct Job {
    pub name: String,
    pub before_script: Vec<String>,
    pub script: Vec<String>,
    pub after_script: Vec<String>,
    pub variables: BTreeMap<String, String>,
    /// Conditions, each with its `when`.
    rules: Vec<(Option<String>, String)>,
    /// Paths and reports.
    pub artifacts: Vec<String>,
    /// Artifacts are kept also where the job failed.
    pub keeps_always: bool,
    pub needs: Vec<String>,
}

/// The jobs of the page, without hidden ones.
pub fn jobs() -> Vec<Job> {
    let file = file();
    let names = file.keys().filter_map(Yaml::as_str).filter(|name| !name.starts_with('.'));
    names.map(|name| Job::of(name, &resolved(&file, name))).collect()
}

pub fn job(name: &str) -> Job {
    let found = jobs().into_iter().find(|job| job.name == name);
    found.unwrap_or_else(|| panic!("docs/ci.md has no job {name}"))
}

fn file() -> Hash {
    let mut text = String::new();
    let mut is_inside = false;
    for line in PAGE.lines() {
        match (is_inside, line) {
            (false, "```yaml") => is_inside = true,
            (true, "```") => is_inside = false,
            (true, line) => text.push_str(&format!("{line}\n")),
            _ => {}
        }
    }
    let mut documents = YamlLoader::load_from_str(&text).expect("YAML");
    assert_eq!(documents.len(), 1);
    documents.remove(0).into_hash().expect("jobs by name")
}

/// The job over what it extends: maps are merged, and anything else is replaced.
fn resolved(file: &Hash, name: &str) -> Hash {
    let job = file.get(&Yaml::String(name.to_owned())).and_then(Yaml::as_hash);
    let job = job.unwrap_or_else(|| panic!("no job {name}"));
    match job.get(&Yaml::String("extends".to_owned())).and_then(Yaml::as_str) {
        Some(base) => merged(resolved(file, base), job),
        None => job.clone(),
    }
}

fn merged(mut base: Hash, over: &Hash) -> Hash {
    for (key, value) in over {
        let value = match (base.get(key), value) {
            (Some(Yaml::Hash(below)), Yaml::Hash(above)) => {
                Yaml::Hash(merged(below.clone(), above))
            }
            (_, value) => value.clone(),
        };
        base.insert(key.clone(), value);
    }
    base
}

impl Job {
    fn of(name: &str, job: &Hash) -> Job {
        let job = Yaml::Hash(job.clone());
        for key in job.as_hash().expect("a map").keys() {
            let key = key.as_str().expect("a key");
            assert!(KEYS.contains(&key), "{name}: GitLab has no key {key}");
        }
        let variables = job.index("variables").as_hash().cloned().unwrap_or_default();
        let variable = |(name, value): (&Yaml, &Yaml)| {
            let text = value.as_str().expect("a variable is a text");
            (name.as_str().expect("a name").to_owned(), text.to_owned())
        };
        let rules = job.index("rules").as_vec().cloned().unwrap_or_default();
        let rule = |rule: &Yaml| {
            let when = rule.index("when").as_str().unwrap_or("on_success");
            (rule.index("if").as_str().map(str::to_owned), when.to_owned())
        };
        let artifacts = job.index("artifacts");
        let junit = artifacts.index("reports").index("junit").as_str();
        let reports = junit.map(str::to_owned).into_iter().collect();
        let made = Job {
            name: name.to_owned(),
            before_script: lines(job.index("before_script")),
            script: lines(job.index("script")),
            after_script: lines(job.index("after_script")),
            variables: variables.iter().map(variable).collect(),
            rules: rules.iter().map(rule).collect(),
            artifacts: [lines(artifacts.index("paths")), reports].concat(),
            keeps_always: artifacts.index("when").as_str() == Some("always"),
            needs: lines(job.index("needs")),
        };
        assert!(!made.script.is_empty(), "{name} has no script");
        made
    }

    /// Whether a pipeline with these variables has the job: `on_success`, `manual` or nothing.
    pub fn when(&self, variables: &BTreeMap<String, String>) -> Option<&str> {
        if self.rules.is_empty() {
            return Some("on_success");
        }
        let holds = |condition: &Option<String>| {
            condition.as_ref().is_none_or(|text| text.split(" && ").all(|one| is(one, variables)))
        };
        self.rules.iter().find(|(condition, _)| holds(condition)).map(|(_, when)| when.as_str())
    }
}

/// `$NAME == "text"`.
fn is(condition: &str, variables: &BTreeMap<String, String>) -> bool {
    let parts = condition.split_once(" == ");
    let (name, value) = parts.unwrap_or_else(|| panic!("not a comparison: {condition}"));
    let name = name.strip_prefix('$').expect("a variable");
    let value = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).expect("a text");
    variables.get(name).is_some_and(|found| found == value)
}

fn lines(list: &Yaml) -> Vec<String> {
    let items = list.as_vec().cloned().unwrap_or_default();
    items.iter().map(|item| item.as_str().expect("a line").to_owned()).collect()
}
