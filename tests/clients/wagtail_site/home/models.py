from django.db import models
from wagtail.models import Page
from wagtail.search import index


class HomePage(Page):
    pass


class NewsPage(Page):
    body = models.TextField(blank=True)

    search_fields = Page.search_fields + [index.SearchField("body"), index.FilterField("body")]


class TopTask(index.Indexed, models.Model):
    title = models.CharField(max_length=100)

    search_fields = [index.SearchField("title"), index.AutocompleteField("title")]
