"""The feed: whatever sizes its batches have, each batch's token leads to exactly what comes after it."""

from random import Random

import pytest

from eventqueue.errors import HistoryLost
from eventqueue.model.events import Recorded
from eventqueue.mongo.ground import Ground
from projections.folds.decoding import Poison
from projections.keeping import feed, tail
from projections.keeping.feed import Feed
from tests.builders import enqueued, said
from tests.projections.crowd import Crowd
from tests.projections.stage import await_that, checkpoint_of, finish, put, unread

ALL = 10**9


def ids(events: list[Recorded | Poison]) -> list[tuple[str, int]]:
    return [(event.stream, event.version) for event in events]


@pytest.mark.parametrize("seed", range(2))
def test_a_reader_that_goes_on_from_any_batch_misses_nothing_and_sees_nothing_twice(
    built: Ground, crowd: Crowd, seed: int
) -> None:
    chance = Random(seed)
    start = token = checkpoint_of(built).token
    crowd.act(10)
    expected, _ = unread(built, start)
    taken: list[Recorded | Poison] = []

    while len(taken) < len(expected):
        with Feed(built.database, token) as one:  # each dies after a few batches, and another goes on
            for _ in range(chance.randint(1, 3)):
                batch = one.take(chance.randint(1, 40), chance.choice([1, 5_000, ALL]), 5.0)
                assert batch.events
                taken += batch.events
                token = batch.token
                if len(taken) == len(expected):
                    break

    assert ids(taken) == ids(expected)
    assert unread(built, token)[0] == []


def test_a_batch_is_bounded_by_count_and_by_bytes_and_holds_one_event_at_least(built: Ground) -> None:
    for number in range(10):
        put(built, f"config-{number}", said("x" * 1000))

    with Feed(built.database, checkpoint_of(built).token) as one:
        await_that(lambda: len(one._inbox) == 10)
        assert len(one.take(4, ALL, 0).events) == 4
        assert len(one.take(ALL, 2500, 0).events) == 2
        assert len(one.take(ALL, 1, 0).events) == 1
        assert len(one.take(ALL, ALL, 0).events) == 3


def test_without_events_the_token_moves_on_all_the_same(built: Ground) -> None:
    start = checkpoint_of(built).token

    with Feed(built.database, start) as one:
        built.database["others"].insert_one({})
        await_that(lambda: one.take(ALL, ALL, 0).token != start)
        token = one.take(ALL, ALL, 0).token

    put(built, "job-one", enqueued())
    assert len(unread(built, token)[0]) == 1


def test_reading_stops_while_the_inbox_is_full(built: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail, "REPLY_COUNT", 2)
    monkeypatch.setattr(feed, "INBOX_COUNT", 3)
    for number in range(10):
        put(built, f"config-{number}")

    with Feed(built.database, checkpoint_of(built).token) as one:
        await_that(lambda: len(one._inbox) == 4)  # a reply more than it takes to be full
        taken = one.take(1, ALL, 0).events
        await_that(lambda: len(one._inbox) == 3)
        while len(taken) < 10:
            taken += one.take(2, ALL, 5.0).events
            assert len(one._inbox) <= 4

    assert [event.stream for event in taken] == [f"config-{number}" for number in range(10)]


def test_a_feed_that_is_left_with_a_full_inbox_ends(built: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail, "REPLY_COUNT", 2)
    monkeypatch.setattr(feed, "INBOX_COUNT", 1)
    for number in range(5):
        put(built, f"config-{number}")

    with Feed(built.database, checkpoint_of(built).token) as one:
        await_that(lambda: len(one._inbox) == 2)

    assert not one._thread.is_alive()


def test_a_log_that_is_dropped_under_it_is_noticed(built: Ground) -> None:
    put(built, "job-one", enqueued())
    finish(built)

    with Feed(built.database, checkpoint_of(built).token) as one:
        built.database.drop_collection("events")
        with pytest.raises(HistoryLost):
            one.take(ALL, ALL, 30.0)
