"""What is told to tabs that are open: that the views have moved, fallen behind, or cannot be asked for now."""

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from itertools import islice
from typing import Any

import httpx
import pytest

from eventqueue.api.queue import Queue
from eventqueue.errors import Unavailable
from eventqueue.ports.views import Lag
from eventqueue.server.deadline import Deadline, wait_until
from eventqueue.web import kept, live
from eventqueue.web.acting.labour import Outcome
from tests.patience import PATIENCE_S
from tests.web.sites import Site

Told = Iterator[tuple[str | None, dict[str, Any]]]


@contextmanager
def tab(client: httpx.Client) -> Iterator[Told]:
    """What a tab hears: of each event its id and what it says."""
    with client.stream("GET", "/live", timeout=PATIENCE_S) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield _events(answer.iter_lines())


def _events(lines: Iterator[str]) -> Told:
    number = None
    for line in lines:
        name, _, value = line.partition(": ")
        if name == "id":
            number = value
        elif name == "data":
            yield number, json.loads(value)


def becomes(condition: Any) -> bool:
    return wait_until(condition, Deadline.after(timedelta(seconds=PATIENCE_S)))


def views_say(monkeypatch: pytest.MonkeyPatch, site: Site, lag: Lag | Exception, to: str = "lag") -> None:
    def said() -> Lag:
        if isinstance(lag, Exception):
            raise lag
        return lag

    monkeypatch.setattr(site.house.queue.connection.views, to, said)


def test_an_event_has_the_position_in_the_log_as_its_id(queue: Queue, operator: httpx.Client) -> None:
    with tab(operator) as told:
        before, said = next(one for one in told if one[0])  # before there are views it has none
        assert before == str(said["position"])
        queue.enqueue(command="true")
        queue.status()  # brings the views up to date, as a projector does

        after = next(number for number, _ in told if number != before)
        assert int(after or 0) == int(before or 0) + 1
    assert f'data-position="{after}"' in operator.get("/").text


def test_a_hundred_tabs_have_one_thread_that_follows_and_those_that_vanish_are_forgotten(
    queue: Queue, site: Site, operator: httpx.Client
) -> None:
    with (
        ExitStack() as stack,
        httpx.Client(cookies=operator.cookies, limits=httpx.Limits(max_connections=None), timeout=PATIENCE_S) as many,
    ):
        many.base_url = httpx.URL(site.url)
        tabs = [stack.enter_context(tab(many)) for _ in range(100)]
        first = [next(one) for one in tabs]
        assert site.house.live.watchers == 100
        assert [one.name for one in threading.enumerate()].count("live") == 1
        queue.enqueue(command="true")
        queue.status()

        for (before, _), one in zip(first, tabs, strict=True):
            assert next(number for number, _ in one if number != before)
    assert becomes(lambda: site.house.live.watchers == 0)


def test_there_are_no_more_tabs_than_the_process_can_bear(
    operator: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "TABS_MAX", 1)
    with tab(operator) as told:
        next(told)
        assert operator.get("/live").status_code == operator.head("/live").status_code == 503
        assert operator.get("/").status_code == 200


def test_while_nobody_looks_the_database_is_not_asked_whenever_the_views_move(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[bool] = []
    monkeypatch.setattr(Queue, "follow", lambda _: iter([True, False]))
    following = live.Live(queue)
    monkeypatch.setattr(following, "_look", looked.append)

    following._follow()

    assert looked == []


def test_where_nothing_moves_a_sign_of_life_is_sent(operator: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "SIGN_S", 0.01)

    with operator.stream("GET", "/live", timeout=PATIENCE_S) as answer:
        assert ": here" in islice(answer.iter_lines(), 50)


def test_who_acts_sees_what_they_did_though_tabs_are_open(
    queue: Queue, operator: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "EVERY_S", 1000.0)
    queue.enqueue(command="true")
    with tab(operator) as told:
        next(told)
        assert "the disk is full" not in operator.get("/queues").text

        operator.post("/queues/default/pause", data={"why": "the disk is full"})

        assert "the disk is full" in operator.get("/queues").text


def test_what_a_work_has_done_is_seen_once_it_has_ended(
    site: Site, operator: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "EVERY_S", 1000.0)
    found: list[int] = []
    with tab(operator) as told:
        next(told)
        for _ in range(2):
            site.house.kept.get("what it changes", lambda: found.append(1))
        assert found == [1]

        site.house.labours.start("work", "A work", "ann", lambda _: Outcome("Done"))

        assert becomes(lambda: site.house.kept.get("what it changes", lambda: found.append(1)) and len(found) > 1)


def test_views_that_fall_behind_are_told_though_nothing_moves(
    site: Site, operator: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tab(operator) as told:
        before = next(number for number, _ in told if number)
        views_say(monkeypatch, site, Lag(42.04))

        number, said = next(one for one in told if one[1]["lag"])

    assert (number, said["lag"]) == (before, 42.0)
    assert "42 s behind it" in operator.get("/").text


def test_a_database_that_does_not_answer_is_told_and_so_is_that_it_does_again(
    site: Site, operator: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tab(operator) as told:
        next(told)
        with monkeypatch.context() as patched:
            views_say(patched, site, Unavailable("mongodb://ann:secret@db does not answer."), to="applied")
            _, said = next(one for one in told if one[1]["problem"])
            assert "does not answer" in said["problem"]
            assert "secret" not in said["problem"]
            assert "does not answer" in operator.get("/").text

        assert next(said for _, said in told if said["problem"] is None)["position"] is not None


def test_pages_are_shown_where_it_takes_too_long_to_tell_how_far_the_views_are_behind_and_these_are_moved_then(
    site: Site, operator: httpx.Client, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue.enqueue(command="true")
    queue.status()
    with tab(operator) as told:
        before, _ = next(one for one in told if one[1]["lag"] == 0)
        queue.enqueue(command="true")  # which nobody moves them over but who reads
        with monkeypatch.context() as patched:
            views_say(patched, site, Unavailable("What has come could not be looked through in time."))
            _, said = next(one for one in told if one[1]["lag"] is None)
            assert (said["problem"], said["is_away"]) == (None, False)
            assert "how far that is behind it is not known" in operator.get("/schedules").text

        number, said = next(one for one in told if one[1]["lag"] == 0)
        assert int(number or 0) > int(before or 0)


def test_a_follower_that_fails_is_told_of_and_begins_again(
    site: Site, operator: httpx.Client, queue: Queue, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(live, "AGAIN_S", 0.01)

    def fail() -> Lag:
        raise ValueError("no such thing")

    with tab(operator) as told:
        before, _ = next(told)
        with monkeypatch.context() as patched:
            patched.setattr(site.house.queue.connection.views, "lag", fail)
            assert becomes(lambda: "no such thing" in caplog.text)
        queue.enqueue(command="true")
        queue.status()
        assert next(number for number, _ in told if number != before)


def test_views_that_were_dropped_are_built_anew_though_nobody_works_and_nothing_is_said_to_be_none_till_then(
    queue: Queue, site: Site, operator: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue.enqueue(command="true", queue="mail")
    assert queue.status()
    monkeypatch.setattr(live, "EVERY_S", 0.0)
    site.house.live._lag_after = float("-inf")
    database = queue.connection.ground.database
    for name in database.list_collection_names():
        if name.startswith(("stats-", "jobs-")):
            database.drop_collection(name)

    page = operator.get("/queues").text

    assert "what is counted here may be old, or missing" in page
    assert becomes(lambda: queue.connection.views.lag().seconds is not None)
    assert becomes(lambda: "may be old, or missing" not in operator.get("/queues").text)
    assert "/queues/mail" in operator.get("/queues").text
