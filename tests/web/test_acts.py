"""Acts from a page: done as the API does them, by an operator, in the present, and in the name of who asks."""

import re
from collections.abc import Iterator

import httpx
from starlette.routing import Route

from eventqueue.api.queue import Queue
from eventqueue.web.house import GUESTS_MAX
from tests.web.doors import PATIENCE_S
from tests.web.sites import Site, is_now


def acts(site: Site) -> Iterator[str]:
    """Yield the address of each act that there is."""
    for one in site.routes:
        if isinstance(one, Route) and one.methods and "POST" in one.methods:
            yield re.sub(r"{\w+}", "default", one.path)


def test_a_queue_is_paused_from_its_page_by_who_asks_and_for_the_reason_given(
    queue: Queue, operator: httpx.Client
) -> None:
    queue.enqueue(command="true")

    answer = operator.post("/queues/default/pause", data={"why": "the disk is full"})

    assert "Queue default is paused" in answer.text
    (one,) = queue.queues()
    assert one.pause is not None
    assert one.pause.why == "the disk is full"
    assert one.pause.by.startswith("web/")


def test_a_viewer_is_offered_no_act_and_refused_one(queue: Queue, viewer: httpx.Client) -> None:
    queue.enqueue(command="true")

    assert '<form class="act"' not in viewer.get("/queues").text
    assert viewer.post("/queues/default/pause").status_code == 403
    assert queue.queues()[0].pause is None


def test_of_the_past_no_act_is_offered_and_none_is_done(queue: Queue, operator: httpx.Client) -> None:
    queue.enqueue(command="true")
    at = is_now(queue)

    shown = operator.get("/queues", params={"at": at})

    assert "default" in shown.text
    assert '<form class="act"' not in shown.text
    assert operator.post("/queues/default/pause", params={"at": at}).status_code == 422
    assert queue.queues()[0].pause is None


def test_every_act_is_refused_to_who_may_not_and_from_elsewhere_and_of_the_past(
    queue: Queue, operator: httpx.Client, viewer: httpx.Client, site: Site
) -> None:
    queue.enqueue(command="true", id="default")
    size = queue.log_size()
    assert len([*acts(site)]) > 15

    for path in acts(site):
        assert viewer.post(path).status_code == 403, path
        for where in ("cross-site", "same-site", "none"):
            assert operator.post(path, headers={"sec-fetch-site": where}).status_code == 403, path
        for moment in ("1s", ""):
            assert operator.post(path, params={"at": moment}).status_code == 422, path
        assert httpx.post(site.url + path, headers={"sec-fetch-site": "same-origin"}).status_code == 401, path
        assert operator.get(path).status_code in (400, 404, 405), path

    assert queue.log_size() == size


def test_however_many_look_on_there_is_room_for_who_acts(
    queue: Queue, operator: httpx.Client, viewer: httpx.Client, site: Site
) -> None:
    queue.enqueue(command="true")
    for _ in range(GUESTS_MAX):
        assert site.house.guests.acquire(timeout=PATIENCE_S)

    told = viewer.get("/queues")
    assert (told.status_code, "refresh" in told.headers) == (503, True)
    assert "has to wait" in told.text
    assert operator.get("/queues").status_code == 200

    site.house.guests.release()
    assert viewer.get("/queues").status_code == 200
