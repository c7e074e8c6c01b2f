"""What the oplog has lost is read again from the log itself: all of it, and nothing of it twice."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import bson
import pytest
from bson.timestamp import Timestamp
from msgspec.structs import replace

from eventqueue.model.codec import stream_in
from eventqueue.mongo import timeline
from eventqueue.mongo.ground import Ground
from eventqueue.ports.finder import Signal
from projections.keeping import rescan as rescanning
from projections.keeping.checkpoint import token_time
from projections.keeping.rescan import rescan
from tests.builders import append, enqueued
from tests.projections.crowd import Crowd
from tests.projections.exact import assert_exact, shown
from tests.projections.stage import await_that, checkpoint_of, finish, is_ready, put, taking_place


def put_late(ground: Ground, stream: str, stamped: timedelta) -> None:
    """Append an event as a transaction does that stamped it so long before it was committed."""
    (sealed,) = append(stream, enqueued(), now=ground.clock.now()).events
    document = bson.decode(sealed.raw)
    now = token_time(checkpoint_of(ground).token)
    document["ts"] = Timestamp(now.time - int(stamped.total_seconds()), 1)
    ground.database["events"].insert_one(document)


def test_what_was_seen_before_counts_once(built: Ground, crowd: Crowd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rescanning, "CHUNK", 13)
    crowd.act(5)
    finish(built)
    before = shown(built)
    crowd.act(5)

    rescan(built, taking_place(built))

    assert shown(built).applied > before.applied
    assert_exact(built)


def test_an_event_that_was_stamped_a_minute_before_it_became_visible_is_not_lost(built: Ground) -> None:
    put(built, "job-one", enqueued())
    finish(built)
    put_late(built, "job-late", timedelta(minutes=1))

    rescan(built, taking_place(built))

    assert set(shown(built).jobs) == {"one", "late"}
    assert_exact(built)


def test_events_that_are_stamped_alike_are_read_however_many_they_are(
    built: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timeline, "WINDOW", 3)
    names = [f"{number:02}" for number in range(20)]
    for number, name in enumerate(names):
        put_late(built, f"job-{name}", timedelta(seconds=10 if 5 <= number < 15 else 20 - number))

    read = list(rescanning._since(built, token_time(checkpoint_of(built).token).time))

    assert sorted(map(stream_in, read)) == [f"job-{name}" for name in names]


def test_what_is_appended_behind_the_scan_is_applied_from_the_tail_afterwards(
    built: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(built, "job-one", enqueued())
    since = rescanning._since

    def since_with_a_surprise(*args: Any) -> Iterator[bytes]:
        yield from since(*args)
        put(built, "job-surprise", enqueued())

    monkeypatch.setattr(rescanning, "_since", since_with_a_surprise)
    rescan(built, taking_place(built))
    finish(built)

    assert set(shown(built).jobs) == {"one", "surprise"}
    assert_exact(built)


def test_until_its_end_it_says_to_whoever_comes_next_that_it_is_to_be_done_again(
    built: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rescanning, "CHUNK", 2)
    for number in range(5):
        put(built, f"job-{number}", enqueued())
    place = taking_place(built)
    token, seen, since = place.held.token, [], rescanning._since

    def looking_since(*args: Any) -> Iterator[bytes]:
        for event in since(*args):
            seen.append(checkpoint_of(built))
            yield event

    monkeypatch.setattr(rescanning, "_since", looking_since)
    rescan(built, place)

    assert {one.applied for one in seen} == {0, 2, 4}
    assert all(one.token == token for one in seen)
    assert checkpoint_of(built).token != token


def test_one_that_is_killed_is_gone_on_with_where_it_was(built: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rescanning, "CHUNK", 2)
    monkeypatch.setattr(rescanning, "OVERLAP", timedelta(0))
    for number in range(6):
        put_late(built, f"job-{number}", timedelta(seconds=-10 * number))
    begins, since = [], rescanning._since

    def noted(ground: Ground, begin: int) -> Iterator[bytes]:
        begins.append(begin)
        return since(ground, begin)

    monkeypatch.setattr(rescanning, "_since", noted)

    def die(_: Signal) -> None:
        if shown(built).applied == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rescan(built, taking_place(built), die)
    rescan(built, taking_place(built))

    assert begins == [begins[0], begins[0] + 10]  # what was applied last is not noted yet
    assert_exact(built)


def test_what_becomes_due_meanwhile_does_not_wait_for_its_end(built: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rescanning, "CHUNK", 1)
    put(built, "job-due", replace(enqueued(), run_at=built.clock.now() + timedelta(milliseconds=300)))
    finish(built)
    for number in range(3):
        put(built, f"job-{number}", enqueued())
    seen: list[bool] = []

    def look(_: Signal) -> None:
        await_that(lambda: seen or built.clock.now() > later)
        seen.append(is_ready(built, "due"))

    later = built.clock.now() + timedelta(milliseconds=400)
    rescan(built, taking_place(built), look)

    assert True in seen[:-1]
