#!/bin/sh
# Installs the Python clients that the stand-ins are proven against into DIR, unless they are there
# already, and prints DIR: export BCOPS_PYTHON_CLIENTS="$(tests/install-python-clients.sh DIR)"
set -eu

# One a line, each with its version: the proof is for these.
PACKAGES="
cloudflare==4.3.1
django==4.2.24
django-redis==6.0.0
elasticsearch==7.13.4
python-gitlab==5.6.0
redis==5.2.1
requests==2.32.4
wagtail==7.0.3
"

directory=${1:?usage: install-python-clients.sh DIR}
mark=$directory/installed

if [ ! -f "$mark" ] || [ "$(cat "$mark")" != "$PACKAGES" ]; then
    python3 -m venv "$directory" >&2
    # shellcheck disable=SC2086  # a word each
    "$directory/bin/pip" install --quiet --disable-pip-version-check $PACKAGES >&2
    printf '%s' "$PACKAGES" > "$mark"
fi
cd "$directory"
pwd
