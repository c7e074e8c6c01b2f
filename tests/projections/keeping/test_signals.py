"""Signals: what is published is heard by all who listen, also by the slow ones."""

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from msgspec.structs import replace

from eventqueue.model.events import EMPTY
from eventqueue.mongo.ground import Ground
from eventqueue.mongo.layout import SIGNALS_BYTES
from eventqueue.ports.finder import Ready, Signal, StopAsked
from projections.folds.due import TOLD_MAX
from projections.keeping import signals
from projections.keeping.feed import Feed
from projections.keeping.signals import Signals
from projections.keeping.turn import LOAD
from tests.builders import CANCELLED, NOW, SOON, append, claimed, enqueued
from tests.projections.stage import (
    apply_all,
    build,
    checkpoint_of,
    finish,
    live_of,
    projecting,
    put,
    put_long_ago,
    taking_place,
    turn_in,
)

MINUTE = timedelta(minutes=1)


def next_of(feed: Iterator[Signal | None]) -> Signal:
    """The next signal; the feed says about once a second that there was none, and goes on."""
    heard = (one for _, one in zip(range(1000), feed, strict=False) if one is not None)
    return next(heard)


@pytest.fixture(autouse=True)
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signals, "AWAIT_MS", 50)


def test_what_is_published_is_heard_by_all_who_listen(ground: Ground) -> None:
    one, other = (Signals(ground.database).follow() for _ in range(2))
    said = [
        Signal(1, (Ready("mail", 5, NOW), Ready("video", 5, NOW, (("job-3", 1),))), ("job-1", "job-2")),
        Signal(2),
        Signal(stopping=(StopAsked("worker", NOW),), switched=("mail",)),
    ]

    for signal in said:
        Signals(ground.database).publish(signal)

    assert [next_of(one) for _ in said] == said
    assert [next_of(other) for _ in said] == said


def test_what_was_published_before_one_listened_is_not_heard(ground: Ground) -> None:
    publisher = Signals(ground.database)
    publisher.publish(Signal(1))

    feed = Signals(ground.database).follow()
    publisher.publish(Signal(2))

    assert next_of(feed) == Signal(2)


@pytest.mark.parametrize("comes_back", [False, True], ids=["gone", "back, and not capped"])
def test_signals_are_heard_again_though_their_collection_was_dropped(ground: Ground, comes_back: bool) -> None:
    publisher, feed = Signals(ground.database), Signals(ground.database).follow()
    ground.database.drop_collection("signals")
    if comes_back:
        publisher.publish(Signal(1))

    heard: list[Signal] = []
    while not heard:  # what is published before somebody has noticed may be lost
        publisher.publish(Signal(2))
        heard = [one for one in (next(feed), next(feed)) if one is not None]

    assert heard[0] in (Signal(1), Signal(2))
    assert ground.database["signals"].options()["capped"]
    assert next(Signals(ground.database).follow(), "the end") != "the end"


def test_where_nothing_is_published_the_listener_is_given_a_turn(ground: Ground) -> None:
    feed = Signals(ground.database).follow()

    assert next(feed) is None
    assert next(feed) is None


def test_a_slow_listener_whose_place_was_overwritten_goes_on_with_what_is_there(ground: Ground) -> None:
    publisher, feed = Signals(ground.database), Signals(ground.database).follow()
    publisher.publish(Signal(1))
    assert next_of(feed) == Signal(1)

    crowd = tuple(f"{number:0128}" for number in range(500))
    for number in range(4 * SIGNALS_BYTES // (500 * 128)):
        publisher.publish(Signal(number, cancelled=crowd))
    publisher.publish(Signal(0))

    while next_of(feed) != Signal(0):
        pass
    publisher.publish(Signal(9))
    assert next_of(feed) == Signal(9)


def test_a_listener_whose_cursor_was_killed_goes_on(ground: Ground) -> None:
    publisher, feed = Signals(ground.database), Signals(ground.database).follow()
    publisher.publish(Signal(1))
    assert next_of(feed) == Signal(1)

    idle = ground.database.client.admin.aggregate(
        [
            {"$currentOp": {"idleCursors": True}},
            {"$match": {"ns": f"{ground.database.name}.signals", "cursor.tailable": True}},
        ]
    )
    cursors = [one["cursor"]["cursorId"] for one in idle]
    assert cursors
    ground.database.command("killCursors", "signals", cursors=cursors)
    publisher.publish(Signal(2))

    assert next_of(feed) == Signal(2)


def test_a_batch_tells_what_became_ready_queue_by_queue(built: Ground) -> None:
    event = enqueued()
    put_long_ago(built, "job-1", replace(event, queue="mail", priority=1, run_at=NOW))
    put_long_ago(built, "job-2", replace(event, queue="mail", priority=7, run_at=NOW - MINUTE))
    put_long_ago(built, "job-3", replace(event, queue="mail", priority=9, run_at=SOON + MINUTE))
    put_long_ago(built, "job-4", replace(event, queue="video", priority=-3, run_at=NOW - 2 * MINUTE))
    put_long_ago(built, "job-5", replace(event, queue="taken"), claimed())

    signal = apply_all(built, taking_place(built), now=SOON)

    assert set(signal.ready) == {
        Ready("mail", 7, NOW - MINUTE, (("1", 1), ("2", 1))),
        Ready("video", -3, NOW - 2 * MINUTE, (("4", 1),)),
    }
    assert signal.generation == live_of(built).number
    assert signal.cancelled == ()


def test_a_batch_of_many_ready_jobs_names_none_and_concerns_everybody(built: Ground) -> None:
    for number in range(TOLD_MAX + 1):
        put_long_ago(built, f"job-{number}", replace(enqueued(), run_at=NOW))

    assert apply_all(built, taking_place(built), now=SOON).ready == (Ready("default", 0, NOW, None),)


def test_a_batch_of_jobs_in_many_queues_is_told_in_one(built: Ground) -> None:
    for number in range(TOLD_MAX + 1):
        put_long_ago(built, f"job-{number}", replace(enqueued(queue=f"q{number}", priority=number), run_at=NOW))

    assert apply_all(built, taking_place(built), now=SOON).ready == (Ready(None, TOLD_MAX, NOW),)


def test_a_batch_tells_which_jobs_were_cancelled(built: Ground) -> None:
    put(built, "job-1", enqueued())
    put(built, "job-2", enqueued())
    finish(built)
    built.log.append([append(f"job-{name}", CANCELLED, head=built.log.read(f"job-{name}")[-1].head) for name in (1, 2)])

    assert set(apply_all(built, taking_place(built)).cancelled) == {"1", "2"}


def test_the_projector_publishes_after_each_batch(built: Ground) -> None:
    feed = Signals(built.database).follow()

    with projecting(built):
        for number in range(3):
            event = replace(enqueued(), run_at=NOW, priority=number)
            built.log.append([append(f"job-{number}", event, head=EMPTY)])
            told = Signal(1, (Ready("default", number, NOW, ((f"{number}", 1),)),))
            assert [next_of(feed), next_of(feed)] == [told, told]  # before the views show it, and after
            assert live_of(built).due.count_documents({"ready": True}) == number + 1


@pytest.mark.parametrize(("count", "shown"), [(LOAD - 1, [0, LOAD - 1]), (LOAD, [LOAD])])
def test_jobs_that_come_alone_are_told_of_before_the_views_show_them_too(
    built: Ground, count: int, shown: list[int]
) -> None:
    seen: list[int] = []

    class Seeing(Signals):
        """Notes how many jobs the views show as ready whenever it tells of some."""

        def publish(self, signal: Signal) -> None:
            assert [len(ready.jobs or ()) for ready in signal.ready] == [count]
            seen.append(sum(len(entry["jobs"]) for entry in live_of(built).due.find({"ready": True})))

    built.log.append([append(f"job-{number}", enqueued(), head=EMPTY) for number in range(count)])

    with (
        Feed(built.database, checkpoint_of(built).token) as feed,
        turn_in(built, taking_place(built), feed, Seeing(built.database)) as turn,
    ):
        while len(seen) < len(shown):
            turn.step(built.clock)

    assert seen == shown


def test_a_switch_of_the_views_is_told(built: Ground) -> None:
    feed = Signals(built.database).follow()

    build(built)

    assert next_of(feed) == Signal(2)


def test_a_signal_that_cannot_be_published_is_as_good_as_lost(ground: Ground) -> None:
    ready = tuple(Ready(f"{number:0128}", 0, NOW) for number in range(8000))  # more than the collection holds

    Signals(ground.database).publish(Signal(1, ready))


def test_many_may_listen_in_threads_of_their_own(ground: Ground) -> None:
    heard: list[Signal] = []
    feeds = [Signals(ground.database).follow() for _ in range(8)]
    threads = [threading.Thread(target=lambda feed=feed: heard.append(next_of(feed))) for feed in feeds]
    for thread in threads:
        thread.start()

    Signals(ground.database).publish(Signal(3))

    for thread in threads:
        thread.join()
    assert heard == [Signal(3)] * 8
