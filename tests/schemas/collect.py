#!/usr/bin/env python3
"""Collects the tables that Django, Wagtail and other apps create, one text file for each.

usage: collect.py [--work FOLDER] [--dumps FOLDER] [NAME...]
  NAME      collect these alone, for example: wagtail-8.0 allauth
  --work    keep the environments and the projects in this folder, and use those that are there
  --dumps   write a backup of each database there as well, by pg_dump in custom format

Needs Python 3.12 or newer, PyPI, and the programs of a Postgres server (BCOPS_PG_BINDIR names their folder).

How it works, for each target of TARGETS below:

1. Makes a virtual environment and installs the pinned packages with pip.
2. Creates an empty database. One temporary Postgres server, started here and stopped at the end, has them all.
3. Migrates the apps that the target builds on, and reads the catalog.
4. Migrates the apps of the target, and reads the catalog again.
5. Writes the difference to NAME-VERSION.txt beside this script, and removes the file of an older version.

Wagtail's project is made by `wagtail start`, with every app of wagtail.contrib added. The models in `sample` stand
for a site's own: some apps create tables only for models that ask for it.

The form of a file: lines that begin with `#` name the packages. Every other line is one column, its four fields
separated by a tab, and the lines are sorted:

    table <tab> column <tab> type as format_type() writes it <tab> null | not null

A new release of an app: change its pin in TARGETS, run this script, and read the difference in git.
"""

import argparse
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
DRIVER = "psycopg[binary]"

# Apps of Django that a Wagtail site has, and that every other app builds on.
DJANGO = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.sites",
    "django.contrib.staticfiles",
]
MORE_DJANGO = ["django.contrib.flatpages", "django.contrib.redirects"]
SAMPLE = ["sample"]


class Target:
    """One file: the package with its pin, the apps whose tables are collected, and what they build on."""

    def __init__(self, name, package, apps, *, extra=(), settings="", wagtail=False, start=False, cache=False,
                 models=""):
        self.name, self.package, self.apps, self.extra = name, package, list(apps), list(extra)
        self.settings, self.wagtail, self.start = settings, wagtail, start
        self.cache, self.models = cache, models

    @property
    def version(self):
        return self.package.partition("==")[2]

    @property
    def project(self):
        """The name of the package without an extra, as pip lists it."""
        return self.package.partition("==")[0].partition("[")[0]


def wagtail(series, version, django):
    """pip alone takes a newer Django than the release supports, and some releases do not start with that."""
    return Target(f"wagtail-{series}", f"wagtail=={version}", [], extra=[f"django=={django}"], start=True)


TARGETS = [
    Target("django-4.2", "django==4.2.24", DJANGO + MORE_DJANGO, cache=True),
    Target("django-5.2", "django==5.2.19", DJANGO + MORE_DJANGO, cache=True),
    Target("django-6.0", "django==6.0.10", DJANGO + MORE_DJANGO, cache=True),
    Target("django-6.1", "django==6.1.3", DJANGO + MORE_DJANGO, cache=True),
    wagtail("7.0", "7.0.10", django="5.2.19"),
    wagtail("7.1", "7.1.3", django="5.2.19"),
    wagtail("7.2", "7.2.3", django="5.2.19"),
    wagtail("7.3", "7.3.4", django="6.0.10"),
    wagtail("7.4", "7.4.4", django="6.0.10"),
    wagtail("8.0", "8.0.1", django="6.1.3"),
    Target(
        "allauth", "django-allauth[mfa,socialaccount,idp-oidc]==65.22.1",
        ["allauth", "allauth.account", "allauth.socialaccount", "allauth.mfa", "allauth.usersessions",
         "allauth.idp.oidc"],
        settings="if 'allauth' in INSTALLED_APPS:\n"
                 "    MIDDLEWARE += ['allauth.account.middleware.AccountMiddleware']\n",
    ),
    Target("axes", "django-axes==8.3.1", ["axes"]),
    Target(
        "simple-history", "django-simple-history==3.13.0", ["simple_history"] + SAMPLE,
        models="from simple_history.models import HistoricalRecords\n"
               "class Person(models.Model):\n"
               "    name = models.CharField(max_length=100)\n"
               "    email = models.EmailField()\n"
               "    history = HistoricalRecords()\n",
    ),
    Target("reversion", "django-reversion==6.4.0", ["reversion"]),
    Target("auditlog", "django-auditlog==3.4.1", ["auditlog"]),
    Target("celery-results", "django-celery-results==2.6.0", ["django_celery_results"]),
    Target("celery-beat", "django-celery-beat==2.9.0", ["django_celery_beat"]),
    Target(
        "otp", "django-otp==1.7.5",
        ["django_otp", "django_otp.plugins.otp_email", "django_otp.plugins.otp_hotp",
         "django_otp.plugins.otp_static", "django_otp.plugins.otp_totp"],
    ),
    Target("drf-authtoken", "djangorestframework==3.18.3", ["rest_framework", "rest_framework.authtoken"]),
    Target(
        "taggit", "django-taggit==6.1.0", ["taggit"] + SAMPLE,
        models="from taggit.managers import TaggableManager\n"
               "from taggit.models import TaggedItemBase\n"
               "class TaggedThing(TaggedItemBase):\n"
               "    content_object = models.ForeignKey('Thing', on_delete=models.CASCADE)\n"
               "class Thing(models.Model):\n"
               "    name = models.CharField(max_length=100)\n"
               "    tags = TaggableManager(through=TaggedThing)\n",
    ),
    Target("tasks-db", "django-tasks-db==0.13.0", ["django_tasks_db"]),
    # The last release that has the tables itself; since then they are in django-tasks-db.
    Target("tasks", "django-tasks==0.11.0", ["django_tasks", "django_tasks.backends.database"]),
    Target("modelsearch", "modelsearch==1.3.2", ["django.contrib.postgres", "modelsearch"]),
    Target("localize", "wagtail-localize==1.14.5", ["wagtail_localize", "wagtail_localize.locales"], wagtail=True),
    Target("transfer", "wagtail-transfer==0.11", ["wagtail_transfer"], wagtail=True),
    Target("birdbath", "django-birdbath==2.0.1", ["birdbath"], settings="BIRDBATH_REQUIRED = False\n"),
]

SETTINGS = """
import os
SECRET_KEY = "for this script only"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ, SITE_ID, ROOT_URLCONF, STATIC_URL = True, 1, "urls", "/static/"
INSTALLED_APPS = os.environ["SCHEMA_APPS"].split(",")
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True, "OPTIONS": {
    "context_processors": ["django.template.context_processors.request",
                           "django.contrib.auth.context_processors.auth",
                           "django.contrib.messages.context_processors.messages"]}}]
"""
DATABASE = """
DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "HOST": "127.0.0.1", "USER": "postgres",
                         "PORT": os.environ["SCHEMA_PORT"], "NAME": os.environ["SCHEMA_DATABASE"]}}
"""
# Laid over the settings that `wagtail start` writes. An app that is there already is not added twice.
PROJECT = """
import pkgutil
import wagtail.contrib
SECRET_KEY = "for this script only"
WAGTAIL_I18N_ENABLED = True
_contrib = [f"wagtail.contrib.{m.name}" for m in pkgutil.iter_modules(wagtail.contrib.__path__) if m.ispkg]
_more = ["django.contrib.admin", "django.contrib.postgres", "django.contrib.sites", "wagtail.locales", "wagtail.api.v2"]
_more += [name for name in _contrib if not name.endswith(".legacy")]
_more += [name for name in os.environ["SCHEMA_APPS"].split(",") if name]
INSTALLED_APPS = list(dict.fromkeys(list(INSTALLED_APPS) + _more))
if "wagtail_localize.locales" in INSTALLED_APPS:
    INSTALLED_APPS.remove("wagtail.locales")
"""
MANAGE = """
import os, sys
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
"""

COLUMNS = """
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
       CASE WHEN a.attnotnull THEN 'not null' ELSE 'null' END
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relkind IN ('r', 'p', 'm', 'v') AND a.attnum > 0 AND NOT a.attisdropped
  AND n.nspname = 'public' AND c.relname <> 'django_migrations'
"""


class Failed(Exception):
    """A target that cannot be collected. The others still can."""


def say(text):
    print(f"collect: {text}", file=sys.stderr, flush=True)


def run(command, **more):
    done = subprocess.run([str(part) for part in command], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          **more)
    if done.returncode:
        raise Failed(f"{' '.join(map(str, command))} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


class Server:
    """A Postgres server of this script's own. Postgres refuses to run as root: another account runs it then."""

    def __init__(self):
        self.programs = self.find_programs()
        self.folder = Path(tempfile.mkdtemp(prefix="bcops-schemas-", dir="/tmp"))
        self.account = {}
        if os.geteuid() == 0:
            names = [entry.pw_name for entry in pwd.getpwall()]
            name = "postgres" if "postgres" in names else "nobody"
            entry = pwd.getpwnam(name)
            os.chown(self.folder, entry.pw_uid, entry.pw_gid)
            self.account = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        data = self.folder / "data"
        run([self.programs / "initdb", "--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C",
             "--no-sync", "-D", data], cwd=self.folder, **self.account)
        with open(self.folder / "log", "w") as log:
            self.process = subprocess.Popen(
                [self.programs / "postgres", "-D", data, "-p", str(self.port), "-k", self.folder, "-c",
                 "listen_addresses=127.0.0.1", "-c", "fsync=off"],
                cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **self.account)
        for _ in range(300):
            if subprocess.run([self.programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]
                              ).returncode == 0:
                return
            time.sleep(0.1)
        self.stop()
        raise SystemExit("collect: the Postgres server did not start")

    @staticmethod
    def find_programs():
        chosen = os.environ.get("BCOPS_PG_BINDIR")
        folders = [Path(chosen)] if chosen else sorted(
            Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True)
        if not chosen and shutil.which("pg_config"):
            folders.insert(0, Path(run(["pg_config", "--bindir"]).strip()))
        for folder in folders:
            if all((folder / program).exists() for program in ["initdb", "postgres", "psql", "pg_isready"]):
                return folder
        raise SystemExit("collect: no Postgres server found: run scripts/install-prerequisites.sh")

    def psql(self, database, sql):
        return run([self.programs / "psql", "-AtX", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p",
                    self.port, "-U", "postgres", "-d", database, "-c", sql])

    def columns(self, database):
        return set(self.psql(database, COLUMNS).splitlines())

    def dump(self, database, path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "wb") as file:
            subprocess.run([self.programs / "pg_dump", "-Fc", "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres",
                            database], stdin=subprocess.DEVNULL, stdout=file, check=True)

    def version(self):
        return self.psql("postgres", "SHOW server_version").split()[0]

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class Project:
    """A folder with a manage.py, and the environment that runs it."""

    def __init__(self, target, server, work):
        self.target, self.server = target, server
        self.environment = work / f"env-{target.name}"
        self.folder = work / f"site-{target.name}"
        self.database = "schema_" + target.name.replace("-", "_").replace(".", "_")
        self.python = self.environment / "bin/python"

    def install(self):
        packages = [self.target.package, DRIVER, *self.target.extra]
        if not self.python.exists():
            run([sys.executable, "-m", "venv", "--without-pip", self.environment])
        run([sys.executable, "-m", "pip", "--python", self.python, "install", "--quiet",
             "--disable-pip-version-check", *packages])

    def packages(self):
        """Name and version of the packages that decide about the tables."""
        listed = run([sys.executable, "-m", "pip", "--python", self.python, "list", "--format=freeze",
                      "--disable-pip-version-check"])
        found = dict(line.lower().replace("_", "-").split("==") for line in listed.split())
        names = [self.target.project, "django", "wagtail", "modelsearch", "django-taggit"]
        if not self.has_wagtail():
            names = names[:2]
        return [f"{name} {found[name]}" for name in dict.fromkeys(names) if name in found]

    def has_wagtail(self):
        return self.target.start or self.target.wagtail

    def write(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        (self.folder / "settings.py").write_text(SETTINGS + DATABASE + self.target.settings)
        (self.folder / "manage.py").write_text(MANAGE)
        (self.folder / "urls.py").write_text("urlpatterns = []\n")
        if self.target.models:
            (self.folder / "sample").mkdir()
            (self.folder / "sample/__init__.py").touch()
            (self.folder / "sample/models.py").write_text("from django.db import models\n" + self.target.models)
        if self.has_wagtail():
            run([self.environment / "bin/wagtail", "start", "mysite", "project"], cwd=self.folder_for_start())
            base = self.folder / "project/mysite/settings/base.py"
            base.write_text(base.read_text() + "\nimport os\n" + PROJECT + DATABASE + self.target.settings)

    def folder_for_start(self):
        (self.folder / "project").mkdir()
        return self.folder

    def manage(self, apps, *arguments, project=False):
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("PG", "DJANGO"))}
        environment.update(SCHEMA_APPS=",".join(apps), SCHEMA_PORT=str(self.server.port),
                           SCHEMA_DATABASE=self.database, PYTHONWARNINGS="ignore",
                           DJANGO_SETTINGS_MODULE="mysite.settings.base" if project else "settings")
        folder = self.folder / "project" if project else self.folder
        return run([self.python, "manage.py", *arguments], cwd=folder, env=environment)

    def migrate(self):
        """The columns before and after the target's own apps."""
        self.server.psql("postgres", f"DROP DATABASE IF EXISTS {self.database}")
        self.server.psql("postgres", f"CREATE DATABASE {self.database} TEMPLATE template0")
        target = self.target
        if self.has_wagtail():
            self.manage(DJANGO, "migrate")
            before = self.server.columns(self.database)
            self.manage([], "makemigrations", project=True)
            self.manage([], "migrate", project=True)
            if target.wagtail:
                before = self.server.columns(self.database)
                self.manage(target.apps, "migrate", project=True)
        else:
            before = set()
            if target.project != "django":
                self.manage(DJANGO, "migrate")
                before = self.server.columns(self.database)
            apps = list(dict.fromkeys(DJANGO + target.apps))
            if target.models:
                self.manage(apps, "makemigrations", "sample")
            self.manage(apps, "migrate")
            if target.cache:
                self.create_cache_table(apps)
        return before, self.server.columns(self.database)

    def create_cache_table(self, apps):
        with open(self.folder / "settings.py", "a") as settings:
            settings.write('\nCACHES = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", '
                           '"LOCATION": "database_cache"}}\n')
        self.manage(apps, "createcachetable")


def collect(target, server, work, dumps):
    say(f"{target.name}: installing {target.package}")
    project = Project(target, server, work)
    project.install()
    project.write()
    say(f"{target.name}: migrating")
    before, after = project.migrate()
    if dumps:
        server.dump(project.database, dumps / f"{target.name}.dump")
    changed = before - after
    if changed:
        say(f"{target.name}: changes columns of what it builds on: {sorted(changed)}")
    lines = sorted(after - before)
    if not lines:
        raise Failed(f"{target.name} created no table")
    stem = target.project.removeprefix("django-") if target.project.startswith("django-") else target.project
    for old in HERE.glob(f"{stem}-[0-9]*.txt"):
        # Django and Wagtail have a file for each series.
        series = target.name.partition("-")[2] if target.project in ("django", "wagtail") else ""
        if old.name.removeprefix(f"{stem}-").startswith(series):
            old.unlink()
    path = HERE / f"{stem}-{target.version}.txt"
    path.write_text("".join(f"# {line}\n" for line in project.packages()) + "".join(f"{line}\n" for line in lines))
    tables = {line.split("\t")[0] for line in lines}
    say(f"{target.name}: wrote {len(tables)} tables, {len(lines)} columns to {path.name}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--work", type=Path)
    parser.add_argument("--dumps", type=Path)
    arguments = parser.parse_args()
    known = {target.name for target in TARGETS}
    unknown = [name for name in arguments.names if name not in known]
    if unknown:
        raise SystemExit(f"collect: unknown name {unknown[0]} (known: {', '.join(sorted(known))})")
    chosen = [target for target in TARGETS if not arguments.names or target.name in arguments.names]
    work = (arguments.work or Path(tempfile.mkdtemp(prefix="bcops-schemas-work-"))).resolve()
    work.mkdir(parents=True, exist_ok=True)
    # The server has to stop with this script, however that ends.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("collect: stopped"))
    server = Server()
    failed = []
    try:
        say(f"Postgres {server.version()}, Python {sys.version.split()[0]}")
        for target in chosen:
            try:
                collect(target, server, work, arguments.dumps)
            except Failed as error:
                say(error)
                failed.append(target.name)
    finally:
        server.stop()
        if not arguments.work:
            shutil.rmtree(work, ignore_errors=True)
    if failed:
        raise SystemExit(f"collect: not collected: {', '.join(failed)}")


if __name__ == "__main__":
    try:
        main()
    except Failed as error:
        raise SystemExit(f"collect: {error}") from None
