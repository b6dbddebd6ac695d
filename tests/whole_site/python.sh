#!/bin/sh
# Plays `python manage.py COMMAND` on a dyno of the site. It reads the migrations of its tree, and
# really uses the database (DATABASE_URL) and the search server (BONSAI_URL) of the app's config
# vars. It prints what Django prints.
#
# A file in the control folder with the name of a command holds a word that makes it fail: `fail`,
# `hang`, and for makemigrations `missing` and `conflict`, for update_index `empty`.
set -u
psql='@PSQL@'
control='@CONTROL@'

if [ "${1:-}" != manage.py ] || [ ! -f manage.py ]; then
    echo "python: can't open file '${1:-}': [Errno 2] No such file or directory" >&2
    exit 2
fi
command=${2:-help}
shift 2

sql() {
    PGOPTIONS='-c client_min_messages=warning' "$psql" -AtXq -v ON_ERROR_STOP=1 \
        -d "${DATABASE_URL:-}" -c "$1"
}

# Each migration of the tree on a line: app and name.
migrations() {
    find . -path '*/migrations/*.py' | sed -n 's|.*/\([^/]*\)/migrations/\([^/_~][^/]*\)\.py$|\1 \2|p' | LC_ALL=C sort
}

# An app's migrations on which no other depends.
leaves() {
    needed=$(find . -path "*/$1/migrations/*.py" -exec grep -oh "(\"$1\", \"[^\"]*\")" {} + |
        sed 's/.*, "//; s/")$//')
    migrations | sed -n "s/^$1 //p" | grep -vxF -e "$needed"
}

# Prints the error and ends if an app has two leaves.
check_leaves() {
    conflicts=
    if [ "$word" = conflict ]; then
        conflicts='(0007_longer_action, 0007_longer_issue in feedback)'
    else
        for app in $(migrations | cut -d ' ' -f 1 | uniq); do
            found=$(leaves "$app")
            if [ "$(echo "$found" | wc -l)" -gt 1 ]; then
                listed=$(echo "$found" | tr '\n' ',' | sed 's/,$//; s/,/, /g')
                conflicts="${conflicts:+$conflicts; }($listed in $app)"
            fi
        done
    fi
    if [ -n "$conflicts" ]; then
        echo "CommandError: Conflicting migrations detected; multiple leaf nodes in the migration graph: $conflicts." >&2
        echo "To fix them run 'python manage.py makemigrations --merge'" >&2
        exit 1
    fi
}

# Most commands do not run on a database that was never scrubbed, unless the app says otherwise. A
# database that does not answer is ignored.
check_birdbath() {
    if [ "${BIRDBATH_REQUIRED:-true}" = false ]; then return; fi
    if ! marks=$(sql 'SELECT count(*) FROM birdbath_execution' 2>/dev/null); then
        echo "RuntimeWarning: Got an error checking a consistent migration history performed for database connection 'default'" >&2
        return
    fi
    if [ "$marks" = 0 ]; then
        {
            echo 'SystemCheckError: System check identified some issues:'
            echo
            echo 'ERRORS:'
            echo '?: (birdbath.E001) No run of Birdbath is recorded in this database.'
            echo
            echo 'System check identified 1 issue (0 silenced).'
        } >&2
        exit 1
    fi
}

migrate() {
    check_leaves
    sql 'CREATE TABLE IF NOT EXISTS django_migrations (id serial PRIMARY KEY,
         app varchar(255) NOT NULL, name varchar(255) NOT NULL, applied timestamptz NOT NULL)' || exit 1
    applied=$(sql "SELECT app || ' ' || name FROM django_migrations") || exit 1
    waiting=$(migrations | grep -vxF -e "$applied")
    if [ "${1:-}" = --check ]; then
        if [ -n "$waiting" ]; then exit 1; fi
        exit 0
    fi
    echo 'Operations to perform:'
    echo "  Apply all migrations: $(migrations | cut -d ' ' -f 1 | uniq | tr '\n' ',' | sed 's/,$//; s/,/, /g')"
    echo 'Running migrations:'
    if [ -z "$waiting" ]; then
        echo '  No migrations to apply.'
        return
    fi
    echo "$waiting" | while read -r app name; do
        printf '  Applying %s.%s...' "$app" "$name"
        sql "BEGIN; CREATE VIEW migrated_${app}_${name} AS SELECT 1 AS id WHERE false;
             INSERT INTO django_migrations (app, name, applied) VALUES ('$app', '$name', now()); COMMIT" || exit 1
        echo ' OK'
    done || exit 1
}

makemigrations() {
    check_birdbath
    check_leaves
    if [ "$word" = missing ]; then
        echo "Migrations for 'feedback':"
        echo '  bc/feedback/migrations/0010_alter_feedbackcomment_action.py'
        echo '    - Alter field action on feedbackcomment'
        exit 1
    fi
    echo 'No changes detected'
}

# Rebuilds each index: deletes it, creates it, adds its documents, and refreshes it.
update_index() {
    check_birdbath
    if [ -z "${BONSAI_URL:-}" ]; then
        echo 'Updating backend: default'
        echo 'default: Rebuilding index default'
        return
    fi
    for pair in @INDICES@; do
        index=${pair%%:*} table=${pair#*:}
        echo "default: Rebuilding index $index"
        curl -sS -o /dev/null -X DELETE "$BONSAI_URL/$index" || exit 1
        curl -fsS -o /dev/null -X PUT -H 'Content-Type: application/json' -d '{"settings":{}}' "$BONSAI_URL/$index" || exit 1
        exists=$(sql "SELECT to_regclass('$table') IS NOT NULL") || exit 1
        if [ "$exists" = t ] && [ "$word" != empty ]; then
            documents=$(sql "SELECT json_build_object('index', json_build_object('_id', id::text)) || chr(10)
                || json_build_object('pk', id::text) FROM $table ORDER BY id") || exit 1
            if [ -n "$documents" ]; then
                printf '%s\n' "$documents" | curl -fsS -o /dev/null -X POST -H 'Content-Type: application/json' \
                    --data-binary @- "$BONSAI_URL/$index/_bulk" || exit 1
            fi
        fi
        curl -fsS -o /dev/null -X POST "$BONSAI_URL/$index/_refresh" || exit 1
    done
}

word=
if [ -f "$control/$command" ]; then word=$(cat "$control/$command"); fi
case $word in
fail)
    echo "CommandError: $command was told to fail" >&2
    exit 1
    ;;
hang) exec sleep 600 ;;
esac

case $command in
migrate) migrate "$@" ;;
makemigrations) makemigrations ;;
createcachetable)
    sql 'CREATE TABLE IF NOT EXISTS database_cache (cache_key varchar(255) PRIMARY KEY,
         value text NOT NULL, expires timestamptz NOT NULL)'
    ;;
update_index) update_index ;;
rebuild_references_index)
    check_birdbath
    sql 'DELETE FROM wagtailcore_referenceindex WHERE false'
    echo "Done. Updated $(sql 'SELECT count(*) FROM wagtailcore_referenceindex') references."
    ;;
*)
    echo "Unknown command: '$command'" >&2
    echo "Type 'manage.py help' for usage." >&2
    exit 1
    ;;
esac
