"""Every link of every page, over a database that has something of everything: it leads to a page, now and then."""

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from html import unescape
from typing import Any
from urllib.parse import urldefrag, urlencode, urljoin, urlsplit

import httpx
import pytest
from pymongo import MongoClient

from eventqueue.api.queue import Queue
from eventqueue.model.lives import WorkerLeft, WorkerLost, WorkerStarted
from eventqueue.mongo.incarnations import Incarnation, Incarnations
from eventqueue.ports.views import Filter
from eventqueue.web.drawing.rendering import PAGES
from eventqueue.web.entry.keys import Keys
from tests.cli.past import completed, died
from tests.patience import PATIENCE_S
from tests.travel.test_gone import claim, told
from tests.web.conftest import FROM_PAGES
from tests.web.doors import open_door
from tests.web.sites import Site
from tests.worker.stage import wait_until

LINK = re.compile(r'<(?:a|aside)\b[^>]*? (?:href|data-url)="([^"]*)"')
ID = re.compile(r'id="([^"]*)"')
WITHOUT_BARS = {"x-part": "main"}  # that of times leads to before a thing was, too, which is refused
EACH = 2  # pages that are looked at of those which differ only in what they are of
LIVING = Incarnation(
    id="web-1:c", name="2", host="web-1", pid=1, place="far", pid_started=1, queues=("a:b.c",), concurrency=1
)
ODD = "odd: \"a' & b?, =1"


@pytest.fixture(scope="module")
def furnished(server_uri: str, client: MongoClient[dict[str, Any]]) -> Iterator[Queue]:
    name = "test_links"
    with Queue(server_uri, name, actor="test") as queue:
        furnish(queue)
        yield queue
    client.drop_database(name)


def furnish(queue: Queue) -> None:
    """Make jobs in each state, schedules, pauses, workers that live, left and were lost, and acts on many jobs."""
    started = WorkerStarted(name="1", host="web-1", pid=7, concurrency=2, lease=30.0)
    for worker in ("worker-1", "web-1:a", "web-1:b"):
        told(queue, worker, started)
    for state in ("dead", "done", "held"):
        queue.enqueue_many({"id": f"{state}-{n}", "command": "true"} for n in range(3))
    queue.enqueue_many({"command": "true", "queue": "a:b.c", "tags": [ODD], "group": ODD} for _ in range(60))
    queue.enqueue_many({"command": "true", "queue": f"queue-{n}"} for n in range(110))
    queue.enqueue(command="true", delay=9000, key=ODD, meta={ODD: ODD}, correlation=ODD)
    queue.status()
    for n in range(3):
        died(queue, f"dead-{n}", f"no host {ODD}")
        completed(queue, f"done-{n}")
    # For longer than it takes to follow all links, on whatever machine.
    Incarnations(queue.connection.ground.database, timedelta(hours=1)).register(LIVING)
    claim(queue, "held-0", "web-1:a")
    told(queue, "web-1:a", WorkerLost(seen_dead=True, held=("held-0",)))
    told(queue, "web-1:b", WorkerLeft())
    queue.schedule("nightly:a.b", {"command": "true", "queue": "mail"}, cron="0 0 1 1 *", tz="Europe/Berlin")
    queue.trigger_schedule("nightly:a.b")
    queue.pause_queue("a:b.c", ODD)
    queue.status()
    queue.restart("done-0")
    queue.cancel_all(Filter(queue="queue-1"), ODD)
    queue.status()
    last = queue.history("dead-2")[-1].at  # as its page says, and not as the log took it
    wait_until(lambda: queue.connection.ground.clock.now() > last)  # its events are stamped ahead


@pytest.fixture(scope="module")
def furnished_site(furnished: Queue) -> Iterator[Site]:
    with open_door(furnished, Keys("the-viewers-token", "the-operators-token")) as site:
        yield site


@contextmanager
def visitor(site: Site, token: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=site.url, follow_redirects=True, headers=FROM_PAGES, timeout=PATIENCE_S) as client:
        client.get("/", params={"token": token}).raise_for_status()
        yield client


def shape(address: str) -> tuple[str, ...]:
    """What pages have in common that show the same of something else."""
    found = urlsplit(address)
    room, *more = found.path.strip("/").split("/")
    return (room, str(len(more)), *more[1:], *sorted(one.partition("=")[0] for one in found.query.split("&")))


def crawl(client: httpx.Client, begin: list[str]) -> dict[str, str]:
    """Return what is wrong with pages, by the addresses; each is reached by a link of one before."""
    ahead, seen, looked, wrong = [(one, "") for one in begin], set(begin), Counter[tuple[str, ...]](), {}
    while ahead:
        address, source = ahead.pop(0)
        if looked[shape(address)] >= EACH:
            continue
        looked[shape(address)] += 1
        answer = client.get(address, headers=WITHOUT_BARS)
        if answer.status_code != 200:
            wrong[address] = f"{answer.status_code}, from {source}"
        ids = set(ID.findall(answer.text))
        for href in map(unescape, LINK.findall(answer.text)):
            link, fragment = urldefrag(urljoin(address, href))
            if fragment and link in ("", address) and fragment not in ids:
                wrong[f"{address}#{fragment}"] = "no such place"
            if link not in seen:
                seen.add(link)
                ahead.append((link, address))
    assert sum(looked.values()) > 30
    return wrong


@pytest.mark.parametrize("token", ["the-operators-token", "the-viewers-token"])
@pytest.mark.parametrize("is_past", [False, True], ids=["now", "then"])
def test_every_link_leads_to_a_page(furnished: Queue, furnished_site: Site, token: str, is_past: bool) -> None:
    now = furnished.connection.ground.clock.now()
    at = "?" + urlencode({"at": now.isoformat()}) if is_past else ""

    with visitor(furnished_site, token) as client:
        wrong = crawl(client, [f"{path}{at}" for path, _, _ in PAGES])

    assert wrong == {}
