#!/bin/sh
# Prints what CHANGELOG.md says of a version, and how to check its files.
#
# usage: scripts/release-notes.sh VERSION
set -eu
cd "$(dirname "$0")/.."
version=${1:?usage: release-notes.sh VERSION}
version=${version#v}
notes=$(awk -v version="$version" '
    /^## / { in_it = ($2 == version); next }
    in_it { print }' CHANGELOG.md)
[ -n "$notes" ] || { printf 'release-notes: CHANGELOG.md has no section "## %s"\n' "$version" >&2; exit 1; }
cat <<NOTES
$notes

### Check a download

\`SHA256SUMS\` lists the sum of every file, and \`SHA256SUMS.sig\` is its signature. With \`scripts/release-signers\` of a
clone:

    ssh-keygen -Y verify -f scripts/release-signers -I bcops -n bcops-release -s SHA256SUMS.sig < SHA256SUMS
    sha256sum --check --ignore-missing SHA256SUMS
NOTES
