"""A database user who may only read is enough for everything but acts."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from pymongo import MongoClient
from starlette.routing import Route

from eventqueue.api.queue import Queue
from eventqueue.model.fingerprint import fingerprint
from eventqueue.web.entry.keys import Keys
from tests.cli.past import died
from tests.mongo.servers import running
from tests.web.doors import open_door
from tests.web.sites import Site

DB = "read_only"
ASKS = {  # what a page has to be asked with
    "/bulk": {"deed": "cancel"},
    "/dead/ignore": {"fingerprint": fingerprint("exit code 3")},
}


@pytest.fixture(scope="module")
def reader() -> Iterator[Queue]:
    """A queue with a job, as a user sees it who has the rights to find and to follow on its database, and no other."""
    with running(guarded=True) as uri, MongoClient[dict[str, Any]](uri, timeoutMS=30_000) as root:
        with Queue(uri, DB, actor="test") as queue:
            queue.enqueue(command="true", id="one")
            queue.enqueue(command="false", id="dead")
            died(queue, "dead")
            assert queue.status().lag.is_fresh
        privileges = [{"resource": {"db": DB, "collection": ""}, "actions": ["find", "changeStream"]}]
        root[DB].command("createRole", "reader", privileges=privileges, roles=[])
        root[DB].command("createUser", "reader", pwd="pw", roles=["reader"])
        host = urlsplit(uri).netloc.rpartition("@")[2]
        with Queue(f"mongodb://reader:pw@{host}/?directConnection=true&authSource={DB}", DB, actor="test") as queue:
            yield queue


@pytest.fixture
def site(reader: Queue) -> Iterator[Site]:
    with open_door(reader, Keys("viewer", "operator")) as site:
        yield site


def test_every_page_is_shown_and_is_live(site: Site, operator: httpx.Client) -> None:
    for path in [one.path for one in site.routes if isinstance(one, Route) and one.methods and "GET" in one.methods]:
        if "{" not in path and path != "/live":
            assert operator.get(path, params=ASKS.get(path)).status_code in (200, 303), path

    with operator.stream("GET", "/live") as answer:
        assert any(line.startswith("id: ") for line in answer.iter_lines())


def test_an_act_is_refused_in_the_words_of_the_database(operator: httpx.Client, reader: Queue) -> None:
    kind = {"fingerprint": fingerprint("exit code 3"), "for": "for a day"}
    for path, form in (("/queues/default/pause", {"why": "x"}), ("/dead/ignore", kind)):
        answer = operator.post(path, data=form)
        assert answer.status_code == 403
        assert "MongoDB refused access" in answer.text
    assert reader.queues()[0].pause is None
