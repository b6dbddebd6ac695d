"""Fills a migrated site with personal data: users, pages, drafts, comments, form submissions, and rows in
the tables of every app. Prints each value that must not leave production, one per line."""

import os
import random
import sys
import uuid

import django
from django.apps import apps
from django.db import IntegrityError, DataError, models, transaction

random.seed(15)
planted = []


def plant(value):
    planted.append(value)
    return value


def word():
    return "zeb" + "".join(random.choices("abcdefghijklmnopqrstuvwxyz", k=7))


def person():
    return plant(f"{word().title()} {word().title()}")


def address():
    return plant(f"{word()}.{word()}@private-mail.org")


def secret(length=40):
    return plant("".join(random.choices("0123456789abcdef", k=min(length or 40, 40))))


# Names of fields, and the planted values.
PEOPLE = {
    "email": address, "to_address": address, "username": word, "name_of_user": person,
    "first_name": person, "last_name": person, "full_name": person, "actor_email": address,
    "remote_addr": None, "changes_text": person, "comment": person, "object_repr": person,
    "telephone": lambda: plant(f"07700 90{random.randrange(10000):04}"),
    "number": lambda: plant(f"+44770090{random.randrange(10000):04}"),
}
SECRETS = ("token", "secret", "digest", "password", "key", "code", "nonce", "session_data", "salt")
# Published content of the site.
PUBLISHED = ("description", "content", "body", "introduction", "summary", "title")
# Tables of the framework that its migrations fill, without personal data.
LEFT = {
    "contenttypes", "auth.Permission", "auth.Group", "sites", "wagtailcore", "migrations",
    # Published by the site, or its own settings: the packs keep them.
    "flatpages", "redirects", "taggit", "socialaccount.SocialApp", "django_celery_beat.CrontabSchedule",
    "django_celery_beat.IntervalSchedule", "django_celery_beat.SolarSchedule", "wagtail_localize.String",
    "wagtail_localize.StringTranslation", "wagtail_localize.Template", "wagtail_localize.TranslationContext",
}


def value_of(field, row):
    name = field.name
    length = getattr(field, "max_length", None)
    if field.choices:
        return field.choices[0][0]
    if isinstance(field, models.UUIDField):
        return uuid.uuid4()
    if isinstance(field, (models.JSONField,)):
        return {"who": person(), "row": row}
    if isinstance(field, models.BooleanField):
        return bool(row % 2)
    if isinstance(field, (models.IntegerField, models.FloatField, models.DecimalField)):
        return row
    if isinstance(field, models.DateTimeField):
        return django.utils.timezone.now()
    if isinstance(field, models.DateField):
        return django.utils.timezone.now().date()
    if isinstance(field, models.DurationField):
        return django.utils.timezone.timedelta(seconds=row)
    if isinstance(field, models.GenericIPAddressField):
        return plant(f"203.0.113.{row % 250}")
    if isinstance(field, models.BinaryField):
        return person().encode()
    if isinstance(field, models.EmailField):
        return address()
    if isinstance(field, (models.CharField, models.TextField, models.FileField)):
        for part, make in PEOPLE.items():
            if part in name and make:
                return make()[: length or None]
        if any(part in name for part in SECRETS) and (length is None or length >= 16):
            return secret(length)
        if "ip_address" in name:
            return plant(f"203.0.113.{row % 250}")
        if any(part in name for part in PUBLISHED):
            return f"Published words, number {row}"[: length or None]
        if isinstance(field, models.TextField):
            return f"{{\"text\": \"{person()}\"}}"
        return f"{name[:6]}-{row}"[: length or None]
    return None


def row_of(model, row):
    from django.contrib.contenttypes.models import ContentType

    values = {}
    for field in model._meta.concrete_fields:
        if isinstance(field, models.AutoField):
            continue
        if field.is_relation:
            target = field.target_field.attname
            others = list(field.related_model._base_manager.values_list(target, flat=True)[:30])
            if field.name == "polymorphic_ctype":
                others = [ContentType.objects.get_for_model(model).pk]
            if others:
                values[field.attname] = others[row % len(others)]
            continue
        value = value_of(field, row)
        if value is not None:
            values[field.attname] = value
    return model(**values)


def fill(model, rows):
    made = 0
    for row in range(1, rows + 1):
        before = len(planted)
        try:
            with transaction.atomic():
                models.Model.save_base(row_of(model, row), raw=True, force_insert=True)
            made += 1
        except (IntegrityError, DataError, ValueError, TypeError, AttributeError) as error:
            del planted[before:]
            reason = str(error).splitlines()[0]
    if made == 0:
        print(f"no row in {model._meta.label}: {reason}", file=sys.stderr)
    return made


def users():
    from django.contrib.auth import get_user_model

    for number in range(30):
        get_user_model().objects.create_user(
            username=plant(word()), email=address(), first_name=plant(word().title()),
            last_name=plant(word().title()), password=f"pass-{number}" if number < 2 else None,
        )
    return list(get_user_model().objects.all())


def pages(everyone):
    from django.contrib.contenttypes.models import ContentType
    from wagtail.contrib.forms.models import FormSubmission
    from wagtail.models import Comment, Page

    try:
        kind = apps.get_model("home", "StandardPage")
    except LookupError:
        kind = apps.get_model("home", "HomePage")
    parent = Page.objects.filter(depth=2).first() or Page.objects.get(depth=1)
    for number in range(25):
        page = parent.add_child(instance=kind(title=f"How to use the library {number}"))
        user = everyone[number % len(everyone)]
        comment = Comment(page=page, user=user, text=f"ask {person()}", contentpath="title")
        page.wagtail_admin_comments = [comment]
        page.title = f"A draft of week {number}"
        revision = page.save_revision(user=user, log_action=True)
        if number % 2:
            revision.publish(user=user, skip_permission_checks=True)
    content = {"name": person(), "email": address(), "message": f"call {person()}"}
    for page in Page.objects.filter(depth__gte=2)[:20]:
        FormSubmission.objects.create(page=page, form_data=dict(content, email=address()))
    assert ContentType.objects.exists()


def main():
    django.setup()
    everyone = users()
    if apps.is_installed("wagtail.contrib.forms"):
        pages(everyone)
    made = 0
    # Twice, because a table can need rows of another table.
    for _ in range(2):
        for model in apps.get_models(include_auto_created=False):
            label, app = model._meta.label, model._meta.app_label
            if model._meta.proxy or not model._meta.managed or label in LEFT or app in LEFT:
                continue
            if app.startswith("wagtail") and app not in ("wagtail_localize", "wagtailmenus"):
                continue
            if model._meta.swapped or model._meta.parents or model._base_manager.exists():
                continue
            made += fill(model, 30)
    print(f"{made} rows", file=sys.stderr)
    print("\n".join(sorted({value for value in planted if len(value) > 6})))


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
    main()
