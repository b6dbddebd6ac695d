//! Reports the parts of a backup that could not be built, and keeps their statements.

use schemars::JsonSchema;
use serde::Serialize;

use crate::commands::Context;
use crate::events::{Event, Reporter};
use crate::restore::{LoadReport, Unbuilt, save_unbuilt};

/// Warns about each entry. Returns the file with the statements.
pub fn keep(context: &Context, report: &LoadReport, database: &str) -> Option<String> {
    for text in &report.warnings {
        context.ui.emit(Event::Warning(text.clone()));
    }
    for one in &report.unbuilt {
        let text = format!("not built: {}: {}", one.entry, one.cause);
        context.ui.emit(Event::Warning(text));
    }
    let folder = &context.settings.state_directory.value;
    match save_unbuilt(folder, database, &report.unbuilt) {
        Ok(Some(path)) => {
            let path = path.display().to_string();
            let text = format!("the failed statements are in {path}; run them with psql");
            context.ui.emit(Event::Warning(text));
            Some(path)
        }
        Ok(None) => None,
        Err(error) => {
            let text =
                format!("cannot write the failed statements to {}: {error}", folder.display());
            context.ui.emit(Event::Warning(text));
            None
        }
    }
}

/// The entries that could not be built, and the file with their statements.
#[derive(Serialize, JsonSchema)]
pub struct NotBuilt<'a> {
    pub entries: &'a [Unbuilt],
    pub file: Option<&'a str>,
}
