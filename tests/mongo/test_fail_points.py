"""Errors that a server really gives, on order: each append ends as stored, as a true conflict, or as unknown."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import islice
from typing import Any
from uuid import uuid4

import pytest
from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.errors import AutoReconnect

from eventqueue.errors import AccessDenied, DatabaseFailed, LogUnavailable, Unavailable
from eventqueue.model.events import Recorded
from eventqueue.model.moments import between
from eventqueue.model.readable import Read
from eventqueue.mongo import slices, timeline
from eventqueue.mongo.layout import prepare
from eventqueue.mongo.log import MongoLog
from eventqueue.mongo.timeline import Following, Timeline
from eventqueue.ports.log import Appended
from tests.builders import append, said, without_ts
from tests.mongo.conftest import Store, path_in
from tests.mongo.wire import Wire, wire_to

Client = MongoClient[dict[str, Any]]
NOT_PRIMARY = {
    *(91, 189, 10107, 11600, 11602, 13435, 13436),  # a primary that steps down or shuts down
}
UNREACHABLE = {6, 7, 89, 262, 9001}
TIMED_OUT_WAITING = {"code": 64, "errmsg": "waiting for replication timed out", "errInfo": {"wtimeout": True}}


@pytest.fixture(scope="module")
def faulty(faulty_uri: str, quick_recovery: None) -> Iterator[Client]:
    """A client whose inserts, and whose alone, may be made to fail."""
    with Client(faulty_uri, timeoutMS=30_000, appName="under test", serverMonitoringMode="poll") as client:
        yield client


@pytest.fixture
def store(faulty: Client) -> Iterator[Store]:
    store = faulty[f"test_{uuid4().hex[:16]}"]
    yield store
    faulty.drop_database(store)


@pytest.fixture
def mongo_log(store: Store) -> MongoLog:
    return MongoLog(store)


@contextmanager
def failing(client: Client, *, times: int | None = None, **how: Any) -> Iterator[None]:
    """Make the next inserts fail: `times` of them, or all until the end of the block."""
    order = {"failCommands": ["insert"], "appName": "under test", **how}
    mode: Mapping[str, int] | str = "alwaysOn" if times is None else {"times": times}
    client.admin.command("configureFailPoint", "failCommand", mode=mode, data=order)
    try:
        yield
    finally:
        client.admin.command("configureFailPoint", "failCommand", mode="off")


def stored(log: MongoLog, stream: str = "job-one") -> list[Recorded]:
    return [without_ts(one) for one in log.read(stream)]


@pytest.mark.parametrize("code", sorted(NOT_PRIMARY | UNREACHABLE))
@pytest.mark.parametrize("labels", [[], ["RetryableWriteError"]], ids=["plain", "retryable"])
def test_an_error_that_passes_is_outlasted(mongo_log: MongoLog, faulty: Client, code: int, labels: list[str]) -> None:
    one = append("job-one", said(1))

    with failing(faulty, times=3, errorCode=code, errorLabels=labels):
        assert mongo_log.append([one]) == [Appended(1)]

    assert stored(mongo_log) == one.recorded


@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_connection_that_the_server_closes_is_outlasted(mongo_log: MongoLog, faulty: Client, times: int) -> None:
    batch = [append("job-one", said(1), said(2)), append("job-two", said(1))]

    with failing(faulty, times=times, closeConnection=True):
        assert mongo_log.append(batch) == [Appended(2), Appended(1)]

    assert stored(mongo_log) == batch[0].recorded


@pytest.mark.parametrize("times", [1, 2, 3])
@pytest.mark.parametrize("code", [64, 91, 189])
def test_a_batch_whose_durability_is_in_doubt_is_resolved_event_by_event(
    mongo_log: MongoLog, faulty: Client, code: int, times: int
) -> None:
    held = append("job-held", said("held"))
    mongo_log.append([held])
    batch = [append("job-one", said(1), said(2)), append("job-held", said("late")), append("job-two", said(1))]

    with failing(faulty, times=times, writeConcernError={"code": code, "errmsg": "in doubt"}):
        results = mongo_log.append(batch)

    assert results == [Appended(2), Appended(0, conflict=held.head.hash), Appended(1)]
    assert [stored(mongo_log, f"job-{name}") for name in ("one", "held", "two")] == [
        batch[0].recorded,
        held.recorded,
        batch[2].recorded,
    ]


@pytest.fixture
def wired(faulty_uri: str, store: Store) -> Iterator[tuple[Wire, MongoLog]]:
    """A log on the faulty server, over a wire that tells when an insert is sent again."""
    with wire_to(path_in(faulty_uri)) as wire, Client(wire.uri, timeoutMS=30_000, appName="under test") as client:
        yield wire, MongoLog(client[store.name])


def test_a_batch_in_doubt_that_was_rolled_back_is_stored_by_being_sent_again(
    wired: tuple[Wire, MongoLog], store: Store, mongo_log: MongoLog, faulty: Client
) -> None:
    wire, log = wired
    batch = [append("job-one", said(1)), append("job-two", said(1))]
    # What a new primary does that never saw the first send: the events are gone when the second arrives.
    wire.orders.extend([lambda: None, lambda: store["events"].delete_many({})])

    with failing(faulty, times=1, writeConcernError=TIMED_OUT_WAITING):
        assert log.append(batch) == [Appended(1), Appended(1)]

    assert stored(mongo_log) == batch[0].recorded
    assert stored(mongo_log, "job-two") == batch[1].recorded


def test_a_batch_in_doubt_that_was_rolled_back_may_lose_to_a_rival(
    wired: tuple[Wire, MongoLog], store: Store, mongo_log: MongoLog, faulty: Client
) -> None:
    wire, log = wired
    ours, theirs = append("job-one", said("ours"), said("more")), append("job-one", said("theirs"))

    def roll_back_and_let_a_rival_in() -> None:
        store["events"].delete_many({})
        mongo_log.append([theirs])

    wire.orders.extend([lambda: None, roll_back_and_let_a_rival_in])
    with failing(faulty, times=1, writeConcernError=TIMED_OUT_WAITING):
        assert log.append([ours]) == [Appended(0, conflict=theirs.head.hash)]

    assert stored(mongo_log) == theirs.recorded


def test_an_event_whose_durability_stays_in_doubt_is_ours_once_a_majority_read_shows_it(
    mongo_log: MongoLog, faulty: Client
) -> None:
    one = append("job-one", said(1))

    with failing(faulty, writeConcernError=TIMED_OUT_WAITING):
        assert mongo_log.append([one]) == [Appended(1)]

    assert stored(mongo_log) == one.recorded


def test_a_server_that_does_not_recover_leaves_the_outcome_unknown(
    store: Store, mongo_log: MongoLog, faulty: Client, faulty_uri: str
) -> None:
    one = append("job-one", said(1))

    with Client(faulty_uri, timeoutMS=500, appName="under test") as hasty, failing(faulty, errorCode=11600):
        log = MongoLog(hasty[store.name], deadline=0.3)
        with pytest.raises(LogUnavailable, match="unknown after"):
            log.append([one])

    assert mongo_log.append([one]) == [Appended(1)]
    assert stored(mongo_log) == one.recorded


def test_a_refusal_that_will_not_pass_is_told_at_once(mongo_log: MongoLog, faulty: Client) -> None:
    with failing(faulty, errorCode=13), pytest.raises(AccessDenied):
        mongo_log.append([append("job-one")])
    with failing(faulty, errorCode=2), pytest.raises(DatabaseFailed):
        mongo_log.append([append("job-one")])

    assert stored(mongo_log) == []


def test_a_refusal_of_the_second_try_leaves_in_doubt_what_the_first_one_did(
    wired: tuple[Wire, MongoLog], mongo_log: MongoLog, faulty: Client
) -> None:
    wire, log = wired
    one = append("job-one", said(1))

    with ExitStack() as later, failing(faulty, times=1, writeConcernError=TIMED_OUT_WAITING):
        wire.orders.extend([lambda: None, lambda: later.enter_context(failing(faulty, errorCode=13))])
        with pytest.raises(LogUnavailable, match=r"unknown .*refused access") as doubt:
            log.append([one])

    assert doubt.value.streams == ("job-one",)
    assert stored(mongo_log) == one.recorded  # it had been done


@pytest.mark.parametrize("code", [43, 175, 237, 91, 262, 11600])
def test_a_scan_goes_on_from_where_it_was_when_the_server_fails_it(
    faulty: Client, mongo_log: MongoLog, code: int
) -> None:
    for number in range(3):
        mongo_log.append([append(f"job-{number}", *(said(count) for count in range(400)))])
    whole = list(mongo_log.scan())
    scan = mongo_log.scan()
    first = next(scan)

    with failing(faulty, times=3, failCommands=["find", "getMore"], errorCode=code):
        assert [first, *scan] == whole


class Clock:
    """It goes on by itself, with each look."""

    now = 0.0

    def monotonic(self) -> float:
        self.now += slices.PATIENCE_S / 4
        return self.now

    def sleep(self, _: float) -> None:
        pass


def test_the_patience_of_a_scan_begins_anew_with_each_slice(
    faulty: Client, mongo_log: MongoLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slices, "SLICE", 2)
    monkeypatch.setattr(slices, "time", Clock())
    mongo_log.append([append(f"job-{number}", said(1)) for number in range(9)])
    scan = MongoLog(mongo_log._database, deadline=slices.PATIENCE_S).scan()
    seen = [next(scan) for _ in range(8)]

    with failing(faulty, times=1, failCommands=["find"], errorCode=min(NOT_PRIMARY)):
        seen += scan

    assert len(seen) == 9


def test_a_scan_that_the_server_fails_for_ever_says_so(faulty: Client, mongo_log: MongoLog) -> None:
    mongo_log.append([append("job-1", *(said(count) for count in range(1200)))])
    scan = MongoLog(mongo_log._database, deadline=0.3).scan()
    next(scan)

    with failing(faulty, failCommands=["find"], errorCode=43), pytest.raises(Unavailable, match="try again"):
        list(scan)


ALL = between(None, None)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(timeline, "time", clock)
    return clock


@pytest.fixture
def laid(store: Store, mongo_log: MongoLog, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Timeline:
    """A log that is read two events at a time, with a clock that goes on with each look."""
    prepare(store)
    monkeypatch.setattr(timeline, "WINDOW", 2)
    mongo_log.append([append(f"job-{number}", said(1)) for number in range(20)])
    return Timeline(store, mongo_log)


def test_the_patience_of_who_reads_the_log_in_its_order_begins_anew_with_each_window(
    faulty: Client, laid: Timeline, clock: Clock
) -> None:
    reading = laid.read(ALL, {})
    seen = list(islice(reading, 15))
    clock.now += 2 * slices.PATIENCE_S

    with failing(faulty, times=1, failCommands=["find"], errorCode=175):  # at which the driver does not try again
        seen += reading

    assert len(seen) == len({one.stream for one in seen}) == 20


def test_the_patience_of_who_reads_the_log_in_its_order_begins_anew_with_whatever_was_read(
    laid: Timeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Timeline._groups

    def losing(self: Timeline, *args: Any) -> Iterator[list[Any]]:
        for some in islice(read(self, *args), 1):
            yield some
            raise AutoReconnect("the connection was lost behind one event")

    monkeypatch.setattr(Timeline, "_groups", losing)

    assert len({one.stream for one in laid.read(ALL, {})}) == 20


def test_a_reading_in_the_order_of_the_log_that_the_server_fails_for_ever_says_so(
    faulty: Client, laid: Timeline
) -> None:
    with failing(faulty, failCommands=["find"], errorCode=43), pytest.raises(Unavailable, match="try again"):
        list(laid.read(ALL, {}))


def awaited(coming: Following) -> Read:
    return next(one for one in iter(coming.read, ...) if one is not None)


@pytest.mark.parametrize("code", [175, 237])  # of a cursor that was killed: after all else the driver goes on by itself
def test_who_follows_goes_on_behind_the_last_event_after_the_server_has_failed_it(
    faulty: Client, store: Store, mongo_log: MongoLog, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    prepare(store)
    opened: list[Any] = []
    watch = Collection.watch

    def noted(self: Any, *args: Any, **named: Any) -> Any:
        opened.append(named["resume_after"])
        return watch(self, *args, **named)

    monkeypatch.setattr(Collection, "watch", noted)
    with Timeline(store, mongo_log).follow() as coming:
        mongo_log.append([append("job-a", said(1))])
        seen = [awaited(coming)]
        mongo_log.append([append("job-b", said(1))])
        with failing(faulty, times=1, failCommands=["getMore"], errorCode=code):
            assert coming.read() is None
        mongo_log.append([append("job-c", said(1))])
        seen += [awaited(coming), awaited(coming)]

    assert [one.stream for one in seen] == ["job-a", "job-b", "job-c"]
    assert opened[0] is None
    assert len(opened) == 2
    assert opened[1] is not None
