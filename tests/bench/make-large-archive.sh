#!/usr/bin/env bash
# Makes the benchmark's archive from its generator, in a few minutes: a database of about 1 GB on disk,
# dumped the way Heroku does it (custom format, gzip, through a pipe).
#
# usage: PGHOST=... PGPORT=... PGUSER=... make-large-archive.sh DATABASE.SQL ARCHIVE
# libpq's environment variables name the server. The script removes the database afterwards.
set -euo pipefail

generator=${1:?usage: make-large-archive.sh DATABASE.SQL ARCHIVE}
archive=${2:?usage: make-large-archive.sh DATABASE.SQL ARCHIVE}
database=bcops_bench_source

dropdb --if-exists "$database" 2>/dev/null
trap 'dropdb --if-exists "$database" 2>/dev/null; rm -f "$archive.partial"' EXIT
createdb "$database"
echo "making the large database (a few minutes)" >&2
psql -X -q -v ON_ERROR_STOP=1 -d "$database" -f "$generator" >/dev/null
echo "dumping it to $archive" >&2
pg_dump -Fc -d "$database" | cat >"$archive.partial"
mv "$archive.partial" "$archive"
