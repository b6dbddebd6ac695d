#!/bin/sh
# Uploads target/dist to the project's package registry and makes the release of the tag, in a GitLab
# job. The job's own token has both permissions.
#
# The client is glab, GitLab's own. The keyword `release:` of a job calls glab too, but its list of files is fixed
# before the job runs, and these names hold the version without the tag's v.
set -eu
cd "$(dirname "$0")/.."
: "${CI_COMMIT_TAG:?}" "${CI_JOB_TOKEN:?}" "${CI_PROJECT_PATH:?}" "${PACKAGE:?}"
dist=${BCOPS_DIST:-target/dist}
signers=${BCOPS_RELEASE_SIGNERS:-scripts/release-signers}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() { printf 'publish: cannot publish %s: %s\n' "$CI_COMMIT_TAG" "$*" >&2; exit 1; }

# The signature first: it covers the list, and the list covers every file. A file that changed between the jobs is
# refused, and so is a file without a sum.
[ -s "$dist/SHA256SUMS" ] && [ -s "$dist/SHA256SUMS.sig" ] || fail "$dist has no signed list of sums"
ssh-keygen -Y verify -f "$signers" -I bcops -n bcops-release -s "$dist/SHA256SUMS.sig" <"$dist/SHA256SUMS" ||
    fail "SHA256SUMS has no valid signature"
(cd "$dist" && sha256sum -c SHA256SUMS) || fail "a file is not what SHA256SUMS says"
(cd "$dist" && printf '%s\n' *) | grep -vxF -e SHA256SUMS -e SHA256SUMS.sig | sort >"$work/there"
cut -c67- "$dist/SHA256SUMS" | sort >"$work/listed"
cmp -s "$work/there" "$work/listed" || fail "$dist holds other files than SHA256SUMS names"
# The files of another tag have another version in their names. Such a name is also safe in the JSON below.
version=$(printf '%s' "${CI_COMMIT_TAG#v}" | sed 's/[.]/[.]/g')
if grep -qvxE "bcops-$version-[A-Za-z0-9._-]+" "$work/listed"; then
    fail "SHA256SUMS names files of another version"
fi

scripts/release-notes.sh "$CI_COMMIT_TAG" >"$work/notes"
links=
# The list and its signature come last: a reader of the list finds every file.
for file in $(cat "$work/listed") SHA256SUMS SHA256SUMS.sig; do
    path=$dist/$file
    # From standard input, because other users can list the arguments of a process.
    printf 'header = "JOB-TOKEN: %s"\n' "$CI_JOB_TOKEN" |
        curl --config - --fail --silent --show-error --output /dev/null --upload-file "$path" "$PACKAGE/$file"
    links="$links${links:+,}{\"name\":\"$file\",\"url\":\"$PACKAGE/$file\",\"link_type\":\"package\"}"
done

# With auto-login, glab sends CI_JOB_TOKEN in the header for job tokens. It prefers a token with one of these names,
# and the release would then belong to another account.
unset GITLAB_TOKEN GITLAB_ACCESS_TOKEN OAUTH_TOKEN
export GLAB_ENABLE_CI_AUTOLOGIN=true GLAB_SEND_TELEMETRY=false GLAB_CHECK_UPDATE=false NO_PROMPT=true
glab release create "$CI_COMMIT_TAG" --repo "$CI_PROJECT_PATH" --name "bcops $CI_COMMIT_TAG" \
    --notes-file "$work/notes" --assets-links "[$links]" --no-close-milestone
