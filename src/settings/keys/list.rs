//! Every setting that a file may hold.

use super::ValueType::{Boolean, Text, TextList};
use super::{Key, key};

pub const KEYS: &[Key] = &[
    key("inherit", Boolean, "false leaves out everything that is built in for the council's site")
        .default("true")
        .used_by("every command"),
    key("backup_max_age", Text, "a backup older than this needs --allow-old, for example \"48h\"")
        .default(r#""48h""#)
        .used_by("pull-data, reset-staging, doctor")
        .harmless(),
    key("state_dir", Text, "where journals and other state are kept")
        .variable("BCOPS_STATE_DIR")
        .used_by("every command"),
    key("environments.*.app", Text, "the Heroku app").used_by("everything that takes ENV"),
    key("environments.*.branch", Text, "the git branch that is deployed there")
        .used_by("reset-staging, check"),
    key("environments.*.protected", Boolean, "true: only ever read, never a destination")
        .default("true")
        .used_by("everything that takes ENV"),
    key("environments.*.sites", TextList, "the URLs under which people see it")
        .default("[]")
        .used_by("check, purge-cache, reset-staging"),
    key(
        "environments.*.config_vars.database_url",
        Text,
        "the config var that holds the database's URL",
    )
    .default(r#""DATABASE_URL""#)
    .used_by("pull-data, backups, scrub-pii, search, purge-cache, check, reset-staging"),
    key("environments.*.config_vars.bucket", Text, "the config var that holds the bucket's name")
        .default(r#""AWS_STORAGE_BUCKET_NAME""#)
        .used_by("pull-media, push-media, reset-staging"),
    key(
        "environments.*.config_vars.access_key",
        Text,
        "the config var that holds the id of the bucket's keys",
    )
    .default(r#""AWS_ACCESS_KEY_ID""#)
    .used_by("pull-media, push-media, reset-staging"),
    key(
        "environments.*.config_vars.secret_key",
        Text,
        "the config var that holds the secret of the bucket's keys",
    )
    .default(r#""AWS_SECRET_ACCESS_KEY""#)
    .used_by("pull-media, push-media, reset-staging"),
    key(
        "environments.*.config_vars.session_token",
        Text,
        "the config var that holds the token of keys that were lent for some hours",
    )
    .default(r#""AWS_SESSION_TOKEN""#)
    .used_by("pull-media, push-media, reset-staging"),
    key("environments.*.config_vars.region", Text, "the config var that holds the bucket's region")
        .default(r#""AWS_S3_REGION_NAME""#)
        .used_by("pull-media, push-media, reset-staging"),
    key(
        "environments.*.config_vars.endpoint",
        Text,
        "the config var that holds the bucket's endpoint",
    )
    .default(r#""AWS_ENDPOINT_URL_S3""#)
    .used_by("pull-media, push-media, reset-staging"),
    key(
        "environments.*.config_vars.search_url",
        Text,
        "the config var that holds the search cluster's URL",
    )
    .default(r#""BONSAI_URL""#)
    .used_by("search, reset-staging"),
    key(
        "environments.*.config_vars.redis_tls_url",
        Text,
        "the config var that holds the URL of Django's cache with TLS, which comes \
         first",
    )
    .default(r#""REDIS_TLS_URL""#)
    .used_by("purge-cache, reset-staging"),
    key(
        "environments.*.config_vars.redis_url",
        Text,
        "the config var that holds the URL of Django's cache",
    )
    .default(r#""REDIS_URL""#)
    .used_by("purge-cache, reset-staging"),
    key(
        "environments.*.config_vars.cloudflare_bearer_token",
        Text,
        "the config var that holds Cloudflare's API token",
    )
    .default(r#""FRONTEND_CACHE_CLOUDFLARE_BEARER_TOKEN""#)
    .used_by("purge-cache, reset-staging"),
    key(
        "environments.*.config_vars.cloudflare_token",
        Text,
        "the config var that holds Cloudflare's account-wide key, which goes with an \
         e-mail address",
    )
    .default(r#""FRONTEND_CACHE_CLOUDFLARE_TOKEN""#)
    .used_by("purge-cache, reset-staging"),
    key(
        "environments.*.config_vars.cloudflare_email",
        Text,
        "the config var that holds the e-mail address of Cloudflare's account-wide key",
    )
    .default(r#""FRONTEND_CACHE_CLOUDFLARE_EMAIL""#)
    .used_by("purge-cache, reset-staging"),
    key(
        "environments.*.config_vars.cloudflare_zone",
        Text,
        "the config var that holds the id of Cloudflare's zone",
    )
    .default(r#""FRONTEND_CACHE_CLOUDFLARE_ZONEID""#)
    .used_by("purge-cache, reset-staging"),
    key(
        "environments.*.known.apps",
        TextList,
        "names and ids of its Heroku app, for colleagues who cannot see the app",
    )
    .default("[]")
    .used_by("everything that writes to another environment"),
    key(
        "environments.*.known.databases",
        TextList,
        "its databases as \"HOST/NAME\" or \"HOST:PORT/NAME\", for colleagues who cannot see the app",
    )
    .default("[]")
    .used_by("everything that writes to another environment"),
    key(
        "environments.*.known.buckets",
        TextList,
        "its buckets as \"NAME\" or \"NAME@ENDPOINT\", for colleagues who cannot see the app",
    )
    .default("[]")
    .used_by("everything that writes to another environment"),
    key(
        "environments.*.known.redis",
        TextList,
        "its Redis servers as \"HOST:PORT\", for colleagues who cannot see the app",
    )
    .default("[]")
    .used_by("everything that writes to another environment"),
    key(
        "environments.*.known.search",
        TextList,
        "its search clusters as \"HOST\" or \"HOST:PORT\", for colleagues who cannot see the app",
    )
    .default("[]")
    .used_by("everything that writes to another environment"),
    key(
        "environments.*.known.zones",
        TextList,
        "the ids of its Cloudflare zones, for colleagues who cannot see the app",
    )
    .default("[]")
    .used_by("purge-cache, reset-staging"),
    key(
        "environments.*.accept",
        TextList,
        "config vars that may name a resource of a protected environment, because nothing reads them",
    )
    .default("[]")
    .used_by("everything that writes to an environment"),
    key("cache.key_prefix", Text, "KEY_PREFIX of Django's cache; none by default")
        .default(r#""""#)
        .used_by("purge-cache, reset-staging"),
    key("cache.table", Text, "the table of Django's cache where there is no Redis")
        .default(r#""database_cache""#)
        .used_by("purge-cache, reset-staging"),
    key(
        "cache.renditions_database",
        Text,
        "the number of the Redis database that holds the cache of renditions, or none",
    )
    .default(r#""1""#)
    .used_by("purge-cache, reset-staging"),
    key(
        "check.dns_server",
        Text,
        "the DNS server that check asks instead of the system's, for example \
         \"1.1.1.1:53\"",
    )
    .used_by("check, reset-staging"),
    key("check.connect", TextList, "where check connects to instead: \"HOST:PORT=ADDRESS:PORT\"")
        .default("[]")
        .used_by("check, reset-staging"),
    key("cloudflare.base_url", Text, "Cloudflare's API, with its version")
        .variable("CLOUDFLARE_BASE_URL")
        .default(r#""https://api.cloudflare.com/client/v4""#)
        .used_by("purge-cache, reset-staging"),
    key("commands.migrate", Text, "what brings a database to the deployed code's schema")
        .default(r#""python manage.py migrate --noinput""#)
        .used_by("reset-staging"),
    key("commands.migrate_check", Text, "what fails while a migration is not applied")
        .default(r#""python manage.py migrate --check""#)
        .used_by("reset-staging"),
    key(
        "commands.makemigrations_check",
        Text,
        "what fails where models have changes without a migration",
    )
    .default(r#""python manage.py makemigrations --check""#)
    .used_by("reset-staging"),
    key(
        "commands.silence",
        Text,
        "how long a command on a dyno may say nothing before it is stopped",
    )
    .default(r#""15m""#)
    .used_by("search reindex, reset-staging")
    .harmless(),
    key("commands.shell", Text, "what shell starts on a dyno")
        .default(r#""bash""#)
        .used_by("shell"),
    key("git.remote", Text, "the git remote that holds the site's branches")
        .default(r#""origin""#)
        .used_by("reset-staging, runs unlock, doctor"),
    // It may hold a token, although it should not.
    key("git.url", Text, "the URL of the site's repository, for where there is no clone")
        .variable("BCOPS_GIT_URL")
        .secret()
        .used_by("reset-staging, runs unlock, doctor"),
    key(
        "git.stale_after",
        Text,
        "a branch whose last commit is older is marked as stale, for example \"90d\"",
    )
    .default(r#""90d""#)
    .used_by("reset-staging")
    .harmless(),
    key("gitlab.url", Text, "the GitLab server of the site's project")
        .variable("GITLAB_URL")
        .default(r#""https://gitlab.com""#)
        .used_by("check, reset-staging, doctor"),
    key("gitlab.project", Text, "the site's project on GitLab, with its groups")
        .default(r#""""#)
        .used_by("check, reset-staging, doctor"),
    key("heroku.host", Text, "the Heroku platform API: a domain, or a URL with scheme and port")
        .variable("HEROKU_HOST")
        .default(r#""https://api.heroku.com""#)
        .used_by("everything that asks Heroku"),
    key(
        "heroku.data_host",
        Text,
        "the Heroku data API: a host name, or a URL with scheme and port",
    )
    .variable("HEROKU_DATA_HOST")
    .default(r#""api.data.heroku.com""#)
    .used_by("pull-data, backups, reset-staging"),
    key("heroku.git_host", Text, "Heroku's git host: a host name, or a URL, which may be file://")
        .variable("HEROKU_GIT_HOST")
        .default(r#""git.heroku.com""#)
        .used_by("reset-staging"),
    key("local.database_url", Text, "the database on this machine that a pull replaces")
        .variable("BCOPS_LOCAL_DATABASE_URL")
        .secret()
        .used_by("pull-data, pull-media, scrub-pii"),
    key("local.allowed_hosts", TextList, "hosts besides loopback that count as this machine")
        .default("[]")
        .used_by("pull-data, pull-media, scrub-pii"),
    key("local.users_table", Text, "the table of Django's users, for --set-password")
        .default(r#""auth_user""#)
        .used_by("pull-data"),
    key("media.folder", Text, "the media folder on this machine")
        .variable("BCOPS_MEDIA_FOLDER")
        .default(r#""media""#)
        .used_by("pull-media, push-media"),
    key("media.prefixes", TextList, "the folders of the bucket that are media")
        .default(r#"["original_images/", "images/", "documents/"]"#)
        .used_by("pull-media, push-media, reset-staging"),
    key("media.originals", Text, "the folder of --images")
        .default(r#""original_images/""#)
        .used_by("pull-media, push-media, reset-staging"),
    key("media.rendition_tables", TextList, "the tables of renditions, which --images empties")
        .default(r#"["images_rendition", "wagtailimages_rendition"]"#)
        .used_by("pull-media, push-media, reset-staging"),
    key("media.acl", Text, "a canned ACL for objects that are written")
        .used_by("pull-media, push-media, reset-staging"),
    key("media.endpoint", Text, "an S3 server other than AWS, where an environment names none")
        .variable("AWS_ENDPOINT_URL_S3")
        .used_by("pull-media, push-media, reset-staging"),
    key(
        "network.timeout",
        Text,
        "how long one answer of Heroku, Cloudflare, GitLab, a bucket or the search cluster \
         may take, for example \"90s\"; each service's own, 15 s to 60 s, where nothing \
         is said. A download that brings nothing for as long (30 s where nothing is \
         said) connects again and resumes",
    )
    .variable("BCOPS_NETWORK_TIMEOUT")
    .used_by("every command that asks them")
    .harmless(),
    key(
        "reset.image_tables",
        TextList,
        "the tables of images, for the list of what is on staging only",
    )
    .default(r#"["images_customimage", "wagtailimages_image"]"#)
    .used_by("reset-staging"),
    key(
        "reset.document_tables",
        TextList,
        "the tables of documents, for the list of what is on staging only",
    )
    .default(r#"["documents_customdocument", "wagtaildocs_document"]"#)
    .used_by("reset-staging"),
    key(
        "reset.hosts",
        TextList,
        "what production's host names become: \"FROM=TO\", \"FROM=TO:PORT\" or \
         \"*.SUFFIX=*.SUFFIX\"",
    )
    .default("[]")
    .used_by("reset-staging"),
    key("scrub.manifest", Text, "a manifest of your own, relative to the file that names it")
        .variable("BCOPS_SCRUB_MANIFEST")
        .used_by("pull-data, scrub-pii, backups download, reset-staging")
        .trusted_by_its_manifest(),
    key(
        "scrub.unclassified",
        Text,
        "what a pull does with tables and columns without a class: \"stop\", or \"empty\" to load \
         them without their contents",
    )
    .variable("BCOPS_SCRUB_UNCLASSIFIED")
    .default(r#""stop""#)
    .used_by("pull-data"),
    key("search.index_prefix", Text, "what the names of the site's search indices begin with")
        .default(r#""wagtail__""#)
        .used_by("search, reset-staging"),
    key(
        "search.indices",
        TextList,
        "which rows each search index holds, for example \"wagtail__blog_post = \
         blog_post where live\"",
    )
    .default("[]")
    .used_by("search, reset-staging"),
    key(
        "search.reindex_command",
        Text,
        "the command that builds the search indices anew, on a dyno",
    )
    .default(r#""python manage.py update_index""#)
    .used_by("search, reset-staging"),
    key(
        "search.shard_limit",
        Text,
        "how many shards the search plan allows, where bcops does not know it",
    )
    .used_by("search, reset-staging")
    .harmless(),
    key("slack.webhook_url", Text, "where reset-staging posts its message for colleagues")
        .variable("SLACK_WEBHOOK_URL")
        .secret()
        .used_by("reset-staging"),
];
