"""Acts on many jobs: recorded as one, summed up, and decided job by job."""

import gc
import threading
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import pytest
from pymongo.database import Database

from eventqueue.api.bulk import ActSum
from eventqueue.api.enqueueing import Receipt
from eventqueue.api.queue import Queue
from eventqueue.errors import IllegalTransition, Refused, Unavailable
from eventqueue.model.acts import ActBegun, ActEnded
from eventqueue.model.codec import to_data
from eventqueue.model.events import Cancelled, Retried, RetryCause
from eventqueue.model.job import State
from eventqueue.ports.log import Append, Appended
from eventqueue.ports.views import Filter, Lag
from eventqueue.testing import TestQueue
from tests.builders import claimed
from tests.cli.past import died, happened
from tests.patience import PATIENCE_S


@pytest.fixture
def queue(server_uri: str, database: Database[dict[str, Any]]) -> Iterator[Queue]:
    with Queue(server_uri, database.name, actor="ann") as queue:
        yield queue


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two jobs in a batch."""
    monkeypatch.setattr("eventqueue.api.batches.BATCH", 2)


def enqueued(on: Queue, /, *ids: str, **more: Any) -> None:
    on.enqueue_many([{"command": "true", "id": one, **more} for one in ids])


def in_act(queue: Queue, act_id: str | None) -> list[Any]:
    return [one.event for one in queue.connection.ground.log.read(f"act-{act_id}")]


def test_what_is_done_to_all_that_fit_is_one_act_which_each_of_their_events_names(queue: Queue) -> None:
    enqueued(queue, "one", "two", queue="mail")
    enqueued(queue, "other")

    found = queue.cancel_all(Filter(queue="mail"), "no post today")

    assert found == ActSum(id=found.id, jobs=2, done=2)
    assert in_act(queue, found.id) == [
        ActBegun(what="cancel", jobs=2, filter="queue:mail", why="no post today"),
        ActEnded(done=2),
    ]
    assert [queue.history(one)[-1].event for one in ("one", "two")] == [
        Cancelled(why="no post today", act=found.id)
    ] * 2
    assert queue.get("other").state is State.PENDING


def test_an_act_names_the_states_that_were_asked_for_and_no_others(queue: Queue) -> None:
    enqueued(queue, "dead", "gone")
    died(queue, "dead")
    queue.cancel("gone")

    done = queue.restart_all(Filter(state_in=(State.DEAD, State.CANCELLED), queue="default"))

    assert in_act(queue, done.id)[0] == ActBegun(
        what="restart", jobs=2, filter="state:dead state:cancelled queue:default"
    )


def test_an_act_is_read_back_with_who_did_it_and_what_became_of_it(queue: Queue) -> None:
    enqueued(queue, "one", tags=["x"])
    done = queue.amend_all(Filter(tags=("x",)), "hurry", priority=5)
    assert done.id is not None

    act = queue.act(done.id)

    assert (act.what, act.by, act.jobs, act.filter, act.why) == ("amend", "ann", 1, "tag:x", "hurry")
    assert act.sum == done
    assert act.ended_at is not None
    assert act.ended_at >= act.begun_at
    with pytest.raises(Refused, match="No act 'nobody'"):
        queue.act("nobody")


def test_an_event_of_no_act_is_stored_as_ever(queue: Queue) -> None:
    assert to_data(Cancelled(why="x")) == {"why": "x"}
    assert to_data(Retried(cause=RetryCause.OPERATOR)) == {"cause": "operator"}

    enqueued(queue, "one")
    (done,) = queue.cancel_many(["one"])

    assert isinstance(done.outcome, Receipt)
    assert queue.history("one")[-1].event == Cancelled(why="asked for")


def test_jobs_that_are_named_are_an_act_too_if_they_are_several(queue: Queue) -> None:
    enqueued(queue, "one", "two")

    acting = queue.retry_many(["one", "two", "nobody"], "again")
    list(acting)

    assert in_act(queue, acting.id) == [ActBegun(what="retry", jobs=3, why="again"), ActEnded(done=0, refused=3)]
    assert len(acting.sum.problems) == 3


@pytest.mark.parametrize("batch", [100, 2])
def test_a_job_that_is_named_twice_is_changed_once_and_counts_as_changed_once(
    queue: Queue, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr("eventqueue.api.batches.BATCH", batch)
    enqueued(queue, "one", "two")

    acting = queue.cancel_many(["one", "one", "two", "one"])

    assert [one.job_id for one in acting] == ["one", "one", "two", "one"]
    assert acting.sum == ActSum(id=acting.id, jobs=4, done=2, already=2)
    assert in_act(queue, acting.id)[-1] == ActEnded(done=2, already=2)
    assert [len(queue.history(one)) for one in ("one", "two")] == [2, 2]


@pytest.mark.usefixtures("few")
def test_of_an_act_that_is_stopped_what_was_done_is_told_in_the_log_and_to_who_asked(queue: Queue) -> None:
    enqueued(queue, *(ids := [f"job-{number}" for number in range(5)]))

    acting = queue.cancel_many(ids)
    told = [next(acting).job_id]
    acting.stop()
    told += [one.job_id for one in acting]

    assert told == ids[:2]
    assert acting.sum == ActSum(id=acting.id, jobs=5, done=2, untried=3)
    assert in_act(queue, acting.id)[-1] == ActEnded(done=2, untried=3)


@pytest.mark.usefixtures("few")
def test_an_act_that_is_closed_ends_in_the_log_where_it_is(queue: Queue) -> None:
    enqueued(queue, *(ids := [f"job-{number}" for number in range(5)]))

    acting = queue.cancel_many(ids)
    list(islice(acting, 3))
    acting.close()

    assert in_act(queue, acting.id)[-1] == ActEnded(done=4, untried=1)


@pytest.mark.usefixtures("few")
def test_an_act_that_is_forgotten_tells_the_log_nothing_while_it_is_collected(queue: Queue) -> None:
    enqueued(queue, *(ids := [f"job-{number}" for number in range(5)]))

    acting = queue.cancel_many(ids)
    next(acting)
    act_id = acting.id
    del acting
    gc.collect()

    assert act_id is not None
    assert in_act(queue, act_id) == [ActBegun(what="cancel", jobs=5, why="asked for")]
    assert queue.act(act_id).sum is None


@pytest.mark.usefixtures("few")
def test_a_ctrl_c_in_the_middle_of_an_append_leaves_its_jobs_in_doubt_and_says_so(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    enqueued(queue, *(ids := [f"job-{number}" for number in range(5)]))
    acting = queue.cancel_many(ids)
    list(islice(acting, 2))

    def interrupted(_: Sequence[Append]) -> Sequence[Appended]:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(queue._commit, "append", interrupted)
        with pytest.raises(KeyboardInterrupt):
            next(acting)

    assert acting.sum == ActSum(id=acting.id, jobs=5, done=2, in_doubt=2, untried=1)
    assert in_act(queue, acting.id)[-1] == ActEnded(done=2, in_doubt=2, untried=1)


@pytest.mark.usefixtures("few")
def test_who_waits_for_nothing_more_does_not_wait_for_an_act_s_end_either(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    enqueued(queue, *(ids := [f"job-{number}" for number in range(5)]))
    acting = queue.cancel_many(ids)
    list(islice(acting, 2))
    answers, asked = threading.Event(), threading.Event()

    def interrupted(_: Sequence[Append]) -> Sequence[Appended]:
        raise KeyboardInterrupt

    def silent(_: Sequence[Append]) -> Sequence[Appended]:
        asked.set()
        answers.wait()
        raise Unavailable("No server.")

    with monkeypatch.context() as patched:
        patched.setattr("eventqueue.api.bulk.HURRY_S", 0.0)
        patched.setattr(queue._commit, "append", interrupted)
        patched.setattr(queue._log, "append", silent)
        with pytest.raises(KeyboardInterrupt):
            next(acting)
        assert asked.wait(PATIENCE_S)
        answers.set()

    assert acting.sum == ActSum(id=acting.id, jobs=5, done=2, in_doubt=2, untried=1)


@pytest.mark.usefixtures("few")
def test_who_leaves_an_act_between_two_of_its_jobs_does_not_wait_for_its_end_and_has_all_that_is_known(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    enqueued(queue, *(ids := [f"job-{number}" for number in range(5)]))
    acting = queue.cancel_many(ids)
    list(islice(acting, 3))
    answers, asked = threading.Event(), threading.Event()

    def silent(_: Sequence[Append]) -> Sequence[Appended]:
        asked.set()
        answers.wait()
        raise Unavailable("No server.")

    with monkeypatch.context() as patched:
        patched.setattr("eventqueue.api.bulk.HURRY_S", 0.0)
        patched.setattr(queue._log, "append", silent)
        acting.leave()
        assert asked.wait(PATIENCE_S)
        answers.set()

    assert acting.sum == ActSum(id=acting.id, jobs=5, done=4, untried=1)
    assert [one.job_id for one in acting.unread] == ids[2:4]


def test_where_the_act_cannot_be_begun_nothing_is_done_to_any_job(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    enqueued(queue, "one", "two")

    def away(_: Sequence[Append]) -> Sequence[Appended]:
        raise Unavailable("No server.")

    with monkeypatch.context() as patched:
        patched.setattr(queue._log, "append", away)
        with pytest.raises(Unavailable):
            next(queue.cancel_many(["one", "two"]))

    assert [queue.get(one).state for one in ("one", "two")] == [State.PENDING] * 2


def test_what_is_found_in_several_states_is_found_once_and_what_comes_later_is_not_part_of_it(queue: Queue) -> None:
    enqueued(queue, "waits", "runs")
    happened(queue, "runs", claimed())
    found = queue.find(states=[State.PENDING, State.PROCESSING, State.PENDING])
    enqueued(queue, "new")

    acting = queue.cancel_many(found)

    assert (found.ids, found.running) == (["waits", "runs"], 1)
    assert [one.job_id for one in acting] == ["waits", "runs"]
    assert in_act(queue, acting.id)[0] == ActBegun(what="cancel", jobs=2, filter="", why="asked for")
    assert queue.get("new").state is State.PENDING


def test_what_is_found_is_gone_through_from_the_oldest_on_state_after_state(queue: Queue) -> None:
    enqueued(queue, *(ids := ["first", "second", "third", "fourth"]))
    happened(queue, "second", claimed())

    assert queue.find(states=[State.PROCESSING, State.PENDING]).ids == ["second", "first", "third", "fourth"]
    assert queue.find(state=State.PENDING).ids == [one for one in ids if one != "second"]


def test_a_job_that_fits_no_more_when_its_turn_comes_is_left_alone_and_told_why(queue: Queue) -> None:
    enqueued(queue, "moved", "claimed", "stays", queue="mail")
    found = queue.find(state=State.PENDING, queue="mail")
    queue.amend("moved", queue="other")
    happened(queue, "claimed", claimed())

    outcomes = {one.job_id: one.outcome for one in queue.cancel_many(found)}

    assert str(outcomes["moved"]) == "Job moved was changed meanwhile, and fits no more: it is pending."
    assert str(outcomes["claimed"]) == "Job claimed was changed meanwhile, and fits no more: it is processing."
    assert isinstance(outcomes["stays"], Receipt)
    assert [queue.get(one).state for one in ("moved", "claimed")] == [State.PENDING, State.PROCESSING]


def test_where_no_state_is_named_an_act_is_for_those_that_it_is_meant_for(queue: Queue) -> None:
    enqueued(queue, "waits", "dead", "gone")
    died(queue, "dead")
    queue.cancel("gone")

    assert queue.retry_all(Filter()).done == 1
    assert queue.get("gone").state is State.CANCELLED
    assert queue.retry_all(Filter(state=State.CANCELLED)).done == 1
    assert queue.amend_all(Filter(), priority=3).done == 3
    assert queue.cancel_all(Filter()).done == 3


def test_an_act_on_nothing_is_none(queue: Queue) -> None:
    assert queue.cancel_all(Filter(queue="nobody")) == ActSum(jobs=0)
    assert list(queue.cancel_many([])) == []
    assert not [one for one in queue.events() if one.stream.startswith("act-")]


@pytest.mark.parametrize("act", ["cancel", "retry"])
def test_two_who_act_on_the_same_jobs_at_once_change_each_once_and_both_sums_are_true(
    queue: Queue, server_uri: str, database: Database[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    monkeypatch.setattr("eventqueue.api.batches.BATCH", 7)
    enqueued(queue, *(ids := [f"job-{number:03}" for number in range(100)]))
    if act == "retry":
        list(queue.cancel_many(ids))
    sums: dict[str, ActSum] = {}
    both = threading.Barrier(2)

    def operate(name: str) -> None:
        with Queue(server_uri, database.name, actor=name) as mine:
            found = mine.find(state=State.CANCELLED if act == "retry" else State.PENDING)
            both.wait(PATIENCE_S)
            acting = mine.retry_many(found) if act == "retry" else mine.cancel_many(found)
            list(acting)
            sums[name] = acting.sum

    threads = [threading.Thread(target=operate, args=(name,)) for name in ("ann", "ben")]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

    by_act = {one.id: one for one in sums.values()}
    lasts = [queue.history(one) for one in ids]
    assert {len(one) for one in lasts} == {2 if act == "cancel" else 3}
    assert sum(one.done for one in sums.values()) == 100
    for act_id, found in by_act.items():
        events = [one[-1].event for one in lasts]
        assert found.done == sum(getattr(event, "act", None) == act_id for event in events)
        assert found.done + found.already + found.refused == 100
    if act == "retry":
        assert all("it is pending" in problem for one in sums.values() for problem in one.problems)


def test_a_refusal_of_one_is_still_raised(queue: Queue) -> None:
    enqueued(queue, "one")
    with pytest.raises(IllegalTransition):
        queue.retry("one")


def test_a_test_queue_records_acts_likewise() -> None:
    with TestQueue() as queue:
        enqueued(queue, "one", "two", "three")

        found = queue.cancel_all(Filter())

        assert found.done == 3
        assert found.id is not None
        assert queue.act(found.id).sum == found
        assert queue.status().lag.is_fresh


@pytest.mark.parametrize("method", ["cancel_all", "retry_all", "amend_all", "restart_all"])
def test_nothing_is_done_to_all_that_fit_where_the_view_may_not_have_them_all(
    queue: Queue, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    enqueued(queue, "one", queue="mail")
    assert len(queue.find(queue="mail")) == 1
    changes = {"priority": 1} if method == "amend_all" else {}
    monkeypatch.setattr(queue.connection.views, "refresh", lambda: Lag(3.0))

    with pytest.raises(Unavailable, match="Nothing was done"):
        getattr(queue, method)(Filter(queue="mail"), **changes)

    assert len(queue.history("one")) == 1
