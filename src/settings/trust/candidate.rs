//! Reads a found file with everything that its trust depends on: its place, its bytes, and the
//! files that it names.

use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::store::{Record, Store};
use super::{StoreError, addresses};
use crate::settings::files::Contents;
use crate::settings::keys::{self, Trust};
use crate::settings::layers::{Layers, Origin, RawValue, Sourced};
use crate::settings::{ProcessEnv, SettingsError, digest};

/// Parameters of a database URL that name files.
const FILES_OF_A_URL: [&str; 8] = [
    "sslrootcert",
    "sslcert",
    "sslkey",
    "sslcrl",
    "sslcrldir",
    "passfile",
    "service",
    "servicefile",
];

/// A file that was found, and not named.
#[derive(Debug)]
pub struct Candidate {
    pub contents: Contents,
    pub layers: Layers,
    pub files: Vec<NamedFile>,
}

/// A file that the configuration names.
#[derive(Debug, Clone)]
pub struct NamedFile {
    pub key: &'static str,
    pub path: PathBuf,
    /// `None` if it cannot be read.
    pub bytes: Option<Vec<u8>>,
}

/// Whether a found file is trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Trusted,
    /// The file, or a file that it names, differs from the trusted content.
    Changed,
    Unknown,
}

impl Candidate {
    pub fn read(path: &Path, process: &ProcessEnv<'_>) -> Result<Candidate, SettingsError> {
        let operator = crate::settings::owner::Operator::of(process);
        let contents = Contents::of_the_operator(path, &operator)?;
        let mut layers = Layers::default();
        let origin = |line| Origin::File { path: path.to_owned(), line };
        layers.add_text(contents.text()?, &origin)?;
        let files = named_files(&layers, &contents.place, process.working_directory);
        Ok(Candidate { contents, layers, files })
    }

    /// Refuses values that no found file may set, trusted or not.
    pub fn check(&self) -> Result<(), SettingsError> {
        addresses::check(&self.layers)?;
        for (name, given) in &self.layers.values {
            if let [first, environment, ..] = name.as_slice()
                && first == "environments"
                && !is_plain_name(environment)
            {
                return Err(SettingsError::BadValue {
                    origin: given.origin.to_string(),
                    key: "environments".to_owned(),
                    value: environment.clone(),
                    reason:
                        "an environment's name may hold only lower-case letters, digits and hyphens"
                            .to_owned(),
                });
            }
        }
        Ok(())
    }

    /// The keys that need trust. `others` are the user's own settings, which are weaker than a
    /// found file.
    pub fn keys_that_need_trust(&self, others: &Layers) -> Vec<String> {
        let manifest_is_replaced = keys::SCRUB_MANIFEST.declaration.raw(others).is_some();
        let needs_trust = |name: &[String]| {
            let parts: Vec<&str> = name.iter().map(String::as_str).collect();
            match keys::find(&parts).map(|key| key.trust) {
                Some(Trust::Harmless) => false,
                // The manifest's content is checked when it is read.
                Some(Trust::ByItsManifest) => manifest_is_replaced,
                Some(Trust::Needed) | None => true,
            }
        };
        let wanting = self.layers.values.keys().filter(|name| needs_trust(name));
        wanting.map(|name| name.join(".")).collect()
    }

    /// Every key that the file sets, with its value, in the order of the lines.
    pub fn given(&self) -> Vec<(String, &Sourced<RawValue>)> {
        let mut all: Vec<_> =
            self.layers.values.iter().map(|(name, given)| (name.join("."), given)).collect();
        all.sort_by_key(|(_, given)| match &given.origin {
            Origin::File { line, .. } => *line,
            _ => 0,
        });
        all
    }

    /// The names of environments that are safe to show and type.
    pub fn environments(&self) -> Vec<String> {
        let names = self.layers.values.keys().filter_map(|name| match name.as_slice() {
            [first, environment, ..] if first == "environments" => Some(environment),
            _ => None,
        });
        let names: BTreeSet<&String> = names.filter(|name| is_plain_name(name)).collect();
        names.into_iter().cloned().collect()
    }

    pub fn standing(&self, store: &Store) -> Result<Standing, StoreError> {
        Ok(match store.record(&self.contents.place)? {
            Some(record) if record.fingerprint == self.fingerprint() => Standing::Trusted,
            Some(_) => Standing::Changed,
            None => Standing::Unknown,
        })
    }

    /// Records that the user trusts exactly this content.
    pub fn trust(&self, store: &Store) -> Result<(), StoreError> {
        let place = &self.contents.place;
        store.write(place, &Record::new(place, self.fingerprint()))
    }

    /// A digest of the place, the file behind it, its bytes, and the bytes of every file that it
    /// names.
    fn fingerprint(&self) -> String {
        let mut parts = digest::Parts::new();
        parts.add(b"bcops trust 1");
        parts.add(self.contents.place.as_os_str().as_bytes());
        parts.add(self.contents.real.as_os_str().as_bytes());
        parts.add(&self.contents.bytes);
        for file in &self.files {
            parts.add(file.key.as_bytes());
            parts.add(file.path.as_os_str().as_bytes());
            match &file.bytes {
                Some(bytes) => parts.add(digest::of(bytes).as_bytes()),
                None => parts.add(b"not readable"),
            }
        }
        parts.finish()
    }
}

/// Whether a name is safe in a command, a path and a message.
fn is_plain_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('-')
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

fn named_files(layers: &Layers, place: &Path, working_directory: &Path) -> Vec<NamedFile> {
    let folder = place.parent().unwrap_or(Path::new("/"));
    let mut paths: Vec<(&'static str, PathBuf)> = Vec::new();
    let manifest = keys::SCRUB_MANIFEST;
    if let Ok(Some(given)) = manifest.given(layers) {
        paths.push((manifest.declaration.name, folder.join(given.value)));
    }
    let database = keys::LOCAL_DATABASE_URL;
    let url = database.given(layers).ok().flatten();
    let url = url.and_then(|given| url::Url::parse(given.value.expose()).ok());
    for (name, value) in url.iter().flat_map(url::Url::query_pairs) {
        if FILES_OF_A_URL.contains(&name.as_ref()) {
            let path = working_directory.join(value.as_ref());
            paths.push((database.declaration.name, path));
        }
    }
    let read = |(key, path): (&'static str, PathBuf)| {
        let bytes = path.is_file().then(|| std::fs::read(&path).ok()).flatten();
        NamedFile { key, path, bytes }
    };
    paths.into_iter().map(read).collect()
}
