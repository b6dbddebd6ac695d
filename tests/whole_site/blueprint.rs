//! Describes the site of the world: the council's, or the one of a configuration file.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use bcops::settings::{Environment, ProcessEnv, Settings};

/// The differences between the worlds of two sites.
#[derive(Clone)]
pub struct Blueprint {
    /// The prefix of the names of databases and roles, which distinguishes templates.
    pub name: String,
    pub settings: Settings,
    pub production: Environment,
    pub staging: Environment,
    /// The other environments with apps.
    pub others: Vec<Environment>,
    pub sample: Sample,
    /// The Python package of the site, and the apps in it that have migrations. The first two of
    /// them get new ones.
    pub package: String,
    pub apps: Vec<String>,
}

/// The source of production's rows.
#[derive(Clone)]
pub enum Sample {
    /// `tests/site/`, or the real site's schema if the fixtures exist.
    Council,
    /// `site.sql` of this folder, and `staging.sql` turns a copy into staging.
    Folder(PathBuf),
}

impl Blueprint {
    /// The built-in configuration, with the three known apps.
    pub fn council() -> Blueprint {
        let mut blueprint = Blueprint::built_in().expect("the built-in settings are good");
        blueprint.others.retain(|one| one.name == "content-prep");
        blueprint
    }

    /// The whole built-in configuration.
    pub fn built_in() -> Result<Blueprint> {
        Blueprint::of_settings(load(None)?, None)
    }

    /// The site of a configuration file. Its rows are in the folder `rehearsal` beside the file;
    /// otherwise they are the council's.
    pub fn of_file(path: &Path) -> Result<Blueprint> {
        let folder = path.parent().map(|parent| parent.join("rehearsal"));
        Blueprint::of_settings(
            load(Some(path))?,
            folder.filter(|one| one.join("site.sql").is_file()),
        )
    }

    fn of_settings(settings: Settings, folder: Option<PathBuf>) -> Result<Blueprint> {
        let mut all: Vec<Environment> = settings.environments.values().cloned().collect();
        let mut take = |name: &str, protected: bool| {
            let named = |one: &Environment| one.name == name && one.protected == protected;
            let place = all.iter().position(named);
            let place = place.or_else(|| all.iter().position(|one| one.protected == protected))?;
            Some(all.remove(place))
        };
        let production =
            take("production", true).context("no environment of the configuration is protected")?;
        let staging = take("staging", false)
            .context("every environment of the configuration is protected")?;
        let strings = |list: &[&str]| list.iter().map(|one| (*one).to_owned()).collect();
        let (name, package, sample, apps) = match folder {
            None => {
                let apps = strings(&["feedback", "news", "forms", "home"]);
                ("bc".to_owned(), "bc".to_owned(), Sample::Council, apps)
            }
            Some(folder) => {
                let project = settings.gitlab.project.value.rsplit('/').next().unwrap_or_default();
                let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
                let package: String = project.to_ascii_lowercase().chars().map(plain).collect();
                let apps = apps_of(&folder)?;
                (format!("site_{package}"), package, Sample::Folder(folder), apps)
            }
        };
        Ok(Blueprint { name, settings, production, staging, others: all, sample, package, apps })
    }

    /// The branches of production and of staging.
    pub fn branches(&self) -> [&str; 2] {
        [
            self.production.branch.as_deref().unwrap_or("master"),
            self.staging.branch.as_deref().unwrap_or("staging"),
        ]
    }

    pub fn environments(&self) -> impl Iterator<Item = &Environment> {
        [&self.production, &self.staging].into_iter().chain(&self.others)
    }

    /// An environment's bucket.
    pub fn bucket(&self, environment: &Environment) -> String {
        format!("{}-{}", self.package.replace('_', "-"), environment.name)
    }

    /// The script that turns production's rows into staging's.
    pub fn staging_script(&self) -> PathBuf {
        match &self.sample {
            Sample::Council => {
                Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/whole_site/staging.sql")
            }
            Sample::Folder(folder) => folder.join("staging.sql"),
        }
    }
}

/// Ignores the variables and the user's own file.
fn load(config_file: Option<&Path>) -> Result<Settings> {
    let nowhere = tempfile::tempdir()?;
    let process = ProcessEnv {
        variable: &|_| None,
        working_directory: nowhere.path(),
        home: None,
        config_file,
    };
    Ok(Settings::load(&process)?)
}

/// The site's own apps, according to the sample's applied migrations.
fn apps_of(folder: &Path) -> Result<Vec<String>> {
    const DJANGO: [&str; 6] = ["admin", "auth", "contenttypes", "sessions", "sites", "taggit"];
    let path = folder.join("site.sql");
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let rows = text.split("COPY public.django_migrations ").nth(1).unwrap_or_default();
    let rows = rows.lines().skip(1).take_while(|line| *line != "\\.");
    let mut apps: Vec<String> =
        rows.filter_map(|row| row.split('\t').nth(1)).map(str::to_owned).collect();
    apps.retain(|app| !DJANGO.contains(&app.as_str()) && !app.starts_with("wagtail"));
    apps.sort();
    apps.dedup();
    anyhow::ensure!(
        apps.len() > 1,
        "{}: two apps of the site have to have migrations",
        path.display()
    );
    Ok(apps)
}
