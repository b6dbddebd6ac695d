#!/usr/bin/env bash
# Checks the spelling of source, tests and pages. .config/typos.toml has the exceptions.
#
# usage: scripts/check-spelling.sh [PATH...]
set -euo pipefail
cd "$(dirname "$0")/.."

command -v typos >/dev/null ||
    { echo "spelling: missing: cargo install --locked typos-cli" >&2; exit 1; }
typos --config .config/typos.toml "$@"
