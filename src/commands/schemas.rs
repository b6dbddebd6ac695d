//! Lists the schema of `result` in each command's `--json`, for docs/json.md.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};

use super::{
    addons, backup_file, backups, config, doctor, dyno, generated, manifest, media, password,
    pull_data, purge_cache, reset_staging, runs, scrub_pii, search,
};
use crate::checks::ReportDocument;
use crate::scrub::Remains;
use crate::ui::Document;

/// What stands around every result.
pub fn document() -> Schema {
    schema::<Document>()
}

/// A command line, and the schema of its result.
pub fn results() -> Vec<(&'static str, Schema)> {
    vec![
        ("addons ENV", schema::<addons::Addons>()),
        ("backups list ENV", schema::<backups::Listing>()),
        ("backups capture ENV", schema::<backups::Captured>()),
        ("backups info ENV", schema::<backups::Info>()),
        ("backups url ENV", schema::<backups::SignedUrl>()),
        ("backups download ENV", schema::<backup_file::Dumped>()),
        ("backups download ENV --no-scrub", schema::<backups::AsItIs>()),
        ("check ENV", schema::<ReportDocument>()),
        ("completions SHELL", schema::<generated::Completions>()),
        ("completions --install", schema::<generated::Installed>()),
        ("config init", schema::<config::Written>()),
        ("config path", schema::<config::Files>()),
        ("config show", schema::<config::Shown>()),
        ("config trust", schema::<config::Trusted>()),
        ("config untrust", schema::<config::Untrusted>()),
        ("doctor", schema::<doctor::Examined>()),
        ("man", schema::<generated::ManualPage>()),
        ("manifest check", schema::<manifest::Classed>()),
        ("manifest explain TABLE", schema::<manifest::Explained>()),
        ("manifest packs", schema::<manifest::Packs>()),
        ("manifest suggest", schema::<manifest::Suggested>()),
        ("manifest validate", schema::<manifest::Validated>()),
        ("password", schema::<password::PasswordSet>()),
        ("pull-media ENV, push-media ENV", schema::<media::Transfer>()),
        ("pull-data ENV", schema::<pull_data::Pulled>()),
        ("pull-data ENV --dry-run", schema::<pull_data::Planned>()),
        ("pull-data --undo", schema::<pull_data::Undone>()),
        ("pull-data --drop-previous", schema::<pull_data::Dropped>()),
        ("purge-cache ENV", schema::<purge_cache::Report>()),
        ("run ENV -- COMMAND", schema::<dyno::Ran>()),
        ("run ENV --dry-run -- COMMAND", schema::<dyno::Planned>()),
        ("reset-staging", schema::<reset_staging::Ended>()),
        ("reset-staging --dry-run", schema::<reset_staging::Planned>()),
        ("runs list", schema::<runs::Listing>()),
        ("runs rollback RUN --dry-run", schema::<runs::GoingBack>()),
        ("runs unlock RUN", schema::<runs::Unlocked>()),
        ("scrub-pii", schema::<scrub_pii::Scrubbed>()),
        ("scrub-pii --dry-run", schema::<scrub_pii::Planned>()),
        ("scrub-pii --check", schema::<scrub_pii::Checked>()),
        ("scrub-pii --dump IN OUT", schema::<backup_file::Dumped>()),
        ("scrub-pii --manifest validate", schema::<manifest::Validated>()),
        ("scrub-pii --manifest suggest", schema::<manifest::Suggested>()),
        ("scrub-pii --manifest explain TABLE", schema::<manifest::Explained>()),
        ("search open ENV", schema::<search::Opened>()),
        ("search reindex ENV", schema::<search::Rebuilt>()),
        ("search reindex ENV --dry-run", schema::<search::Planned>()),
        ("search status ENV", schema::<search::Report>()),
        ("a reindex that lacks rows", schema::<search::Incomplete>()),
        ("a load or a scrub that found personal data", schema::<Remains>()),
    ]
}

/// Of the type as it is written.
fn schema<T: JsonSchema>() -> Schema {
    SchemaSettings::default().for_serialize().into_generator().into_root_schema_for::<T>()
}
