#!/bin/sh
# Uploads target/dist to the project's package registry and makes the release of the tag, in a GitLab
# job. The job's own token has both permissions.
set -eu
cd "$(dirname "$0")/.."
: "${CI_COMMIT_TAG:?}" "${CI_JOB_TOKEN:?}" "${PACKAGE:?}"

# Refuses a file that changed between the jobs.
(cd target/dist && sha256sum -c SHA256SUMS)

set -- create --name "bcops $CI_COMMIT_TAG" --tag-name "$CI_COMMIT_TAG" \
    --description "Check a download with: sha256sum --check --ignore-missing SHA256SUMS"
for path in target/dist/*; do
    file=$(basename "$path")
    # From standard input, because other users can list the arguments of a process.
    printf 'header = "JOB-TOKEN: %s"\n' "$CI_JOB_TOKEN" |
        curl --config - --fail --silent --show-error --upload-file "$path" "$PACKAGE/$file"
    set -- "$@" --assets-link "{\"name\":\"$file\",\"url\":\"$PACKAGE/$file\"}"
done
release-cli "$@"
