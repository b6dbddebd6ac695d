#!/usr/bin/env bash
# What comes into the binary: licences, duplicate versions, sources, and known holes.
#
# usage: scripts/check-dependencies.sh [--offline]
#   --offline   leaves the holes out, because their list (RustSec's, on GitHub) cannot be fetched;
#               it says so, and a pipeline does not use it
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'dependencies: %s\n' "$*" >&2; }
case "${1:-}" in
    '') checks=(advisories bans licenses sources) ;;
    --offline) checks=(bans licenses sources) ;;
    *) say "unknown option $1"; exit 2 ;;
esac

has() { command -v "$1" >/dev/null 2>&1; }
has cargo-deny || { say "missing: cargo install --locked cargo-deny"; exit 1; }

# The lock file has to be the one that is built from.
cargo metadata --locked --format-version 1 >/dev/null
cargo deny check "${checks[@]}"
if [[ "${1:-}" = --offline ]]; then
    say "NOT CHECKED: known holes (advisories), as asked"
    exit 0
fi
# The same list with cargo-audit's eyes: it also looks at what only tests use.
has cargo-audit || { say "missing: cargo install --locked cargo-audit"; exit 1; }
cargo audit --deny yanked
