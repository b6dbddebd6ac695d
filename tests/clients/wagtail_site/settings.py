"""A site with a few models, on SQLite. Its search server is at BONSAI_URL, as on the council's site."""

import os
from pathlib import Path

SECRET_KEY = "for tests only"
DEBUG = False
USE_TZ = True
ROOT_URLCONF = "home.urls"
WAGTAIL_SITE_NAME = "A small site"
WAGTAILADMIN_BASE_URL = "http://localhost"
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
STATIC_URL = "/static/"
MEDIA_ROOT = Path(os.environ["SITE_DATA"]) / "media"

INSTALLED_APPS = [
    "home",
    "wagtail.documents",
    "wagtail.images",
    "wagtail.search",
    "wagtail.users",
    "wagtail.admin",
    "wagtail",
    "modelcluster",
    "taggit",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(Path(os.environ["SITE_DATA"]) / "site.sqlite3"),
    }
}
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
WAGTAILSEARCH_BACKENDS = {
    "default": {
        "BACKEND": "wagtail.search.backends." + os.environ.get("ENGINE", "elasticsearch7"),
        "URLS": [os.environ["BONSAI_URL"]],
        "TIMEOUT": 5,
    }
}
# The empty text leaves the option out: then the release's default applies.
for option, usual in [("INDEX", "wagtail"), ("INDEX_PREFIX", ""), ("ATOMIC_REBUILD", "no")]:
    if value := os.environ.get(option, usual):
        WAGTAILSEARCH_BACKENDS["default"][option] = {"yes": True, "no": False}.get(value, value)


class NoMigrations:
    """Creates the tables from the models instead, which is ten times as fast."""

    def __contains__(self, app):
        return True

    def __getitem__(self, app):
        return None


MIGRATION_MODULES = NoMigrations()
