"""Who waits is told by the log of what ends, by one stream for all; and looks by himself where there is none."""

import threading
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.change_stream import ChangeStream
from pymongo.collection import Collection as Stored
from pymongo.database import Database

from eventqueue.errors import AccessDenied
from eventqueue.model.events import Cancelled, Paused
from eventqueue.mongo import endings
from eventqueue.mongo.endings import Endings, Listener
from eventqueue.mongo.log import MongoLog
from tests.builders import append, claimed, enqueued
from tests.mongo.wire import Wire
from tests.patience import PATIENCE_S

END = Cancelled(why="over")


@pytest.fixture
def told(prepared: Database[dict[str, Any]]) -> Iterator[Endings]:
    one = Endings(prepared)
    yield one
    one.close()


def heard(listener: Listener) -> Collection[str] | None:
    return listener.wait(PATIENCE_S)


def ended(log: MongoLog, *jobs: str) -> None:
    for job in jobs:
        assert log.append([append(f"job-{job}", enqueued(), END)])[0].is_whole


def test_who_begins_is_told_to_look_and_then_of_what_ends(told: Endings, mongo_log: MongoLog) -> None:
    with told.listen(["one", "two"]) as listener:
        assert heard(listener) is None
        ended(mongo_log, "one")
        assert heard(listener) == {"one"}
        ended(mongo_log, "other", "two")
        assert heard(listener) == {"two"}


def test_what_does_not_end_a_job_wakes_nobody(told: Endings, mongo_log: MongoLog) -> None:
    with told.listen(["one", "two"]) as listener:
        assert heard(listener) is None
        mongo_log.append([append("job-one", enqueued(), claimed()), append("queue-one", Paused())])
        ended(mongo_log, "two")
        assert heard(listener) == {"two"}


def test_a_thousand_who_wait_share_one_stream(
    told: Endings, mongo_log: MongoLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[object] = []
    watch = Stored.watch

    def noted(self: Any, *args: Any, **named: Any) -> Any:
        opened.append(self)
        return watch(self, *args, **named)

    monkeypatch.setattr(Stored, "watch", noted)
    jobs = [f"job-{number}" for number in range(1000)]
    with ExitStack() as stack:
        first = stack.enter_context(told.listen(jobs[:1]))
        assert heard(first) is None
        others = [stack.enter_context(told.listen([job])) for job in jobs]
        ended(mongo_log, jobs[-1], jobs[0])

        assert heard(first) == heard(others[0]) == {jobs[0]}
        assert heard(others[-1]) == {jobs[-1]}
        assert [one.wait(0.0) for one in others[1:-1]] == [set()] * 998
    assert len(opened) == 1


def test_the_stream_ends_a_moment_after_the_last_who_waits_and_begins_again_with_the_next(
    told: Endings, mongo_log: MongoLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endings, "LINGER_S", 0.0)
    with told.listen(["one"]) as listener:
        assert heard(listener) is None
        (thread,) = [one for one in threading.enumerate() if one.name == "endings"][-1:]
    thread.join(PATIENCE_S)
    assert not thread.is_alive()

    with told.listen(["one"]) as listener:
        assert heard(listener) is None
        ended(mongo_log, "one")
        assert heard(listener) == {"one"}


def test_what_ended_during_an_outage_is_told_after_it(
    wire: Wire, database: Database[dict[str, Any]], mongo_log: MongoLog
) -> None:
    with MongoClient[dict[str, Any]](wire.uri, timeoutMS=2000) as client:
        far = Endings(client[database.name])
        with far.listen(["one"]) as listener:
            assert heard(listener) is None
            wire.take_down()
            ended(mongo_log, "one")
            assert listener.wait(0.0) == set()
            wire.bring_up()
            assert heard(listener) == {"one"}
        far.close()


@pytest.mark.parametrize("trouble", [KeyError("majorityOpTime"), RuntimeError("of the driver's")], ids=repr)
def test_whatever_breaks_the_stream_another_is_opened(
    told: Endings, mongo_log: MongoLog, monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    troubles, open_ = [trouble], Endings._open

    def failing(self: Endings) -> Any:
        if troubles:
            raise troubles.pop()
        return open_(self)

    monkeypatch.setattr(Endings, "_open", failing)
    with told.listen(["one"]) as listener:
        assert [heard(listener), heard(listener)] == [None, None]  # of the trouble, and of the stream that came
        ended(mongo_log, "one")
        assert heard(listener) == {"one"}


def test_where_no_thread_can_be_started_the_next_who_waits_tries_again(
    told: Endings, mongo_log: MongoLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as crowded:
        crowded.setattr(threading.Thread, "start", lambda _: (_ for _ in ()).throw(RuntimeError("can't start")))
        with told.listen(["one"]) as listener:
            assert heard(listener) is None
    with told.listen(["one"]) as listener:
        assert heard(listener) is None
        ended(mongo_log, "one")
        assert heard(listener) == {"one"}


def test_who_waits_while_it_is_closed_is_told_to_look_at_once(told: Endings) -> None:
    with told.listen(["one"]) as listener:
        assert heard(listener) is None
        told.close()
        assert heard(listener) is None
        assert listener.wait(0.0) == set()


def test_who_is_told_does_not_look_by_himself(told: Endings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endings, "LOOK_S", 0.01)
    with told.listen(["one"]) as listener:
        assert heard(listener) is None  # once, as what ended before is not told
        assert listener.wait(0.5) == set()


def test_who_cannot_be_told_looks_by_himself(told: Endings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endings, "LOOK_S", 0.01)
    monkeypatch.setattr(Endings, "_begin", lambda _: False)
    with told.listen(["one"]) as listener:
        assert [heard(listener) for _ in range(3)] == [None, None, None]


def test_who_may_not_follow_looks_now_and_then(told: Endings, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: Endings) -> Any:
        raise AccessDenied("no changeStream")

    monkeypatch.setattr(Endings, "_open", refused)
    monkeypatch.setattr(endings, "AGAIN_S", 0.01)
    with told.listen(["one"]) as listener:
        assert [heard(listener) for _ in range(3)] == [None, None, None]


@pytest.mark.parametrize("place", [1, "text", {"stream": 7}, {"stream": "job"}, None])
def test_what_a_hand_has_put_into_the_log_stops_nobody(told: Endings, mongo_log: MongoLog, place: Any) -> None:
    with told.listen(["one"]) as listener:
        assert heard(listener) is None
        told._tell({"documentKey": {"_id": place}})
        ended(mongo_log, "one")
        assert heard(listener) == {"one"}


def test_who_begins_while_the_stream_of_those_before_is_being_closed_has_one_of_his_own_alone(
    told: Endings, mongo_log: MongoLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endings, "LINGER_S", 0.0)
    closing, may_close = threading.Event(), threading.Event()
    close = ChangeStream.close

    def slowly(self: Any) -> None:
        closing.set()
        may_close.wait(PATIENCE_S)
        close(self)

    with monkeypatch.context() as slow:
        slow.setattr(ChangeStream, "close", slowly)
        with told.listen(["one"]) as listener:
            assert heard(listener) is None
        assert closing.wait(PATIENCE_S)
        (first,) = [one for one in threading.enumerate() if one.name == "endings"]
        with told.listen(["two"]) as listener:
            assert heard(listener) is None
            may_close.set()
            first.join(PATIENCE_S)
            assert not first.is_alive()
            ended(mongo_log, "two")
            assert heard(listener) == {"two"}
