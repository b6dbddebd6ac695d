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

# Refuses a file that changed between the jobs, and a release without a valid signature.
(cd "$dist" && sha256sum -c SHA256SUMS)
ssh-keygen -Y verify -f "$signers" -I bcops -n bcops-release -s "$dist/SHA256SUMS.sig" <"$dist/SHA256SUMS"

scripts/release-notes.sh "$CI_COMMIT_TAG" >"$work/notes"
links=
for path in "$dist"/*; do
    file=$(basename "$path")
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
