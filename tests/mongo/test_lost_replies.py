"""Appends whose outcome is unknown, over a wire that is cut: each ends as its own success or a true conflict."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import pymongo
import pytest
from pymongo import MongoClient

from eventqueue.errors import LogUnavailable, Unavailable
from eventqueue.model.events import EMPTY, Event, Recorded
from eventqueue.mongo.log import MongoLog
from eventqueue.ports.log import Append, Appended
from tests.builders import append, said, without_ts
from tests.mongo.conftest import Store
from tests.mongo.wire import Cut, Wire
from tests.patience import PATIENCE_S

LONG, SHORT = 60.0, 2.0  # seconds: the short one is long enough for one order, on a slow machine, too


@contextmanager
def log_over(wire: Wire, store: Store, deadline: float, **options: Any) -> Iterator[MongoLog]:
    # Polling: a client that streams takes half a second at each cut to find its server again.
    with MongoClient[dict[str, Any]](wire.uri, serverMonitoringMode="poll", **options) as client:
        log = MongoLog(client[store.name], deadline)
        with pymongo.timeout(PATIENCE_S):
            log.read("job-none")  # connected, so that the first cut is of the append
        yield log


@pytest.fixture
def cut_log(wire: Wire, prepared: Store) -> Iterator[MongoLog]:
    """A log over the wire that does not give up while a test runs."""
    with log_over(wire, prepared, LONG, timeoutMS=60_000) as log:
        yield log


@pytest.fixture
def hasty_log(wire: Wire, prepared: Store) -> Iterator[MongoLog]:
    """A log over the wire that gives up soon."""
    with log_over(wire, prepared, SHORT, timeoutMS=2000) as log:
        yield log


def stored(log: MongoLog, stream: str = "job-one") -> list[Recorded]:
    return [without_ts(one) for one in log.read(stream)]


def events_of(log: MongoLog, stream: str = "job-one") -> list[Event]:
    return [one.event for one in log.read(stream)]


# Lost before, or lost after: the append is stored once and known to be ours.


# The driver sends an insert a second time by itself; whoever wants to lose one for certain loses two.
@pytest.mark.parametrize("retried_by_driver", [True, False])
@pytest.mark.parametrize(
    "cuts",
    [
        [Cut.REPLY_LOST],
        [Cut.REPLY_LOST] * 2,
        [Cut.REPLY_LOST] * 3,
        [Cut.REQUEST_LOST],
        [Cut.REQUEST_LOST] * 3,
        [Cut.REQUEST_LOST, Cut.REPLY_LOST, Cut.REPLY_LOST, Cut.REQUEST_LOST],
        [Cut.REPLY_LOST, Cut.REQUEST_LOST, Cut.REQUEST_LOST, Cut.REPLY_LOST],
    ],
    ids=lambda cuts: ",".join(cut.name for cut in cuts),
)
def test_an_append_that_was_sent_again_is_stored_once_and_is_ours(
    wire: Wire, prepared: Store, mongo_log: MongoLog, cuts: list[Cut], retried_by_driver: bool
) -> None:
    one = append("job-one", said(1))
    wire.orders.extend(cuts)

    with log_over(wire, prepared, LONG, timeoutMS=60_000, retryWrites=retried_by_driver) as log:
        assert log.append([one]) == [Appended(1)]

    assert wire.sent == len(cuts) + 1
    assert stored(mongo_log) == one.recorded


@pytest.mark.parametrize("cut", [Cut.REPLY_LOST, Cut.REQUEST_LOST])
def test_a_batch_that_was_sent_again_tells_its_winners_from_its_losers(
    wire: Wire, cut_log: MongoLog, mongo_log: MongoLog, cut: Cut
) -> None:
    held = append("job-held", said("held"))
    mongo_log.append([held])
    batch = [append("job-a", said(1)), append("job-held", said("late")), append("job-b", said(1))]
    wire.orders.extend([cut] * 3)

    assert cut_log.append(batch) == [Appended(1), Appended(0, conflict=held.head.hash), Appended(1)]
    assert [stored(mongo_log, f"job-{name}") for name in ("a", "held", "b")] == [
        batch[0].recorded,
        held.recorded,
        batch[2].recorded,
    ]


@pytest.mark.parametrize("cut", [Cut.REPLY_LOST, Cut.REQUEST_LOST])
def test_an_append_of_several_events_is_whole_although_each_of_its_sends_was_cut(
    wire: Wire, cut_log: MongoLog, mongo_log: MongoLog, cut: Cut
) -> None:
    whole, short = append("job-one", said(1), said(2)), append("job-two", said(1))
    wire.orders.extend([cut, cut, lambda: None, cut, cut])

    assert cut_log.append([whole, short]) == [Appended(2), Appended(1)]
    assert stored(mongo_log) == whole.recorded
    assert stored(mongo_log, "job-two") == short.recorded


def test_a_rival_that_came_first_wins_over_an_append_that_never_arrived(
    wire: Wire, cut_log: MongoLog, mongo_log: MongoLog
) -> None:
    ours, theirs = append("job-one", said("ours"), said("more")), append("job-one", said("theirs"))
    wire.orders.extend([Cut.REQUEST_LOST, Cut.REQUEST_LOST, lambda: mongo_log.append([theirs])])

    assert cut_log.append([ours]) == [Appended(0, conflict=theirs.head.hash)]
    assert stored(mongo_log) == theirs.recorded


def test_a_rival_that_came_second_loses_to_an_append_whose_reply_was_lost(
    wire: Wire, cut_log: MongoLog, mongo_log: MongoLog
) -> None:
    ours, theirs = append("job-one", said("ours")), append("job-one", said("theirs"))
    rival: list[Appended] = []
    wire.orders.extend([Cut.REPLY_LOST, Cut.REPLY_LOST, lambda: rival.extend(mongo_log.append([theirs]))])

    assert cut_log.append([ours]) == [Appended(1)]
    assert rival == [Appended(0, conflict=ours.head.hash)]
    assert stored(mongo_log) == ours.recorded


# Late landing: a send reaches the server after it was given up for lost.


def test_a_send_that_lands_after_its_resend_changes_nothing(wire: Wire, cut_log: MongoLog, mongo_log: MongoLog) -> None:
    one = append("job-one", said(1))
    wire.orders.extend([Cut.HELD, Cut.HELD])

    assert cut_log.append([one]) == [Appended(1)]
    assert len(wire.held) == 2
    wire.deliver()

    assert stored(mongo_log) == one.recorded


def test_a_send_that_lands_just_before_its_resend_is_ours(wire: Wire, cut_log: MongoLog, mongo_log: MongoLog) -> None:
    one = append("job-one", said(1))
    wire.orders.extend([Cut.HELD, Cut.REQUEST_LOST, wire.deliver])

    assert cut_log.append([one]) == [Appended(1)]
    assert stored(mongo_log) == one.recorded


def test_a_send_that_lands_after_absence_was_seen_is_ours_when_handed_in_again(
    wire: Wire, hasty_log: MongoLog, mongo_log: MongoLog
) -> None:
    one = append("job-one", said(1))
    wire.orders.extend([Cut.HELD, *[Cut.REQUEST_LOST] * 50])
    with pytest.raises(LogUnavailable):
        hasty_log.append([one])
    assert mongo_log.read("job-one") == []
    wire.orders.clear()

    wire.deliver()

    assert stored(mongo_log) == one.recorded
    assert again_until_known(hasty_log, one) == Appended(1)
    assert stored(mongo_log) == one.recorded


def test_a_send_that_lands_after_a_rival_changes_nothing_and_has_lost(
    wire: Wire, hasty_log: MongoLog, mongo_log: MongoLog
) -> None:
    ours, theirs = append("job-one", said("ours")), append("job-one", said("theirs"))
    wire.orders.extend([Cut.HELD, *[Cut.REQUEST_LOST] * 50])
    with pytest.raises(LogUnavailable):
        hasty_log.append([ours])
    wire.orders.clear()
    mongo_log.append([theirs])

    wire.deliver()

    assert again_until_known(hasty_log, ours) == Appended(0, conflict=theirs.head.hash)
    assert stored(mongo_log) == theirs.recorded


def test_a_second_event_that_lands_late_leaves_no_hole_and_no_fork(
    wire: Wire, hasty_log: MongoLog, mongo_log: MongoLog
) -> None:
    ours = append("job-one", said("first"), said("late"), said("never"))
    theirs = append("job-one", said("theirs"), head=ours.recorded[0].head)
    wire.orders.extend([lambda: None, Cut.HELD, *[Cut.REQUEST_LOST] * 50])
    with pytest.raises(LogUnavailable):
        hasty_log.append([ours])
    wire.orders.clear()

    wire.deliver()

    assert mongo_log.append([theirs]) == [Appended(0, conflict=ours.recorded[1].hash)]
    assert events_of(mongo_log) == [said("first"), said("late")]
    assert again_until_known(hasty_log, ours) == Appended(3)


# An outage longer than the deadline.


def test_an_append_in_an_outage_is_unknown_and_succeeds_once_when_handed_in_again(
    wire: Wire, hasty_log: MongoLog, mongo_log: MongoLog
) -> None:
    one = append("job-one", said(1), said(2))
    wire.take_down()
    with pytest.raises(LogUnavailable):
        hasty_log.append([one])
    wire.bring_up()

    assert again_until_known(hasty_log, one) == Appended(2)
    assert stored(mongo_log) == one.recorded


def test_an_append_that_landed_before_an_outage_is_ours_after_it(
    wire: Wire, hasty_log: MongoLog, mongo_log: MongoLog
) -> None:
    one = append("job-one", said(1))
    wire.orders.extend([Cut.REPLY_LOST, *[Cut.REQUEST_LOST] * 50])
    with pytest.raises(LogUnavailable):
        hasty_log.append([one])
    assert stored(mongo_log) == one.recorded
    wire.orders.clear()

    assert again_until_known(hasty_log, one) == Appended(1)
    assert stored(mongo_log) == one.recorded


def test_a_read_in_an_outage_says_that_the_database_does_not_answer(wire: Wire, hasty_log: MongoLog) -> None:
    wire.take_down()

    for read in (lambda: hasty_log.read("job-one"), lambda: list(hasty_log.scan()), lambda: hasty_log.find_next([])):
        with pytest.raises(Unavailable):
            read()
    wire.bring_up()


def test_a_server_that_says_nothing_is_waited_for_no_longer_than_the_deadline(
    wire: Wire, prepared: Store, mongo_log: MongoLog
) -> None:
    one = append("job-one", said(1))
    wire.orders.extend([Cut.SILENCE] * 50)

    with log_over(wire, prepared, 0.5) as log:
        outcome = Outcome(log, one)
        outcome.await_for(seconds=5)
        wire.take_down()  # ends the waiting, in case the deadline did not
        assert outcome.is_known, "the append went on waiting long after its deadline"
        assert isinstance(outcome.error, LogUnavailable)

    assert mongo_log.append([one]) == [Appended(1)]


class Outcome:
    """An append in a thread of its own, since it may never return."""

    def __init__(self, log: MongoLog, one: Append) -> None:
        self.error: Exception | None = None
        self.is_known = False
        self._log, self._one = log, one
        self._thread = Thread(target=self._append, daemon=True)
        self._thread.start()

    def await_for(self, seconds: float) -> None:
        self._thread.join(seconds)
        self.is_known = not self._thread.is_alive()

    def _append(self) -> None:
        try:
            self._log.append([self._one])
        except Exception as error:
            self.error = error


def again_until_known(log: MongoLog, one: Append) -> Appended:
    """Hand the same append in until its outcome is known: the client may find the server back a little later."""
    while True:
        try:
            (appended,) = log.append([one])
        except LogUnavailable:
            continue
        return appended


def test_an_empty_stream_stays_empty_when_nothing_ever_arrived(
    wire: Wire, hasty_log: MongoLog, mongo_log: MongoLog
) -> None:
    wire.orders.extend([Cut.REQUEST_LOST] * 50)

    with pytest.raises(LogUnavailable, match="unknown after"):
        hasty_log.append([append("job-one", said(1), head=EMPTY)])

    assert mongo_log.read("job-one") == []
