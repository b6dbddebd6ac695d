#!/usr/bin/env bash
# Checks the crates of the binary: licences, duplicate versions, sources, and known holes.
#
# usage: scripts/check-dependencies.sh [--offline]
#   --offline   skips the holes, whose list (RustSec's, on GitHub) needs the network, and says so.
#               Pipelines do not use it
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

# The lock file must match Cargo.toml.
cargo metadata --locked --format-version 1 >/dev/null
cargo deny check "${checks[@]}"
if [[ "${1:-}" = --offline ]]; then
    say "NOT CHECKED: known holes (advisories), because of --offline"
    exit 0
fi
# cargo-audit reads the same list, and also checks the crates that only tests use.
has cargo-audit || { say "missing: cargo install --locked cargo-audit"; exit 1; }
cargo audit --deny yanked
