//! Adapts a configuration file to the world: the same site, at the world's addresses.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use toml::{Table, Value};

use super::WholeSite;

/// Keys that lead out of the sandbox, or that the sandbox sets by variables.
const ELSEWHERE: [(&str, &str); 9] = [
    ("check", "dns_server"),
    ("check", "connect"),
    ("slack", "webhook_url"),
    ("git", "url"),
    ("git", "remote"),
    ("heroku", "host"),
    ("heroku", "data_host"),
    ("heroku", "git_host"),
    ("media", "endpoint"),
];

/// The text of the file with this world's sites, and with absolute paths.
pub fn adapted(path: &Path, whole: &WholeSite) -> Result<String> {
    let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let mut table: Table = text.parse().with_context(|| format!("reading {}", path.display()))?;
    for (section, key) in ELSEWHERE {
        if let Some(section) = table.get_mut(section).and_then(Value::as_table_mut) {
            section.remove(key);
        }
    }
    if let Some(scrub) = table.get_mut("scrub").and_then(Value::as_table_mut)
        && let Some(manifest) = scrub.get("manifest").and_then(Value::as_str)
    {
        let folder = path.parent().unwrap_or(Path::new(""));
        let manifest = std::path::absolute(folder.join(manifest))?;
        scrub.insert("manifest".to_owned(), manifest.display().to_string().into());
    }
    if let Some(reset) = table.get_mut("reset").and_then(Value::as_table_mut)
        && reset.contains_key("hosts")
    {
        let place = |url: String| url.trim_start_matches("http://").to_owned();
        let pairs = whole.hosts().into_iter();
        let pairs = pairs.map(|(host, url)| Value::from(format!("{host}={}", place(url))));
        reset.insert("hosts".to_owned(), Value::Array(pairs.collect()));
    }
    let environments = table.entry("environments").or_insert_with(|| Table::new().into());
    let environments = environments.as_table_mut().context("`environments` is no table")?;
    for environment in whole.blueprint.environments() {
        let sites = whole.sites(environment).into_iter().map(Value::from).collect();
        let section = environments.entry(&environment.name).or_insert_with(|| Table::new().into());
        let section = section.as_table_mut().context("an environment is no table")?;
        section.insert("sites".to_owned(), Value::Array(sites));
    }
    Ok(table.to_string())
}
