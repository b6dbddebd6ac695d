#!/usr/bin/env bash
# Tests the stand-ins with the real clients of their services. Unlike in `.ci/run`, a client that cannot
# be installed is a failure here, and so is a skipped test.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'contract tests: %s\n' "$*" >&2; }
scripts/install-prerequisites.sh --heroku-cli

# The Heroku CLI needs a newer Node.js than some Debian releases have. npm has one.
node=$(node --version | sed 's/^v\([0-9]*\).*/\1/')
if [[ $node -lt 20 ]]; then
    npm install --prefix target/node --no-audit --no-fund --no-save node@22
    PATH="$PWD/target/node/node_modules/.bin:$PATH"
fi
BCOPS_HEROKU_CLI=$(tests/install-heroku-cli.sh target/heroku-cli)
BCOPS_AWS_CLI=$(tests/install-aws-cli.sh target/aws-cli)
BCOPS_PYTHON_CLIENTS=$(tests/install-python-clients.sh target/python-clients)
export PATH BCOPS_HEROKU_CLI BCOPS_AWS_CLI BCOPS_PYTHON_CLIENTS
say "$("$BCOPS_HEROKU_CLI" --version | head -1), $("$BCOPS_AWS_CLI" --version)"

modules=(heroku s3 cloudflare elasticsearch wagtail_releases gitlab migrations)
log=target/contract-tests.log
cargo test --test end_to_end -- --nocapture clients:: 2>&1 | tee "$log"
for module in "${modules[@]}"; do
    grep -q "^test clients::$module" "$log" || { say "no test of $module ran"; exit 1; }
done
if grep -i 'skipped: ' "$log"; then
    say "a test was skipped although its client is installed"
    exit 1
fi

# Loads archives on servers of other versions.
while read -r programs; do
    say "$("$programs/postgres" --version)"
    BCOPS_PG_BINDIR=$programs cargo test --test end_to_end -- pull_data::equal
done < <(tests/install-postgres-servers.sh target/postgres-servers)
