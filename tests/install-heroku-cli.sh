#!/bin/sh
# Installs the Heroku CLI that the stand-in is proven against into DIR, unless it is there already,
# and prints the path of its executable: export BCOPS_HEROKU_CLI="$(tests/install-heroku-cli.sh DIR)"
set -eu

version=11.10.0
directory=${1:?usage: install-heroku-cli.sh DIR}
executable=$directory/node_modules/.bin/heroku

installed() {
    [ -x "$executable" ] &&
        grep -q "\"version\": \"$version\"" "$directory/node_modules/heroku/package.json"
}

if ! installed; then
    mkdir -p "$directory"
    npm install --prefix "$directory" --no-audit --no-fund --no-save "heroku@$version" >&2
fi
installed
cd "$directory"
echo "$PWD/node_modules/.bin/heroku"
