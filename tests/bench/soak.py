#!/usr/bin/env python3
"""Runs pulls and resets one after another in the sandbox of `make rehearse`. After each it checks that
nothing stays: memory, databases, sessions, temporary files, locks, refs, processes.

    cargo build --bins --example sandbox
    target/debug/examples/sandbox -- "$PWD/tests/bench/soak.py" --pulls 100 --resets 20

The sandbox provides servers, an operator's clone as the working directory, and `bcops` in PATH. Needs
Linux and Python 3.9. Prints a line for each run. The exit code is 1 if something stays that should not, or
if memory grows by more than a tenth (and 2 MB).
"""

import argparse
import ctypes
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
# A reset leaves the old tip of the branch on purpose, for a rollback.
KEPT_REFS = "refs/bcops/backup/"


def psql(database, sql):
    command = ["psql", "-AtX", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", sql]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\n")[:-1]


def config_vars(app):
    request = urllib.request.Request(
        f"{os.environ['HEROKU_HOST']}/apps/{app}/config-vars",
        headers={
            "Authorization": f"Bearer {os.environ['HEROKU_API_KEY']}",
            "Accept": "application/vnd.heroku+json; version=3",
        },
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def files_below(folder):
    return sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file())


def git_refs(*arguments):
    printed = subprocess.run(["git", *arguments], check=True, capture_output=True, text=True).stdout
    return sorted(line.split()[1] for line in printed.splitlines() if "refs/bcops/" in line)


def children():
    """Finds processes that a run left: they become children of this one."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        # A zombie has ended and only waits to be reaped.
        if int(fields[1]) == os.getpid() and fields[0] != "Z":
            found.append(entry.name)
    return found


def reap():
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


class Soak:
    def __init__(self, options):
        self.options = options
        self.temporary = tempfile.mkdtemp(prefix="bcops-soak-")
        self.state = Path(os.environ["BCOPS_STATE_DIR"])
        self.heroku = config_vars(options.app)["DATABASE_URL"]
        self.problems = []

    def run(self, arguments):
        """Returns seconds and the peak of memory in megabytes."""
        environment = dict(os.environ, TMPDIR=self.temporary)
        log = Path(self.temporary).with_suffix(".log")
        with open(log, "w") as output:
            started = time.monotonic()
            process = subprocess.Popen(
                ["bcops", *arguments], env=environment, stdin=subprocess.DEVNULL,
                stdout=output, stderr=subprocess.STDOUT,
            )
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.monotonic() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            sys.exit(f"bcops {' '.join(arguments)} ended with {process.returncode}:\n{log.read_text()}")
        log.unlink()
        return seconds, usage.ru_maxrss / 1024

    def left(self):
        """Lists everything except journals, to compare it later."""
        names = "SELECT datname FROM pg_database ORDER BY 1"
        sessions = (
            "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
            " AND pid <> pg_backend_pid()"
        )
        return {
            "local databases": psql("postgres", names),
            "databases at Heroku": psql(self.heroku, names),
            "local sessions": psql("postgres", sessions),
            "sessions at Heroku": psql(self.heroku, sessions),
            "temporary files": files_below(self.temporary),
            # The folder of each run and each bucket keeps its lock file on purpose.
            "locks in the state folder": [
                one
                for one in files_below(self.state)
                if "lock" in one and not one.startswith(("runs/", "media/"))
            ],
            "refs of the clone": git_refs("for-each-ref", "--format=%(objectname) %(refname)"),
            "refs of the origin": [
                one for one in git_refs("ls-remote", "origin") if not one.startswith(KEPT_REFS)
            ],
            "processes": children(),
        }

    def series(self, name, count, arguments):
        memory, expected = [], None
        for number in range(1, count + 1):
            seconds, peak = self.run(arguments)
            reap()
            memory.append(peak)
            now = self.left()
            # The first run leaves the old database, which each later run replaces.
            expected = expected or now
            changed = [f"{key}: {expected[key]} became {now[key]}" for key in now if now[key] != expected[key]]
            for key in ("temporary files", "refs of the clone", "refs of the origin", "processes"):
                if now[key]:
                    changed.append(f"{key}: {now[key]}")
            self.problems += [f"{name} {number}: {one}" for one in changed]
            print(f"{name} {number:3}  {seconds:6.1f} s  {peak:6.1f} MB  {'; '.join(changed)}", flush=True)
        if count < 4:
            return
        quarter = max(count // 4, 2)
        first, last = statistics.median(memory[:quarter]), statistics.median(memory[-quarter:])
        print(f"{name}: {first:.1f} MB at first, {last:.1f} MB at last, {max(memory):.1f} MB at most")
        if last > first * 1.1 + 2:
            self.problems.append(f"{name}: memory has grown from {first:.1f} to {last:.1f} MB")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--pulls", type=int, default=100)
    parser.add_argument("--resets", type=int, default=20)
    parser.add_argument("--source", default="production", help="the environment that is pulled")
    parser.add_argument("--destination", default="staging", help="the environment that is reset")
    parser.add_argument("--app", default="buckinghamshire-staging", help="the destination's app")
    options = parser.parse_args()
    if "BCOPS_STATE_DIR" not in os.environ or "HEROKU_HOST" not in os.environ:
        sys.exit("run it in the sandbox: target/debug/examples/sandbox -- tests/bench/soak.py")
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    soak = Soak(options)
    soak.series("pull", options.pulls, ["pull-data", options.source, "--yes"])
    reset = [
        f"reset-{options.destination}", "--from", options.source, "--attest", "agreed",
        "--branches", "none", "--recreate-users", "none", "--confirm", options.app,
    ]
    soak.series("reset", options.resets, reset)
    journals = files_below(soak.state)
    print(f"state folder: {len(journals)} files, {sum((soak.state / one).stat().st_size for one in journals) >> 10} kB")
    print("\n".join(soak.problems) or "nothing was left")
    sys.exit(1 if soak.problems else 0)


if __name__ == "__main__":
    main()
