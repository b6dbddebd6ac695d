#!/usr/bin/env python3
"""Compares `bcops pull-data` with pg_restore: same archive, server and links, in alternation. Each run
loads into a fresh database, and each result is checked.

Prints a Markdown table (also into target/bench/). Needs Linux, Python 3.9, curl and bash.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from datetime import datetime, timezone

import cluster as clusters
import server

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
DATABASE = "bench"
REFERENCE = "bench_reference"
LINKS = {"file": None, "unthrottled": None, "20 MB/s": 20_000_000, "100 Mbit/s": 12_500_000}

SESSION = "PGOPTIONS='-c default_toast_compression=lz4 -c maintenance_work_mem=256MB'"
RESTORE = f"pg_restore --no-owner --no-acl --exit-on-error -d {DATABASE}"
BCOPS = "{bcops} --no-input --json pull-data {source} --yes --allow-old --no-keep-previous"
UNSCRUBBED = "--no-scrub --i-need-personal-data 'benchmark on made-up data'"

# On a link, {url} is the archive's address, and {partial} the file that a peer downloads to.
FILE_CASES = {
    "pg_restore -j1 FILE": RESTORE + " {archive}",
    "pg_restore -j2 FILE": RESTORE + " -j2 {archive}",
    "pg_restore -j4 FILE": RESTORE + " -j4 {archive}",
    "pg_restore -j2 FILE, lz4 toast": f"{SESSION} {RESTORE} -j2 {{archive}}",
    "bcops FILE": BCOPS.replace("{source}", "--file {archive}"),
    "bcops FILE, no scrub": BCOPS.replace("{source}", "--file {archive}") + " " + UNSCRUBBED,
}
LINK_CASES = {
    "download only": "curl -sSf -o {partial} {url}",
    "curl && pg_restore -j1": "curl -sSf -o {partial} {url} && " + RESTORE + " {partial}",
    "curl && pg_restore -j2": "curl -sSf -o {partial} {url} && " + RESTORE + " -j2 {partial}",
    "curl && pg_restore -j4": "curl -sSf -o {partial} {url} && " + RESTORE + " -j4 {partial}",
    "curl | pg_restore": "curl -sSf {url} | " + RESTORE,
    "bcops": BCOPS.replace("{source}", "production"),
    "bcops, no scrub": BCOPS.replace("{source}", "production") + " " + UNSCRUBBED,
}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--archive", default=os.path.join(ROOT, "target/bench/large.dump"))
    parser.add_argument("--bcops", default=os.path.join(ROOT, "target/release/bcops"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--links", default=",".join(LINKS), help="of: " + ", ".join(LINKS))
    parser.add_argument("--only", help="only the cases whose name contains this (| for several)")
    parser.add_argument("--output", default=os.path.join(ROOT, "target/bench"))
    options = parser.parse_args()
    options.links = options.links.split(",")
    unknown = set(options.links) - set(LINKS)
    if unknown:
        parser.error(f"no such link: {', '.join(unknown)}")
    return options


def busy_seconds():
    """Reads the CPU seconds of the whole machine, this benchmark's server included."""
    with open("/proc/stat") as stat:
        user, nice, system, _idle, _iowait, irq, softirq, *_ = map(int, stat.readline().split()[1:])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def resident_bytes(process):
    """Reads the present memory of a process and its descendants."""
    total = 0
    try:
        with open(f"/proc/{process}/statm") as statm:
            total = int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        with open(f"/proc/{process}/task/{process}/children") as children:
            total += sum(resident_bytes(int(child)) for child in children.read().split())
    except OSError:
        pass
    return total


def measure(command, environment):
    """Runs a shell command. CPU and memory include all processes that it starts."""
    peak = 0
    with tempfile.TemporaryFile() as said:
        before = busy_seconds()
        started = time.monotonic()
        process = subprocess.Popen(["bash", "-o", "pipefail", "-c", command], env=environment,
                                   stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        # The kernel's figure for a child is at least what this program had at the fork: sample instead.
        watched = threading.Event()

        def watch():
            nonlocal peak
            while not watched.wait(0.1):
                peak = max(peak, resident_bytes(process.pid))

        watcher = threading.Thread(target=watch)
        watcher.start()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - started
        watched.set()
        watcher.join()
        process.returncode = os.waitstatus_to_exitcode(status)
        machine = busy_seconds() - before
        if process.returncode != 0:
            said.seek(0)
            raise SystemExit(f"{command}\nended with {process.returncode}:\n"
                             + said.read().decode(errors="replace")[-4000:])
    return {"wall": wall, "cpu": usage.ru_utime + usage.ru_stime, "peak": peak / 1e6,
            "machine": machine}


def row_counts(cluster, database):
    tables = cluster.psql(database, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    query = " UNION ALL ".join(f"SELECT '{t}', count(*) FROM {t}" for t in sorted(tables.split()))
    counts = dict(line.split("|") for line in cluster.psql(database, query).split())
    objects = cluster.psql(database, """
        SELECT 'indexes', count(*) FROM pg_indexes WHERE schemaname = 'public' UNION ALL
        SELECT 'constraints', count(*) FROM pg_constraint
         WHERE connamespace = 'public'::regnamespace AND contype IN ('p', 'u', 'f')""")
    counts.update(line.split("|") for line in objects.split())
    return {name: int(count) for name, count in counts.items()}


def expectations(cluster, archive):
    """Counts the rows of a plain restore, and those that the manifest keeps."""
    cluster.psql("postgres", f"CREATE DATABASE {REFERENCE} TEMPLATE template0")
    subprocess.run(RESTORE.replace(DATABASE, REFERENCE) + f" -j2 {archive}", shell=True, check=True,
                   env=cluster.environment())
    plain = row_counts(cluster, REFERENCE)
    kept = cluster.psql(REFERENCE, """
        SELECT count(*) FROM wagtailcore_revision r WHERE EXISTS (
            SELECT FROM wagtailcore_page p WHERE r.id IN (p.latest_revision_id, p.live_revision_id))""")
    scrubbed = dict(plain, wagtailforms_formsubmission=0, django_session=0,
                    wagtailsearch_indexentry=0,
                    wagtailcore_revision=int(kept))
    cluster.psql("postgres", f"DROP DATABASE {REFERENCE}")
    return plain, scrubbed


def check(cluster, name, plain, scrubbed):
    expected = scrubbed if name.startswith("bcops") and "no scrub" not in name else plain
    found = row_counts(cluster, DATABASE)
    if found != expected:
        wrong = {k: (expected.get(k), found.get(k)) for k in expected.keys() | found.keys()
                 if expected.get(k) != found.get(k)}
        raise SystemExit(f"{name}: rows or objects differ (expected, found): {wrong}")
    if expected is scrubbed:
        left = cluster.psql(DATABASE, "SELECT count(*) FROM auth_user WHERE email LIKE '%@example.org'")
        if int(left):
            raise SystemExit(f"{name}: {left.strip()} users were not anonymised")


def run_case(cluster, name, command, values, scratch, expected):
    for database in cluster.psql("postgres", "SELECT datname FROM pg_database").split():
        if database.startswith(DATABASE):
            cluster.psql("postgres", f'DROP DATABASE "{database}" WITH (FORCE)')
    if not name.startswith("bcops"):
        cluster.psql("postgres", f"CREATE DATABASE {DATABASE} TEMPLATE template0")
    cluster.psql("postgres", "CHECKPOINT")
    os.sync()
    environment = cluster.environment(
        HEROKU_HOST=values["host"], HEROKU_DATA_HOST=values["host"], HEROKU_API_KEY=server.TOKEN,
        HOME=scratch, BCOPS_STATE_DIR=os.path.join(scratch, "state"),
        BCOPS_LOCAL_DATABASE_URL=cluster.url(DATABASE),
        BCOPS_SCRUB_MANIFEST=os.path.join(HERE, "manifest.toml"))
    result = measure(command.format(**values), environment)
    if os.path.exists(values["partial"]):
        os.remove(values["partial"])
    if name != "download only":
        check(cluster, name, *expected)
    return result


def table(results, links, size):
    lines = [f"Archive {size / 1e6:.0f} MB, {os.cpu_count()} cores, medians (lowest–highest wall).",
             "", "| link | case | wall s | range | ratio to bcops | client CPU s | machine CPU s "
             "| peak MB | runs |", "|---|---|---|---|---|---|---|---|---|"]
    for link in links:
        cases = {name: runs for (where, name), runs in results.items() if where == link and runs}

        def median(runs, key):
            return statistics.median(run[key] for run in runs)

        ours = next((median(runs, "wall") for name, runs in cases.items()
                     if name in ("bcops", "bcops FILE")), None)
        for name, runs in cases.items():
            walls = [run["wall"] for run in runs]
            ratio = f"{median(runs, 'wall') / ours:.2f}" if ours else "–"
            lines.append(
                f"| {link} | {name.replace(chr(124), chr(92) + chr(124))} | **{median(runs, 'wall'):.1f}** | {min(walls):.1f}–{max(walls):.1f} "
                f"| {ratio} | {median(runs, 'cpu'):.1f} | {median(runs, 'machine'):.1f} "
                f"| {median(runs, 'peak'):.0f} | {len(runs)} |")
    return "\n".join(lines) + "\n"


def make_archive(cluster, archive):
    fixtures = os.environ.get("BCOPS_FIXTURES")
    if not fixtures:
        raise SystemExit(f"{archive} is missing: give --archive, or set BCOPS_FIXTURES to the "
                         "folder that holds bench/database.sql to have it made")
    os.makedirs(os.path.dirname(archive), exist_ok=True)
    generator = os.path.join(fixtures, "bench/database.sql")
    subprocess.run([os.path.join(HERE, "make-large-archive.sh"), generator, archive], check=True,
                   env=cluster.environment())


def main():
    options = arguments()
    if not shutil.which("curl"):
        raise SystemExit("the benchmark needs curl")
    cluster = clusters.Cluster()
    scratch = tempfile.mkdtemp(prefix="bcops-bench-scratch-")
    results = {}
    try:
        if not os.path.exists(options.archive):
            make_archive(cluster, options.archive)
        expected = expectations(cluster, options.archive)
        hosts = {link: server.start(options.archive, LINKS[link]) for link in options.links}
        for number in range(options.rounds):
            plan = [(link, name, command) for link in options.links
                    for name, command in (FILE_CASES if link == "file" else LINK_CASES).items()
                    if not options.only or any(part in name for part in options.only.split("|"))]
            for link, name, _ in plan:
                results.setdefault((link, name), [])
            # Every other round runs backwards, so no case always comes first.
            for link, name, command in reversed(plan) if number % 2 else plan:
                values = {"bcops": options.bcops, "archive": options.archive, "host": hosts[link],
                          "url": hosts[link] + server.STORE_PATH,
                          "partial": os.path.join(scratch, "latest.dump")}
                result = run_case(cluster, name, command, values, scratch, expected)
                results[link, name].append(result)
                print(f"round {number + 1}: {link}: {name}: {result['wall']:.1f} s", file=sys.stderr)
    finally:
        cluster.stop()
        shutil.rmtree(scratch, ignore_errors=True)
        if any(results.values()):
            text = table(results, options.links, os.path.getsize(options.archive))
            print(text)
            os.makedirs(options.output, exist_ok=True)
            stamp = datetime.now(timezone.utc).strftime("%Y%m%d-%H%M%S")
            with open(os.path.join(options.output, f"pull-{stamp}.md"), "w") as file:
                file.write(text)
            with open(os.path.join(options.output, f"pull-{stamp}.json"), "w") as file:
                json.dump([{"link": link, "case": name, "runs": runs}
                           for (link, name), runs in results.items()], file, indent=1)


if __name__ == "__main__":
    main()
