"""Starts a temporary Postgres cluster in its stock configuration, fsync included."""

import glob
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time


def programs():
    """The folder of initdb, postgres and the clients, newest version first."""
    chosen = os.environ.get("BCOPS_PG_BINDIR")
    installed = sorted(glob.glob("/usr/lib/postgresql/*/bin"),
                       key=lambda path: int(path.split("/")[4]), reverse=True)
    on_path = [os.path.dirname(os.path.realpath(path)) for path in [shutil.which("initdb")] if path]
    for folder in [chosen] if chosen else installed + on_path:
        if os.path.exists(os.path.join(folder, "initdb")):
            return folder
    raise SystemExit("no Postgres server found: run scripts/install-prerequisites.sh")


class Cluster:
    def __init__(self):
        self.bin = programs()
        self.directory = tempfile.mkdtemp(prefix="bcops-bench-")
        os.chmod(self.directory, 0o755)
        self.account = {}
        if os.geteuid() == 0:
            owner = pwd.getpwnam("postgres")
            os.chown(self.directory, owner.pw_uid, owner.pw_gid)
            self.account = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
        data = os.path.join(self.directory, "data")
        subprocess.run([f"{self.bin}/initdb", "-D", data, "-U", "postgres", "--auth=trust",
                        "-E", "UTF8", "--locale=C"], check=True, stdout=subprocess.DEVNULL,
                       cwd=self.directory, **self.account)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        # Ctrl-C must reach this program first, which then stops the server.
        self.process = subprocess.Popen(
            [f"{self.bin}/postgres", "-D", data, "-p", str(self.port), "-k", self.directory,
             "-c", "listen_addresses=127.0.0.1"],
            cwd=self.directory, start_new_session=True, stdin=subprocess.DEVNULL,
            stdout=open(os.path.join(self.directory, "log"), "wb"), stderr=subprocess.STDOUT,
            **self.account)
        for _ in range(300):
            if subprocess.run([f"{self.bin}/pg_isready", "-q"], env=self.environment()).returncode == 0:
                return
            time.sleep(0.1)
        self.stop()
        raise SystemExit("the Postgres server did not start")

    def environment(self, **more):
        clean = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
        clean.update(PGHOST=self.directory, PGPORT=str(self.port), PGUSER="postgres",
                     PATH=self.bin + os.pathsep + os.environ["PATH"], **more)
        return clean

    def url(self, database):
        return f"postgres://postgres@127.0.0.1:{self.port}/{database}"

    def psql(self, database, sql):
        return subprocess.run(["psql", "-AtXq", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", sql],
                              check=True, stdout=subprocess.PIPE, text=True,
                              env=self.environment()).stdout

    def stop(self):
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)
