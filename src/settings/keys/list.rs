//! Declares every setting that a file may hold.

use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use super::Literal::{Boolean, Text, TextList};
use super::key::{boolean, list, text};
use super::value::{BucketFolder, BucketFolders, CommandLine, HostMappings, ReindexCommand};
use super::{Declaration, Key, OptionalKey};
use crate::secret::Secret;
use crate::settings::{ConnectTo, IndexRule, Notify, Unclassified};

/// Makes a constant for each setting, and the list of all declarations. The comment is the
/// setting's meaning in the documentation and in `config init`.
macro_rules! settings {
    ($($(#[doc = $meaning:literal])+ $constant:ident: $key:ty = $declared:expr;)*) => {
        $(
            $(#[doc = $meaning])+
            pub const $constant: $key = $declared.meaning(concat!($($meaning),+));
        )*

        pub const KEYS: &[Declaration] = &[$($constant.declaration),*];
    };
}

settings! {
    /// false ignores everything that is built in for the council's site
    INHERIT: Key<bool> = boolean("inherit")
        .default(Boolean(true))
        .used_by("every command");
    /// a backup older than this needs --allow-old, for example "48h"
    BACKUP_MAX_AGE: Key<Duration> = text("backup_max_age")
        .default(Text("48h"))
        .used_by("pull-data, reset-staging, doctor")
        .harmless();
    /// where journals and other state are kept
    STATE_DIR: OptionalKey<PathBuf> = text("state_dir")
        .variable("BCOPS_STATE_DIR")
        .used_by("every command");
    /// the Heroku app
    APP: OptionalKey<String> = text("environments.*.app").used_by("everything that takes ENV");
    /// the git branch that is deployed there
    BRANCH: OptionalKey<String> = text("environments.*.branch").used_by("reset-staging, check");
    /// true: bcops only reads it, and never writes to it
    PROTECTED: Key<bool> = boolean("environments.*.protected")
        .default(Boolean(true))
        .used_by("everything that takes ENV");
    /// the public URLs of its sites
    SITES: Key<Vec<String>> = list("environments.*.sites")
        .used_by("check, purge-cache, reset-staging");
    /// the config var that holds the database's URL
    CONFIG_VARS_DATABASE_URL: Key<String> = text("environments.*.config_vars.database_url")
        .default(Text("DATABASE_URL"))
        .used_by("pull-data, backups, scrub-pii, search, purge-cache, check, reset-staging");
    /// the config var that holds the bucket's name
    CONFIG_VARS_BUCKET: Key<String> = text("environments.*.config_vars.bucket")
        .default(Text("AWS_STORAGE_BUCKET_NAME"))
        .used_by("pull-media, push-media, reset-staging");
    /// the config var that holds the id of the bucket's keys
    CONFIG_VARS_ACCESS_KEY: Key<String> = text("environments.*.config_vars.access_key")
        .default(Text("AWS_ACCESS_KEY_ID"))
        .used_by("pull-media, push-media, reset-staging");
    /// the config var that holds the secret of the bucket's keys
    CONFIG_VARS_SECRET_KEY: Key<String> = text("environments.*.config_vars.secret_key")
        .default(Text("AWS_SECRET_ACCESS_KEY"))
        .used_by("pull-media, push-media, reset-staging");
    /// the config var that holds the session token of temporary keys
    CONFIG_VARS_SESSION_TOKEN: Key<String> = text("environments.*.config_vars.session_token")
        .default(Text("AWS_SESSION_TOKEN"))
        .used_by("pull-media, push-media, reset-staging");
    /// the config var that holds the bucket's region
    CONFIG_VARS_REGION: Key<String> = text("environments.*.config_vars.region")
        .default(Text("AWS_S3_REGION_NAME"))
        .used_by("pull-media, push-media, reset-staging");
    /// the config var that holds the bucket's endpoint
    CONFIG_VARS_ENDPOINT: Key<String> = text("environments.*.config_vars.endpoint")
        .default(Text("AWS_ENDPOINT_URL_S3"))
        .used_by("pull-media, push-media, reset-staging");
    /// the config var that holds the search cluster's URL
    CONFIG_VARS_SEARCH_URL: Key<String> = text("environments.*.config_vars.search_url")
        .default(Text("BONSAI_URL"))
        .used_by("search, reset-staging");
    /// the config var that holds the URL of Django's cache with TLS, which has priority
    CONFIG_VARS_REDIS_TLS_URL: Key<String> = text("environments.*.config_vars.redis_tls_url")
        .default(Text("REDIS_TLS_URL"))
        .used_by("purge-cache, reset-staging");
    /// the config var that holds the URL of Django's cache
    CONFIG_VARS_REDIS_URL: Key<String> = text("environments.*.config_vars.redis_url")
        .default(Text("REDIS_URL"))
        .used_by("purge-cache, reset-staging");
    /// the config var that holds Cloudflare's API token
    CONFIG_VARS_CLOUDFLARE_BEARER_TOKEN: Key<String> = text("environments.*.config_vars.cloudflare_bearer_token")
        .default(Text("FRONTEND_CACHE_CLOUDFLARE_BEARER_TOKEN"))
        .used_by("purge-cache, reset-staging");
    /// the config var that holds Cloudflare's account-wide key, which needs an e-mail address
    CONFIG_VARS_CLOUDFLARE_TOKEN: Key<String> = text("environments.*.config_vars.cloudflare_token")
        .default(Text("FRONTEND_CACHE_CLOUDFLARE_TOKEN"))
        .used_by("purge-cache, reset-staging");
    /// the config var that holds the e-mail address of Cloudflare's account-wide key
    CONFIG_VARS_CLOUDFLARE_EMAIL: Key<String> = text("environments.*.config_vars.cloudflare_email")
        .default(Text("FRONTEND_CACHE_CLOUDFLARE_EMAIL"))
        .used_by("purge-cache, reset-staging");
    /// the config var that holds the id of Cloudflare's zone
    CONFIG_VARS_CLOUDFLARE_ZONE: Key<String> = text("environments.*.config_vars.cloudflare_zone")
        .default(Text("FRONTEND_CACHE_CLOUDFLARE_ZONEID"))
        .used_by("purge-cache, reset-staging");
    /// names and ids of its Heroku app, for colleagues who cannot see the app
    KNOWN_APPS: Key<Vec<String>> = list("environments.*.known.apps")
        .used_by("everything that writes to another environment");
    /// its databases as "HOST/NAME" or "HOST:PORT/NAME", for colleagues who cannot see the app
    KNOWN_DATABASES: Key<Vec<String>> = list("environments.*.known.databases")
        .used_by("everything that writes to another environment");
    /// its buckets as "NAME" or "NAME@ENDPOINT", for colleagues who cannot see the app
    KNOWN_BUCKETS: Key<Vec<String>> = list("environments.*.known.buckets")
        .used_by("everything that writes to another environment");
    /// its Redis servers as "HOST:PORT", for colleagues who cannot see the app
    KNOWN_REDIS: Key<Vec<String>> = list("environments.*.known.redis")
        .used_by("everything that writes to another environment");
    /// its search clusters as "HOST" or "HOST:PORT", for colleagues who cannot see the app
    KNOWN_SEARCH: Key<Vec<String>> = list("environments.*.known.search")
        .used_by("everything that writes to another environment");
    /// the ids of its Cloudflare zones, for colleagues who cannot see the app
    KNOWN_ZONES: Key<Vec<String>> = list("environments.*.known.zones")
        .used_by("purge-cache, reset-staging");
    /// config vars that may name a resource of a protected environment, because nothing reads them
    ACCEPT: Key<Vec<String>> = list("environments.*.accept")
        .used_by("everything that writes to an environment");
    /// KEY_PREFIX of Django's cache; none by default
    CACHE_KEY_PREFIX: Key<String> = text("cache.key_prefix")
        .default(Text(""))
        .used_by("purge-cache, reset-staging");
    /// the table of Django's cache if there is no Redis
    CACHE_TABLE: Key<String> = text("cache.table")
        .default(Text("database_cache"))
        .used_by("purge-cache, reset-staging");
    /// the number of the Redis database that caches renditions, or "none"
    CACHE_RENDITIONS_DATABASE: Key<Option<u16>> = text("cache.renditions_database")
        .default(Text("1"))
        .used_by("purge-cache, reset-staging");
    /// the DNS server that check asks instead of the system's, for example "1.1.1.1:53"
    CHECK_DNS_SERVER: OptionalKey<SocketAddr> = text("check.dns_server")
        .used_by("check, reset-staging");
    /// the address that check uses in place of a host: "HOST:PORT=ADDRESS:PORT"
    CHECK_CONNECT: Key<Vec<ConnectTo>> = list("check.connect").used_by("check, reset-staging");
    /// Cloudflare's API, with its version
    CLOUDFLARE_BASE_URL: Key<String> = text("cloudflare.base_url")
        .default(Text("https://api.cloudflare.com/client/v4"))
        .variable("CLOUDFLARE_BASE_URL")
        .used_by("purge-cache, reset-staging");
    /// the command that migrates a database to the deployed code's schema
    COMMANDS_MIGRATE: Key<CommandLine> = text("commands.migrate")
        .default(Text("python manage.py migrate --noinput"))
        .used_by("reset-staging");
    /// the command that fails while a migration is not applied
    COMMANDS_MIGRATE_CHECK: Key<CommandLine> = text("commands.migrate_check")
        .default(Text("python manage.py migrate --check"))
        .used_by("reset-staging");
    /// the command that fails if models have changes without a migration
    COMMANDS_MAKEMIGRATIONS_CHECK: Key<CommandLine> = text("commands.makemigrations_check")
        .default(Text("python manage.py makemigrations --check"))
        .used_by("reset-staging");
    /// how long a command on a dyno may print nothing before it is stopped
    COMMANDS_SILENCE: Key<Duration> = text("commands.silence")
        .default(Text("15m"))
        .used_by("search reindex, reset-staging")
        .harmless();
    /// the command that shell starts on a dyno
    COMMANDS_SHELL: Key<CommandLine> = text("commands.shell")
        .default(Text("bash"))
        .used_by("shell");
    /// the git remote that holds the site's branches
    GIT_REMOTE: Key<String> = text("git.remote")
        .default(Text("origin"))
        .used_by("reset-staging, runs unlock, doctor");
    // Secret, because the URL may hold a token, although it should not.
    /// the URL of the site's repository, if there is no clone
    GIT_URL: OptionalKey<Secret> = text("git.url")
        .variable("BCOPS_GIT_URL")
        .secret()
        .used_by("reset-staging, runs unlock, doctor");
    /// a branch whose last commit is older is marked as stale, for example "90d"
    GIT_STALE_AFTER: Key<Duration> = text("git.stale_after")
        .default(Text("90d"))
        .used_by("reset-staging")
        .harmless();
    /// the GitLab server of the site's project
    GITLAB_URL: Key<String> = text("gitlab.url")
        .default(Text("https://gitlab.com"))
        .variable("GITLAB_URL")
        .used_by("check, reset-staging, doctor");
    /// the site's project on GitLab, with its groups
    GITLAB_PROJECT: Key<String> = text("gitlab.project")
        .default(Text(""))
        .used_by("check, reset-staging, doctor");
    /// the Heroku platform API: a domain, or a URL with scheme and port
    HEROKU_HOST: Key<String> = text("heroku.host")
        .default(Text("https://api.heroku.com"))
        .variable("HEROKU_HOST")
        .used_by("everything that asks Heroku");
    /// the Heroku data API: a host name, or a URL with scheme and port
    HEROKU_DATA_HOST: Key<String> = text("heroku.data_host")
        .default(Text("api.data.heroku.com"))
        .variable("HEROKU_DATA_HOST")
        .used_by("pull-data, backups, reset-staging");
    /// Heroku's git host: a host name, or a URL, which may be file://
    HEROKU_GIT_HOST: Key<String> = text("heroku.git_host")
        .default(Text("git.heroku.com"))
        .variable("HEROKU_GIT_HOST")
        .used_by("reset-staging");
    /// the database on this machine that a pull replaces
    LOCAL_DATABASE_URL: OptionalKey<Secret> = text("local.database_url")
        .variable("BCOPS_LOCAL_DATABASE_URL")
        .secret()
        .used_by("pull-data, pull-media, scrub-pii, password");
    /// hosts, in addition to loopback, that count as this machine
    LOCAL_ALLOWED_HOSTS: Key<Vec<String>> = list("local.allowed_hosts")
        .used_by("pull-data, pull-media, scrub-pii, password");
    /// the table of Django's users, for passwords
    LOCAL_USERS_TABLE: Key<String> = text("local.users_table")
        .default(Text("auth_user"))
        .used_by("pull-data, password");
    /// the media folder on this machine
    MEDIA_FOLDER: Key<PathBuf> = text("media.folder")
        .default(Text("media"))
        .variable("BCOPS_MEDIA_FOLDER")
        .used_by("pull-media, push-media");
    /// the folders of the bucket that hold media
    MEDIA_PREFIXES: Key<BucketFolders> = list("media.prefixes")
        .default(TextList(&["original_images/", "images/", "documents/"]))
        .used_by("pull-media, push-media, reset-staging");
    /// the folder of the original images, for --images
    MEDIA_ORIGINALS: Key<BucketFolder> = text("media.originals")
        .default(Text("original_images/"))
        .used_by("pull-media, push-media, reset-staging");
    /// the tables of renditions, which --images empties
    MEDIA_RENDITION_TABLES: Key<Vec<String>> = list("media.rendition_tables")
        .default(TextList(&["images_rendition", "wagtailimages_rendition"]))
        .used_by("pull-media, push-media, reset-staging");
    /// a canned ACL for objects that are written
    MEDIA_ACL: OptionalKey<String> = text("media.acl")
        .used_by("pull-media, push-media, reset-staging");
    /// an S3 server other than AWS, if an environment names none
    MEDIA_ENDPOINT: OptionalKey<String> = text("media.endpoint")
        .variable("AWS_ENDPOINT_URL_S3")
        .used_by("pull-media, push-media, reset-staging");
    /// how long one answer of Heroku, Cloudflare, GitLab, a bucket or the search cluster may take,
    /// for example "90s" (by default 15 s to 60 s, depending on the service). A download without
    /// data for this time (by default 30 s) reconnects and resumes
    NETWORK_TIMEOUT: OptionalKey<Duration> = text("network.timeout")
        .variable("BCOPS_NETWORK_TIMEOUT")
        .used_by("every command that asks them")
        .harmless();
    /// the tables of images, for the list of images that only staging has
    RESET_IMAGE_TABLES: Key<Vec<String>> = list("reset.image_tables")
        .default(TextList(&["images_customimage", "wagtailimages_image"]))
        .used_by("reset-staging");
    /// the tables of documents, for the list of documents that only staging has
    RESET_DOCUMENT_TABLES: Key<Vec<String>> = list("reset.document_tables")
        .default(TextList(&["documents_customdocument", "wagtaildocs_document"]))
        .used_by("reset-staging");
    /// new names for production's hosts: "FROM=TO", "FROM=TO:PORT" or "*.SUFFIX=*.SUFFIX"
    RESET_HOSTS: Key<HostMappings> = list("reset.hosts").used_by("reset-staging");
    /// the path of your own manifest, relative to the file that names it
    SCRUB_MANIFEST: OptionalKey<PathBuf> = text("scrub.manifest")
        .variable("BCOPS_SCRUB_MANIFEST")
        .used_by("pull-data, scrub-pii, backups download, reset-staging")
        .trusted_by_its_manifest();
    /// how a pull treats unclassified tables and columns: "stop", or "empty" to load them without
    /// contents
    SCRUB_UNCLASSIFIED: Key<Unclassified> = text("scrub.unclassified")
        .default(Text("stop"))
        .variable("BCOPS_SCRUB_UNCLASSIFIED")
        .used_by("pull-data");
    /// the prefix of the names of the site's search indices, if bcops cannot see it in the cluster
    SEARCH_INDEX_PREFIX: OptionalKey<String> = text("search.index_prefix")
        .used_by("search, reset-staging");
    /// which rows each search index holds, for example "wagtail__blog_post = blog_post where live"
    SEARCH_INDICES: Key<Vec<IndexRule>> = list("search.indices").used_by("search, reset-staging");
    /// the command that rebuilds the search indices on a dyno
    SEARCH_REINDEX_COMMAND: Key<ReindexCommand> = text("search.reindex_command")
        .default(Text("python manage.py update_index"))
        .used_by("search, reset-staging");
    /// how many shards the search plan allows, if bcops does not know
    SEARCH_SHARD_LIMIT: OptionalKey<NonZeroU64> = text("search.shard_limit")
        .used_by("search, reset-staging")
        .harmless();
    /// the URL where reset-staging posts its message for colleagues
    SLACK_WEBHOOK_URL: OptionalKey<Secret> = text("slack.webhook_url")
        .variable("SLACK_WEBHOOK_URL")
        .secret()
        .used_by("reset-staging");
    /// how the terminal notifies at the end of a run longer than 30 s: "off", "bell" or "desktop"
    UI_NOTIFY: Key<Notify> = text("ui.notify")
        .default(Text("off"))
        .variable("BCOPS_UI_NOTIFY")
        .used_by("every command")
        .harmless();
}
