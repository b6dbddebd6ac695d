"""Uses the stand-in for Cloudflare with real clients: the `cloudflare` package, and the backend of
`wagtail.contrib.frontend_cache`. That backend's address is fixed, so its requests are redirected here.

usage: cloudflare_client.py CLIENT BASE ZONE, with JSON on stdin; prints one JSON document.
"""

import json
import logging
import sys


def package(base, zone, order):
    import cloudflare

    # The package's own retries would hide the stand-in's answers.
    client = cloudflare.Cloudflare(base_url=base, max_retries=0, **order["login"])
    seen = {}
    if "api_token" in order["login"]:
        seen["status"] = client.user.tokens.verify().status
    seen["zone"] = client.zones.get(zone_id=zone).name
    seen["found"] = [one.id for one in client.zones.list(name=seen["zone"])]
    for selection in order["purges"]:
        client.cache.purge(zone_id=zone, **selection)
    seen["failures"] = []
    for selection in order["failing"]:
        try:
            client.cache.purge(zone_id=zone, **selection)
        except cloudflare.APIStatusError as error:
            seen["failures"].append([error.status_code, error.errors[0].code])
    return seen


def wagtail(base, zone, order):
    import requests
    from django.conf import settings

    settings.configure()
    from wagtail.contrib.frontend_cache.backends.cloudflare import CloudflareBackend

    delete = requests.delete
    fixed = "https://api.cloudflare.com/client/v4"

    def elsewhere(url, **arguments):
        assert url.startswith(fixed), url
        return delete(base + url[len(fixed) :], **arguments)

    requests.delete = elsewhere
    told = []
    logging.getLogger("wagtail.frontendcache").addHandler(Told(told))
    backend = CloudflareBackend({"ZONEID": zone, **order["login"]})
    backend.purge_batch(order["urls"])
    return {"told": told}


class Told(logging.Handler):
    """Collects the backend's log. The backend raises no errors, so only its log shows a failure."""

    def __init__(self, told):
        super().__init__()
        self.told = told

    def emit(self, record):
        self.told.append(record.getMessage())


if __name__ == "__main__":
    client, base, zone = sys.argv[1:]
    run = {"package": package, "wagtail": wagtail}[client]
    print(json.dumps(run(base, zone, json.load(sys.stdin))))
