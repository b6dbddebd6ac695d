#!/bin/sh
# Installs the aws CLI that tests the S3 stand-in into DIR, unless it is already there, and prints
# the path of its executable: export BCOPS_AWS_CLI="$(tests/install-aws-cli.sh DIR)"
set -eu

version=1.45.11
directory=${1:?usage: install-aws-cli.sh DIR}
executable=$directory/bin/aws

installed() {
    [ -x "$executable" ] && "$executable" --version 2>&1 | grep -q "aws-cli/$version "
}

if ! installed; then
    python3 -m venv "$directory" >&2
    "$directory/bin/pip" install --quiet --disable-pip-version-check "awscli==$version" >&2
fi
installed
cd "$directory"
echo "$PWD/bin/aws"
