#!/usr/bin/env bash
# Gathers the files of a release, writes one list of their sums, and signs the list.
#
# usage: BCOPS_SIGNING_KEY=FILE scripts/sign-release.sh [FOLDER...]
#   FOLDER              more folders that scripts/release.sh has filled, on other machines; their files are moved to
#                       target/dist
#   BCOPS_SIGNING_KEY   the file of the private key: of an SSH key that scripts/release-signers lists
#
# The signature is one of OpenSSH: every Mac and every machine that uses git over SSH can check it with the ssh-keygen
# that it has. minisign and cosign would have to be installed first, and from somewhere that is trusted.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'sign: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }
dist=${BCOPS_DIST:-target/dist}
key=${BCOPS_SIGNING_KEY:-}
signers=${BCOPS_RELEASE_SIGNERS:-scripts/release-signers}
[[ -n $key ]] || fail "cannot sign the release: BCOPS_SIGNING_KEY is not set. SECURITY.md says how to make a key"
[[ -r $key ]] || fail "cannot sign the release: BCOPS_SIGNING_KEY does not name a file that can be read"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
umask 077
# ssh-keygen refuses a key that others can read, and one without a line end. A variable of GitLab's is often both.
{ cat "$key"; echo; } | tr -d '\r' | sed '/^$/d' >"$work/key"
ssh-keygen -y -P '' -f "$work/key" >"$work/key.pub" 2>"$work/said" ||
    fail "cannot sign the release: BCOPS_SIGNING_KEY does not hold a private key without a passphrase"
public=$(cut -d' ' -f1,2 "$work/key.pub")
grep -v '^#' "$signers" | grep -qF "$public" ||
    fail "cannot sign the release: $signers does not list the key. Add the line: bcops namespaces=\"bcops-release\" $public"

rm -f "$dist/SHA256SUMS.sig"
# A file that was changed on its way between the jobs is not signed.
for folder in "$dist" "$@"; do
    [[ -f $folder/SHA256SUMS ]] || fail "$folder has no SHA256SUMS: run scripts/release.sh"
    (cd "$folder" && sha256sum --check --quiet --strict SHA256SUMS) || fail "$folder is not what its SHA256SUMS says"
    (cd "$folder" && printf '%s\n' * | grep -vxF SHA256SUMS | sort) >"$work/there"
    cut -c67- "$folder/SHA256SUMS" | sort >"$work/listed"
    cmp -s "$work/there" "$work/listed" || fail "$folder holds files that its SHA256SUMS does not name"
done
for folder in "$@"; do
    rm "$folder/SHA256SUMS"
    mv -n "$folder"/* "$dist/"
    rmdir "$folder" || fail "$folder and $dist have files of one name"
done
umask 022
rm "$dist/SHA256SUMS"
(cd "$dist" && sha256sum -- * >"$work/SHA256SUMS" && install -m 0644 "$work/SHA256SUMS" SHA256SUMS)
ssh-keygen -Y sign -q -f "$work/key" -n bcops-release "$dist/SHA256SUMS"
# As everyone else checks it, with the list of the repository.
ssh-keygen -Y verify -f "$signers" -I bcops -n bcops-release -s "$dist/SHA256SUMS.sig" <"$dist/SHA256SUMS" >/dev/null
say "signed $(wc -l <"$dist/SHA256SUMS" | tr -d ' ') files with the key $(ssh-keygen -lf "$work/key.pub" | cut -d' ' -f2)"
