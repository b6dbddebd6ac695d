"""An ordinary page, a form, and a model with a history."""

from django.db import models
from modelcluster.fields import ParentalKey
from simple_history.models import HistoricalRecords
from taggit.managers import TaggableManager
from wagtail.contrib.forms.models import AbstractEmailForm, AbstractFormField
from wagtail.fields import RichTextField
from wagtail.models import Page


class StandardPage(Page):
    introduction = models.TextField(blank=True)
    body = RichTextField(blank=True)
    contact_email = models.EmailField(blank=True)


class FormPage(AbstractEmailForm):
    intro = RichTextField(blank=True)


class FormField(AbstractFormField):
    page = ParentalKey(FormPage, on_delete=models.CASCADE, related_name="form_fields")


class Booking(models.Model):
    name = models.CharField(max_length=200)
    email = models.EmailField(unique=True)
    telephone = models.CharField(max_length=40, blank=True)
    access_needs = models.TextField(blank=True)
    reference = models.CharField(max_length=20)
    page = models.ForeignKey(StandardPage, null=True, on_delete=models.SET_NULL)
    tags = TaggableManager()
    history = HistoricalRecords()
