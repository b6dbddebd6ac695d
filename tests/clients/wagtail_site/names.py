"""Builds the index of the site with update_index, as the installed release of Wagtail does. The first run
creates the site. Prints one JSON document: the rows of each table, and the release."""

import json
import os
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
is_new = not (Path(os.environ["SITE_DATA"]) / "site.sqlite3").exists()
django.setup()

from django.core.management import call_command  # noqa: E402
from home.models import HomePage, TopTask  # noqa: E402
from wagtail import VERSION  # noqa: E402
from wagtail.models import Locale, Page  # noqa: E402

if is_new:
    call_command("migrate", run_syncdb=True, verbosity=0)
    Locale.objects.create(language_code="en")
    root = Page.add_root(title="Root", slug="root")
    for number in range(4):
        root.add_child(instance=HomePage(title=f"Home {number}", slug=f"home-{number}"))
    TopTask.objects.create(title="Pay council tax")
call_command("update_index", verbosity=0)
found = len(HomePage.objects.search("home"))
rows = {"wagtailcore_page": Page.objects.count(), "home_toptask": TopTask.objects.count()}
print(json.dumps({"release": f"{VERSION[0]}.{VERSION[1]}", "rows": rows, "found": found}))
