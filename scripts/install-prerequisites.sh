#!/usr/bin/env bash
# Installs the packages that building and testing bcops needs and this machine lacks. It says what it
# does and asks nothing. If everything is installed, it changes nothing.
#
# usage: scripts/install-prerequisites.sh [--heroku-cli]
#   --heroku-cli   also Node.js and npm, for the tests that run the real Heroku CLI
set -euo pipefail

say() { printf 'prerequisites: %s\n' "$*" >&2; }
has() { command -v "$1" >/dev/null 2>&1; }

heroku_cli=no
case "${1:-}" in
    '') ;;
    --heroku-cli) heroku_cli=yes ;;
    *) say "unknown option $1"; exit 2 ;;
esac

# The tests look in the same places: see tests/support/postgres.rs.
has_postgres_server() {
    local folder
    for folder in "${BCOPS_PG_BINDIR:-}" /usr/lib/postgresql/*/bin /opt/homebrew/opt/postgresql@*/bin \
        /usr/local/opt/postgresql@*/bin "$(pg_config --bindir 2>/dev/null || true)"; do
        if [[ -n "$folder" && -x "$folder/initdb" && -x "$folder/postgres" ]]; then return 0; fi
    done
    has initdb && has postgres
}

# A backup of Heroku's needs pg_stat_statements, which is part of contrib.
has_postgres_contrib() {
    local file
    for file in /usr/share/postgresql/*/extension/pg_stat_statements.control \
        "$(pg_config --sharedir 2>/dev/null || true)/extension/pg_stat_statements.control"; do
        if [[ -f "$file" ]]; then return 0; fi
    done
    return 1
}

# pg_partman is an extension whose own tables are part of a backup. Its package fits one major version
# of the server: here the newest one.
has_partman() {
    local file
    for file in /usr/share/postgresql/*/extension/pg_partman.control \
        "$(pg_config --sharedir 2>/dev/null || true)/extension/pg_partman.control"; do
        if [[ -f "$file" ]]; then return 0; fi
    done
    return 1
}

packages=()
has cc || packages+=(gcc libc6-dev)
has make || packages+=(make)
has git || packages+=(git)
has curl || packages+=(curl)
[[ -s /etc/ssl/certs/ca-certificates.crt || "$(uname -s)" = Darwin ]] || packages+=(ca-certificates)
postgres_packages=()
if ! has_postgres_server || { [[ "$(uname -s)" = Linux ]] && ! has_postgres_contrib; }; then
    postgres_packages=(postgresql postgresql-client postgresql-contrib)
fi
# Debian's package starts Redis as a service. The tests start their own servers.
redis_packages=()
has redis-server || redis_packages=(redis-server)
# Debian's package starts PgBouncer as a service too. The tests put their own before a database.
pgbouncer_packages=()
has pgbouncer || [[ -x /usr/sbin/pgbouncer || "$(uname -s)" = Darwin ]] || pgbouncer_packages=(pgbouncer)
partman=no
has_partman || [[ "$(uname -s)" = Darwin ]] || partman=yes
if [[ $heroku_cli = yes ]] && ! { has node && has npm; }; then packages+=(nodejs npm); fi
# The aws CLI of the same proofs has its own Python environment.
if [[ $heroku_cli = yes ]] && ! python3 -c 'import ensurepip, venv' >/dev/null 2>&1; then
    packages+=(python3 python3-venv)
fi

install_packages() {
    local as_root=()
    if [[ "$(id -u)" -ne 0 ]]; then
        if ! sudo -n true 2>/dev/null; then
            say "missing, and this is not root: ask for 'apt-get install ${packages[*]-} ${postgres_packages[*]-} ${redis_packages[*]-} ${pgbouncer_packages[*]-}'"
            return 1
        fi
        as_root=(sudo -n)
    fi
    local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -y -q
        --no-install-recommends -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confold)
    say "refreshing the package lists (apt-get update)"
    "${apt[@]}" update >&2
    if [[ ${#packages[@]} -gt 0 ]]; then
        say "installing ${packages[*]-}"
        "${apt[@]}" install "${packages[@]}" >&2 </dev/null
    fi
    if [[ ${#postgres_packages[@]} -gt 0 ]]; then
        # Debian makes a cluster and starts it as a service by default. The tests start their own
        # servers, and no service should stay because of them.
        say "installing ${postgres_packages[*]-}, without a server that runs as a service"
        "${apt[@]}" install postgresql-common >&2 </dev/null
        if [[ -z "$(ls -A /var/lib/postgresql 2>/dev/null)" ]]; then
            say "setting create_main_cluster = false in /etc/postgresql-common/createcluster.conf"
            "${as_root[@]}" sed -i 's/^#\? *create_main_cluster *=.*/create_main_cluster = false/' \
                /etc/postgresql-common/createcluster.conf
        fi
        "${apt[@]}" install "${postgres_packages[@]}" >&2 </dev/null
    fi
    if [[ $partman = yes ]]; then
        local newest
        newest=$(ls /usr/lib/postgresql 2>/dev/null | sort -n | tail -n 1)
        say "installing postgresql-$newest-partman"
        "${apt[@]}" install "postgresql-$newest-partman" >&2 </dev/null
    fi
    if [[ ${#pgbouncer_packages[@]} -gt 0 ]]; then
        say "installing ${pgbouncer_packages[*]-}, without a server that runs as a service"
        "${apt[@]}" install "${pgbouncer_packages[@]}" >&2 </dev/null
        if has systemctl; then
            "${as_root[@]}" systemctl disable --now pgbouncer >&2 2>/dev/null || true
        fi
    fi
    if [[ ${#redis_packages[@]} -gt 0 ]]; then
        say "installing ${redis_packages[*]-}, without a server that runs as a service"
        "${apt[@]}" install "${redis_packages[@]}" >&2 </dev/null
        # The package has just started this service, so no other program uses it.
        if has systemctl; then
            "${as_root[@]}" systemctl disable --now redis-server >&2 2>/dev/null || true
        fi
    fi
}

if [[ $((${#packages[@]} + ${#postgres_packages[@]} + ${#redis_packages[@]} + ${#pgbouncer_packages[@]})) -eq 0 && $partman = no ]]; then
    say "nothing to install"
elif has apt-get; then
    install_packages
else
    say "missing: ${packages[*]-} ${postgres_packages[*]-} ${redis_packages[*]-}"
    say "this script installs on Debian and Ubuntu only; with Homebrew: brew install postgresql@16 redis"
    exit 1
fi

if ! has cargo; then
    say "cargo is missing: install Rust by https://rustup.rs, that is,"
    say "  curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y"
    say "then open a new shell, or run: . \"\$HOME/.cargo/env\""
    exit 1
fi
