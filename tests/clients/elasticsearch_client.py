"""Uses the stand-in with the elasticsearch package. Prints the results as one JSON document. BONSAI_URL is
the address."""

import json
import os

from elasticsearch import Elasticsearch, NotFoundError, RequestError
from elasticsearch.helpers import bulk

es = Elasticsearch([os.environ["BONSAI_URL"]], timeout=10, max_retries=0)
found = {}


def failure(kind, work):
    """Does the work, which must fail. Returns the status of its error."""
    try:
        work()
    except kind as error:
        return error.status_code
    return None


found["version"] = es.info()["version"]["number"]
found["delete_absent"] = failure(NotFoundError, lambda: es.indices.delete("books"))
es.indices.create("books", {"settings": {"index": {"number_of_shards": 2}}})
found["create_again"] = failure(RequestError, lambda: es.indices.create("books"))
properties = {
    "pk": {"type": "keyword", "store": True},
    "title": {"type": "text", "copy_to": "_all"},
    "author": {"type": "keyword"},
    "_all": {"type": "text"},
}
es.indices.put_mapping(index="books", body={"properties": properties})
changed = {"properties": {"author": {"type": "text"}}}
found["change_mapping"] = failure(
    RequestError, lambda: es.indices.put_mapping(index="books", body=changed)
)
titles = ["Bins and recycling", "Council tax", "Parking in the town", "Council meetings"]
documents = [
    {"_id": str(number), "pk": str(number), "title": title, "author": f"a{number % 2}"}
    for number, title in enumerate(titles * 60, start=1)
]
found["bulk"] = bulk(es, documents, index="books")[0]
found["count_before_refresh"] = es.count(index="books")["count"]
es.indices.refresh("books")
found["count"] = es.count(index="books")["count"]
query = {"query": {"bool": {"must": {"match": {"_all": "council"}}, "filter": {"term": {"author": "a0"}}}}}
found["matching"] = es.count(index="books", body=query)["count"]
page = es.search(
    index="books", body=query, _source=False, stored_fields="pk", scroll="1m", size=25
)
seen = []
while page["hits"]["hits"]:
    seen += [hit["fields"]["pk"][0] for hit in page["hits"]["hits"]]
    page = es.scroll(scroll_id=page["_scroll_id"], scroll="1m")
es.clear_scroll(scroll_id=page["_scroll_id"])
found["scrolled"] = [len(seen), len(set(seen))]
es.index("books", {"pk": "x", "title": "One more"}, id="x", refresh=False)
es.delete("books", "1")
found["pending"] = es.count(index="books")["count"]
es.indices.refresh("books")
found["after_changes"] = es.count(index="books")["count"]
es.indices.put_alias(name="library", index="books")
found["alias"] = [
    es.indices.exists_alias(name="library"),
    list(es.indices.get_alias(name="library")),
    es.count(index="library")["count"],
    es.indices.exists("library"),
    es.indices.exists("nothing"),
]
found["delete_alias"] = failure(RequestError, lambda: es.indices.delete("library"))
found["listing"] = es.cat.indices(format="json", bytes="b")
found["health"] = es.cluster.health()["status"]
found["unknown_query"] = failure(
    RequestError, lambda: es.search(index="books", body={"query": {"fuzzier": {}}})
)
es.indices.delete("books")
print(json.dumps(found))
