#!/usr/bin/env python3
"""Compares `bcops scrub-pii` with a hand-written SQL script, and its audit with one regular expression
for each column, on a restored dump. The cases alternate, each on a fresh copy.

Prints a Markdown table. Needs Linux and Python 3.9.
"""

import argparse
import os
import resource
import statistics
import subprocess
import tempfile
import time

import cluster as clusters

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
SOURCE, COPY = "bench_source", "bench_copy"

# Simple patterns for e-mail addresses, telephone and NI numbers and postcodes.
PATTERNS = [
    r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}",
    r"(\+44|\m0)[0-9() -]{8,13}\d\M",
    r"\m[A-CEGHJ-PR-TW-Z]{2} ?\d{2} ?\d{2} ?\d{2} ?[A-D]\M",
    r"\m[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}\M",
]
COLUMNS = """
SELECT format('SELECT count(*) FROM %I.%I WHERE %I::text ~ %L', n.nspname, c.relname, a.attname, p)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
CROSS JOIN unnest(%s) p
WHERE c.relkind = 'r' AND n.nspname = 'public'
AND format_type(a.atttypid, NULL) IN ('text', 'character varying', 'jsonb', 'json', 'tsvector', 'text[]', 'character varying[]')
"""


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    fixtures = os.environ.get("BCOPS_FIXTURES", os.path.join(ROOT, "../shared/fixtures"))
    parser.add_argument("--dump", default=os.path.join(fixtures, "bc.dump"))
    parser.add_argument("--bcops", default=os.path.join(ROOT, "target/release/bcops"))
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


def timed(command, environment, expected=(0,)):
    """Measures wall seconds, and CPU seconds of the client."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.monotonic()
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    took = time.monotonic() - started
    if done.returncode not in expected:
        raise SystemExit(f"{command[0]} ended with {done.returncode}: {done.stderr.decode()[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return took, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    options = arguments()
    server = clusters.Cluster()
    state = tempfile.mkdtemp(prefix="bcops-bench-state-")
    environment = server.environment(
        BCOPS_LOCAL_DATABASE_URL=server.url(COPY), BCOPS_STATE_DIR=state, HOME=state)
    psql = ["psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-d", COPY]
    naive = ";\n".join(server_columns(server, options)) + ";\n"
    script = os.path.join(state, "naive.sql")
    with open(script, "w") as file:
        file.write(naive)
    bcops = [options.bcops, "--no-input", "--quiet", "--json", "scrub-pii"]
    cases = {
        "hand-written SQL": (psql + ["-f", os.path.join(HERE, "scrub.sql")], (0,), True),
        "bcops scrub-pii": (bcops + ["--yes"], (0,), True),
        "a regular expression a column": (psql + ["-o", os.devnull, "-f", script], (0,), False),
        "bcops scrub-pii --check": (bcops + ["--check"], (9,), False),
    }
    times = {name: [] for name in cases}
    try:
        for number in range(options.rounds):
            order = list(cases.items())
            for name, (command, expected, writes) in order if number % 2 == 0 else reversed(order):
                server.psql("postgres", f"DROP DATABASE IF EXISTS {COPY}")
                server.psql("postgres", f"CREATE DATABASE {COPY} TEMPLATE {SOURCE}")
                server.psql(COPY, "CHECKPOINT")
                times[name].append(timed(command, environment, expected))
                print(f"{name}: {times[name][-1][0]:.2f} s", flush=True)
    finally:
        server.stop()
    medians = {name: statistics.median(wall for wall, _ in runs) for name, runs in times.items()}
    print("\n| case | median s | client CPU s | runs |\n|---|---|---|---|")
    for name, runs in times.items():
        cpu = statistics.median(cpu for _, cpu in runs)
        print(f"| {name} | {medians[name]:.2f} | {cpu:.2f} | {', '.join(f'{wall:.2f}' for wall, _ in runs)} |")
    scrub = medians["bcops scrub-pii"] / medians["hand-written SQL"]
    check = medians["bcops scrub-pii --check"] / medians["a regular expression a column"]
    print(f"\nscrub-pii takes {scrub:.2f} times as long as the script; "
          f"the audit takes {check:.2f} times as long as the expressions")


def server_columns(server, options):
    """Restores the dump, and returns one statement for each column and pattern."""
    server.psql("postgres", f"CREATE DATABASE {SOURCE}")
    server.psql(SOURCE, "CREATE SCHEMA IF NOT EXISTS heroku_ext")
    subprocess.run(["pg_restore", "-j2", "--no-owner", "--no-acl", "-d", SOURCE, options.dump],
                   check=True, env=server.environment())
    server.psql(SOURCE, "VACUUM ANALYZE")
    patterns = "ARRAY[" + ", ".join("'" + pattern.replace("'", "''") + "'" for pattern in PATTERNS) + "]"
    return server.psql(SOURCE, COLUMNS.replace("%s", patterns)).splitlines()


if __name__ == "__main__":
    main()
