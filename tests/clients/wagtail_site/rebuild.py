"""Creates the site, builds its index with update_index, and searches. Prints one JSON document: the
rows that each index must hold, and the search results."""

import io
import json
import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
django.setup()

from django.core.management import call_command  # noqa: E402
from home.models import HomePage, NewsPage, TopTask  # noqa: E402
from wagtail.documents.models import Document  # noqa: E402
from wagtail.images.models import Image  # noqa: E402
from wagtail.models import Locale, Page, Site  # noqa: E402

call_command("migrate", run_syncdb=True, verbosity=0)
Locale.objects.create(language_code="en")
root = Page.add_root(title="Root", slug="root")
home = root.add_child(instance=HomePage(title="Home", slug="home"))
Site.objects.create(hostname="localhost", root_page=home, is_default_site=True)
for number in range(1, 41):
    # A third are drafts.
    home.add_child(
        instance=NewsPage(
            title=f"News {number}",
            slug=f"news-{number}",
            body="bins are emptied" if number % 2 else "council tax",
            live=number % 3 != 0,
        )
    )
news = NewsPage.objects.get(slug="news-1")
news.create_alias(parent=home, update_slug="alias-of-news-1")
for title in ["Pay council tax", "Report a missed bin", "Apply for a school place"]:
    TopTask.objects.create(title=title)

output = io.StringIO()
call_command("update_index", stdout=output)


found = {
    "rows": {
        "wagtail__wagtailcore_page": Page.objects.count(),
        "wagtail__home_toptask": TopTask.objects.count(),
        "wagtail__wagtailimages_image": Image.objects.count(),
        "wagtail__wagtaildocs_document": Document.objects.count(),
    },
    "said": output.getvalue(),
    "bins": len(NewsPage.objects.search("bins")),
    "live_bins": NewsPage.objects.live().search("bins").count(),
    "both_words": NewsPage.objects.search("council tax", operator="and").count(),
    "all_news": len(NewsPage.objects.search("news")[:200]),
}
from wagtail.search.backends import get_search_backend  # noqa: E402

backend = get_search_backend()
found["beginning"] = [task.title for task in backend.autocomplete("miss", TopTask)]
found["first_by_title"] = [
    page.slug
    for page in backend.search("news", NewsPage.objects.order_by("-title"), order_by_relevance=False)[:2]
]
# Signals keep the index as the rows are.
TopTask.objects.first().delete()
TopTask.objects.create(title="One")
TopTask.objects.create(title="Two")
backend.get_index_for_model(TopTask).refresh()
found["tasks_afterwards"] = backend.es.count(index="wagtail__home_toptask")["count"]
print(json.dumps(found))
