//! Finds the configuration files, and reads each of them once.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::owner::Operator;
use super::{ProcessEnv, SettingsError};

/// The name of a file that is searched from the working directory upwards.
pub const FOUND_NAME: &str = "bcops.toml";

/// The variable that names a file as `--config` does.
pub const VARIABLE: &str = "BCOPS_CONFIG";

/// The largest file. A larger configuration is a mistake.
const LARGEST: u64 = 4 * 1024 * 1024;

/// The files that are read, strongest first.
#[derive(Debug, Default)]
pub struct Files {
    /// `--config`, else `BCOPS_CONFIG`.
    pub named: Option<PathBuf>,
    /// The nearest `bcops.toml` upwards, if no file is named.
    pub found: Option<PathBuf>,
    /// The user's own.
    pub own: Option<PathBuf>,
}

impl Files {
    pub fn of(process: &ProcessEnv<'_>) -> Files {
        let variable = (process.variable)(VARIABLE).filter(|text| !text.is_empty());
        let named = match (process.config_file, variable) {
            (Some(path), _) => Some(path.to_owned()),
            (None, Some(path)) => Some(process.working_directory.join(path)),
            (None, None) => None,
        };
        let found = match named {
            Some(_) => None,
            None => nearest_file(process.working_directory),
        };
        let own = configuration_home(process).map(|folder| folder.join("bcops/config.toml"));
        Files { named, found, own: own.filter(|path| path.is_file()) }
    }
}

/// The nearest `bcops.toml` from a folder upwards.
pub fn nearest_file(folder: &Path) -> Option<PathBuf> {
    folder.ancestors().map(|one| one.join(FOUND_NAME)).find(|path| path.is_file())
}

/// The user's configuration folder. A relative path is ignored, because it would mean a folder of
/// the current clone.
pub fn configuration_home(process: &ProcessEnv<'_>) -> Option<PathBuf> {
    let variable = (process.variable)("XDG_CONFIG_HOME").map(PathBuf::from);
    let home = || process.home.map(|home| home.join(".config"));
    variable.filter(|folder| folder.is_absolute()).or_else(home).filter(|path| path.is_absolute())
}

/// A file that was read: its paths and its bytes.
#[derive(Debug, Clone)]
pub struct Contents {
    /// The path as found.
    pub path: PathBuf,
    /// The file's name in its real folder. Relative paths in the file start from this folder.
    pub place: PathBuf,
    /// The file itself, after all links.
    pub real: PathBuf,
    pub bytes: Vec<u8>,
}

impl Contents {
    /// Reads a file. The file, and a link to it, must belong to the operator or root.
    pub fn of_the_operator(path: &Path, operator: &Operator) -> Result<Contents, SettingsError> {
        let unreadable = |source| SettingsError::unreadable(path, source);
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = fs::canonicalize(folder.unwrap_or(Path::new("."))).map_err(unreadable)?;
        let name = path.file_name().ok_or_else(|| unreadable(io::ErrorKind::NotFound.into()))?;
        let place = folder.join(name);
        let real = fs::canonicalize(&place).map_err(unreadable)?;
        let link = fs::symlink_metadata(&place).map_err(unreadable)?;
        // Opens the resolved file without following links, and checks the opened file, so no swap
        // is possible in between.
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
        let mut file = options.open(&real).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        for one in [&link, &metadata] {
            if !operator.owns(one) {
                let path = path.display().to_string();
                return Err(SettingsError::OtherOwner {
                    path,
                    owner: one.uid(),
                    user: operator.user(),
                });
            }
        }
        let bytes = read_file(&mut file, metadata.is_file()).map_err(unreadable)?;
        Ok(Contents { path: path.to_owned(), place, real, bytes })
    }

    pub fn text(&self) -> Result<&str, SettingsError> {
        std::str::from_utf8(&self.bytes)
            .map_err(|error| SettingsError::unreadable(&self.path, io::Error::other(error)))
    }
}

fn read_file(file: &mut File, is_file: bool) -> io::Result<Vec<u8>> {
    if !is_file {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > LARGEST {
        true => Err(io::Error::other(format!("it is larger than {} MiB", LARGEST >> 20))),
        false => Ok(bytes),
    }
}
