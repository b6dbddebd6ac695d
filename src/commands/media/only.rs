//! `--only FILE`: reads and writes the keys of failed transfers, for a run that tries only those.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::commands::Context;
use crate::events::{Event, Reporter};
use crate::failure::{CommandError, FailureKind};
use crate::media::Failure;
use crate::private_folder;
use crate::words;

/// The keys that a run is limited to.
pub struct Only {
    file: PathBuf,
    keys: HashSet<String>,
}

impl Only {
    /// # Errors
    /// The file cannot be read, or a line is not a key.
    pub fn read(file: Option<&Path>) -> Result<Option<Only>, CommandError> {
        let Some(file) = file else { return Ok(None) };
        let bad = |reason: String| {
            let text = format!("cannot read the keys of {}: {reason}", file.display());
            CommandError::new(FailureKind::Usage, text)
                .hint("write one key a line, such as images/a.jpg")
        };
        let text = std::fs::read_to_string(file).map_err(|error| bad(error.to_string()))?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let lines = text.lines().filter(|line| !line.is_empty());
        let keys = lines.map(parse).collect::<Result<HashSet<String>, String>>().map_err(&bad)?;
        if keys.is_empty() {
            return Err(bad("it is empty".to_owned()));
        }
        Ok(Some(Only { file: file.to_owned(), keys }))
    }

    pub fn has(&self, key: &str) -> bool {
        self.keys.contains(key)
    }

    /// Warns of keys that the source does not have.
    pub fn warn_of_strangers<'a>(
        &self,
        context: &Context,
        source: &str,
        keys: impl Iterator<Item = &'a str>,
    ) {
        let known: HashSet<&str> = keys.collect();
        let strangers = self.keys.iter().filter(|key| !known.contains(key.as_str())).count();
        if strangers > 0 {
            context.ui.emit(Event::Warning(format!(
                "{} of {} {} not in {source}; skipped",
                words::plural(strangers as u64, "key"),
                self.file.display(),
                if strangers == 1 { "is" } else { "are" },
            )));
        }
    }
}

/// A line is a key, or a JSON string for a key with characters that a line cannot hold.
fn parse(line: &str) -> Result<String, String> {
    match line.starts_with('"') {
        true => serde_json::from_str(line).map_err(|_| format!("`{line}` is not a JSON string")),
        false => Ok(line.to_owned()),
    }
}

fn render(key: &str) -> String {
    let plain = !key.starts_with('"') && !key.chars().any(char::is_control);
    match plain {
        true => key.to_owned(),
        false => serde_json::Value::from(key).to_string(),
    }
}

/// Writes the failed keys for the next run. `None` if that is not possible: then the next run tries
/// everything.
pub fn write(context: &Context, name: &str, failures: &[Failure]) -> Option<PathBuf> {
    let folder = context.settings.state_directory.value.join("media");
    let path = folder.join(format!("retry-{name}.keys"));
    let keys = failures.iter().filter(|failure| !failure.key.is_empty());
    let lines: String = keys.map(|failure| format!("{}\n", render(&failure.key))).collect();
    if lines.is_empty() {
        return None;
    }
    let written = crate::private_folder::create(&folder)
        .and_then(|()| private_folder::write(&path, lines.as_bytes()));
    written.is_ok().then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_read_as_it_was_written() {
        for key in ["images/a b.jpg", "\"quoted\"", "two\nlines", "tab\there", "é", "\\n", " x "] {
            let line = render(key);
            assert!(!line.contains('\n'), "{line}");
            assert_eq!(parse(&line).as_deref(), Ok(key));
        }
        assert!(parse("\"half").is_err());
    }
}
