#!/usr/bin/env python3
"""Compares the rewriting of a backup file with its two bounds, in alternation: `pg_restore -f -`
into `wc -c`, which reads the archive, and `pigz -p1 -1` of the same SQL, which compresses it.

Prints a Markdown table of medians. The program is any command that takes the names of the archive
and of the new file, which is deleted before each run. Needs Linux, Python 3.9, pg_restore and pigz
(or gzip).
"""

import argparse
import os
import resource
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
PROGRAM = os.path.join(ROOT, "target/release/bcops") + " scrub-pii --dump {archive} {output}"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("archive")
    parser.add_argument("--program", default=PROGRAM, help="default: %(default)s")
    parser.add_argument("--rounds", type=int, default=5)
    return parser.parse_args()


def measure(command):
    """Wall seconds and CPU seconds of a shell command, which must succeed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True)
    wall = time.monotonic() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        sys.exit(f"{command}\nended with {done.returncode}: {done.stderr}")
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    options = arguments()
    archive = shlex.quote(os.path.abspath(options.archive))
    compressor = "pigz -p1 -1" if shutil.which("pigz") else "gzip -1"
    with tempfile.TemporaryDirectory(prefix="bcops-bench-") as folder:
        plain, output = (os.path.join(folder, name) for name in ("plain.sql", "out.dump"))
        subprocess.run(f"pg_restore -f {shlex.quote(plain)} {archive}", shell=True, check=True)
        cases = {
            "rewrite": options.program.format(archive=archive, output=shlex.quote(output)),
            "pg_restore -f - into wc -c": f"pg_restore -f - {archive} | wc -c",
            f"{compressor} of the SQL": f"{compressor} < {shlex.quote(plain)} | wc -c",
        }
        found = {name: [] for name in cases}
        for _ in range(options.rounds):
            for name, command in cases.items():
                if os.path.exists(output):
                    os.remove(output)
                found[name].append(measure(command))
    report({name: [statistics.median(column) for column in zip(*runs)]
            for name, runs in found.items()})


def report(medians):
    ours = medians["rewrite"][0]
    print("| | wall s | CPU s | speed of the rewrite against it |")
    print("|---|---|---|---|")
    for name, (wall, cpu) in medians.items():
        print(f"| {name} | {wall:.2f} | {cpu:.2f} | {wall / ours:.2f} |")


if __name__ == "__main__":
    main()
