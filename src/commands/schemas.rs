//! What stands in `result` of each command's `--json`, for docs/json.md.

use schemars::{Schema, schema_for};

use super::{
    addons, backup_file, backups, config, doctor, dyno, generated, media, pull_data, purge_cache,
    runs, scrub_pii, search,
};
use crate::checks::ReportDocument;
use crate::scrub::Remains;

/// A command line, and the schema of its result.
pub fn results() -> Vec<(&'static str, Schema)> {
    vec![
        ("addons ENV", schema_for!(addons::Addons)),
        ("backups list ENV", schema_for!(backups::Listing)),
        ("backups capture ENV", schema_for!(backups::Captured)),
        ("backups info ENV", schema_for!(backups::Info)),
        ("backups url ENV", schema_for!(backups::SignedUrl)),
        ("backups download ENV", schema_for!(backup_file::Dumped)),
        ("backups download ENV --no-scrub", schema_for!(backups::AsItIs)),
        ("check ENV", schema_for!(ReportDocument)),
        ("completions SHELL", schema_for!(generated::Completions)),
        ("config init", schema_for!(config::Written)),
        ("config path", schema_for!(config::Files)),
        ("config show", schema_for!(config::Shown)),
        ("config trust", schema_for!(config::Trusted)),
        ("config untrust", schema_for!(config::Untrusted)),
        ("doctor", schema_for!(doctor::Examined)),
        ("man", schema_for!(generated::ManualPage)),
        ("pull-media ENV, push-media ENV", schema_for!(media::Transfer)),
        ("pull-data ENV", schema_for!(pull_data::Pulled)),
        ("pull-data ENV --dry-run", schema_for!(pull_data::Planned)),
        ("pull-data --undo", schema_for!(pull_data::Undone)),
        ("pull-data --drop-previous", schema_for!(pull_data::Dropped)),
        ("purge-cache ENV", schema_for!(purge_cache::Report)),
        ("run ENV -- COMMAND", schema_for!(dyno::Ran)),
        ("run ENV --dry-run -- COMMAND", schema_for!(dyno::Planned)),
        ("runs list", schema_for!(runs::Listing)),
        ("runs unlock RUN", schema_for!(runs::Unlocked)),
        ("scrub-pii", schema_for!(scrub_pii::Scrubbed)),
        ("scrub-pii --dry-run", schema_for!(scrub_pii::Planned)),
        ("scrub-pii --check", schema_for!(scrub_pii::Checked)),
        ("scrub-pii --dump IN OUT", schema_for!(backup_file::Dumped)),
        ("scrub-pii --manifest validate", schema_for!(scrub_pii::Validated)),
        ("scrub-pii --manifest suggest", schema_for!(scrub_pii::Suggested)),
        ("scrub-pii --manifest explain TABLE", schema_for!(scrub_pii::Explained)),
        ("search open ENV", schema_for!(search::Opened)),
        ("search reindex ENV", schema_for!(search::Rebuilt)),
        ("search reindex ENV --dry-run", schema_for!(search::Planned)),
        ("search status ENV", schema_for!(search::Report)),
        ("a reindex that lacks rows", schema_for!(search::Incomplete)),
        ("a load or a scrub that found personal data", schema_for!(Remains)),
    ]
}
