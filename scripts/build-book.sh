#!/usr/bin/env bash
# Builds the pages of docs/ as a site in target/book, with mdBook.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'book: %s\n' "$*" >&2; }
command -v mdbook >/dev/null || { say "missing: cargo install --locked mdbook"; exit 1; }
folder=target/book
source=target/book-source

rm -rf "$source" "$folder"
mkdir -p "$source" "$folder"
cp -R docs/. "$source"
# A page links to files of the repository, which are not part of the site.
files=${CI_PROJECT_URL:+$CI_PROJECT_URL/-/blob/${CI_COMMIT_SHA:-master}}
sed -i.before -E "s#\]\(\.\./#](${files:-../..}/#g" "$source"/*.md
rm "$source"/*.before
mdbook build "$source" --dest-dir "$PWD/$folder" 2>&1 | tee "$source.log" >&2
if grep -qE 'WARN|ERROR' "$source.log"; then
    say "mdBook warned, see above"
    exit 1
fi
say "open $folder/index.html"
