"""Acts from a page: done as the API does them, by an operator, in the present, and in the name of who asks."""

import re
from collections.abc import Iterator
from types import SimpleNamespace

import httpx
import pytest
from starlette.requests import Request
from starlette.routing import Route

from eventqueue.api.queue import Queue
from eventqueue.errors import LogUnavailable, Unavailable
from eventqueue.web.acting import notices
from eventqueue.web.acting.act import Done, act
from eventqueue.web.entry.roles import Role, Visitor
from eventqueue.web.house import GUESTS_MAX
from tests.patience import PATIENCE_S
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

    assert 'method="post"' not in viewer.get("/queues").text
    assert viewer.post("/queues/default/pause").status_code == 403
    assert queue.queues()[0].pause is None


def test_an_act_that_is_refused_leads_back_to_what_it_was_asked_for_of(queue: Queue, operator: httpx.Client) -> None:
    queue.enqueue(command="true", id="a:b")
    asked = {"/jobs/a:b/retry": "/jobs/a%3Ab", "/projections/jobs/retry": "/projections", "/bulk": "/jobs"}

    for address, back in asked.items():
        answer = operator.post(address, data={"job": "a:b"})

        assert answer.status_code >= 400
        assert "That was not done" in answer.text
        assert re.findall(r'class="button" href="([^"]+)">Back', answer.text) == [back]


def test_of_an_act_whose_outcome_is_unknown_it_is_not_said_that_it_was_not_done(
    operator: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for error in (LogUnavailable("Whether queue mail is paused is unknown."), Unavailable("No answer in time.")):

        def unknown(*_: object, error: Exception = error) -> None:
            raise error

        monkeypatch.setattr(Queue, "pause_queue", unknown)
        answer = operator.post("/queues/mail/pause")

        assert answer.status_code == 503
        assert str(error) in answer.text
        assert "That was not answered" in answer.text
        assert "not done" not in answer.text


def test_of_the_past_no_act_is_offered_and_none_is_done(queue: Queue, operator: httpx.Client) -> None:
    queue.enqueue(command="true")
    at = is_now(queue)

    shown = operator.get("/queues", params={"at": at})

    assert "default" in shown.text
    assert 'method="post"' not in shown.text
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
        assert (
            httpx.post(site.url + path, headers={"sec-fetch-site": "same-origin"}, timeout=PATIENCE_S).status_code
            == 401
        ), path
        asks = (200,) if path == "/enqueue" else (400, 404, 405)  # that of a new job asks at the same address
        assert operator.get(path).status_code in asks, path

    assert queue.log_size() == size


def test_an_act_asks_itself_too_whether_who_asks_may_act(site: Site) -> None:
    def posted_by(role: Role) -> int:
        app = SimpleNamespace(state=SimpleNamespace(house=site.house))
        scope = {"type": "http", "method": "POST", "path": "/x", "query_string": b"", "headers": [], "app": app}
        return act(lambda _: Done("Done", "/"))(Request({**scope, "visitor": Visitor(role, "ann")})).status_code

    assert (posted_by(Role.VIEWER), posted_by(Role.OPERATOR)) == (422, 303)


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


def test_of_what_is_told_once_the_newest_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notices, "NOTICES_MAX", 2)
    kept = notices.Notices()

    keys = [kept.keep(notices.Notice(f"sentence {number}")) for number in range(3)]

    found = [kept.get(one) for one in keys]
    assert [one and one.sentence for one in found] == [None, "sentence 1", "sentence 2"]


def test_a_work_that_is_stopped_leads_to_no_page_but_those_that_show_works(operator: httpx.Client) -> None:
    for then, where in (("/audit", "/audit"), ("//evil.example", "/"), ("https://evil.example", "/"), ("", "/")):
        answer = operator.post("/labours/audit/stop", data={"then": then}, follow_redirects=False)

        assert answer.headers["location"].partition("?")[0] == where
