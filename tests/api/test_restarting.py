"""Restarting jobs that have ended, through the public API: one job however often it is asked, known from both sides."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from pymongo.database import Database

from eventqueue import AlreadyRestarted, IllegalTransition, JobNotFound, Queue, Receipt
from eventqueue.errors import LogUnavailable, Refused
from eventqueue.model.events import Enqueued
from eventqueue.model.job import State
from eventqueue.model.restarting import successor
from eventqueue.ports.log import Append, Appended
from eventqueue.ports.views import Filter
from eventqueue.testing import TestQueue
from tests.builders import COMPLETED, claimed
from tests.cli.past import died, happened


@pytest.fixture
def queue(server_uri: str, database: Database[dict[str, Any]]) -> Iterator[Queue]:
    with Queue(server_uri, db=database.name, actor="ann") as queue:
        queue.enqueue(command="true", id="one", key=None, tags=["red"], max_retries=0)
        died(queue, "one")
        yield queue


def test_a_restart_is_a_job_of_its_own_that_knows_the_old_one_and_is_known_of_it(queue: Queue) -> None:
    ended_at = queue.get("one").updated_at

    new = queue.restart("one", "the disk is mended", priority=3)

    job = queue.get(new.id)
    assert (new.created, job.state, job.restart_of, job.priority, job.tags) == (True, "pending", "one", 3, ("red",))
    assert queue.restarts("one") == [new.id]
    assert (queue.get("one").state, queue.get("one").updated_at) == (State.DEAD, ended_at)
    assert "as a restart of job one (the disk is mended)" in queue.why(new.id).text
    assert f"It was restarted as job {new.id}." in queue.why("one").text
    assert [one.id for one in queue.list(state=State.PENDING).jobs] == [new.id]
    assert queue.list(state=State.PENDING).jobs[0].restart_of == "one"
    assert list(queue.verify_views()) == []
    assert queue.verify_all().findings == ()


def test_to_ask_again_is_the_job_that_is_there_and_how_it_stands(queue: Queue) -> None:
    first = queue.restart("one")
    again = queue.restart("one", "perhaps it was lost")

    assert (again.id, again.created, again.changed) == (first.id, False, False)
    assert again.existing is not None
    assert again.existing.state is State.PENDING

    with pytest.raises(AlreadyRestarted, match=rf"restarted already, as {first.id}, with another 'priority'"):
        queue.restart("one", priority=4)


def test_a_job_that_was_given_the_id_of_a_restart_passes_for_none(queue: Queue) -> None:
    taken = queue.enqueue(command="true", id=successor("one", queue.get("one").attempts)).id

    assert queue.restarts("one") == []
    assert "restarted" not in queue.why("one").text
    with pytest.raises(Refused, match=rf"somebody has enqueued another job by the id .* {taken}") as refused:
        queue.restart("one")
    assert not isinstance(refused.value, AlreadyRestarted)


def test_the_restarts_of_a_job_are_listed_by_it(queue: Queue) -> None:
    first = queue.restart("one")
    queue.retry("one")
    happened(queue, "one", claimed(attempt=2), COMPLETED)
    second = queue.restart("one")

    assert [job.id for job in queue.list(restart_of="one")] == [second.id, first.id]
    assert [job.id for job in queue.list(restart_of="one", state=State.DEAD)] == []
    assert queue.count(restart_of=first.id).count == 0


def test_a_restart_that_has_ended_is_restarted_itself_and_so_on(queue: Queue) -> None:
    first = queue.restart("one")
    happened(queue, first.id, claimed(), COMPLETED)

    found = queue.restart("one")
    assert found.existing is not None
    assert (found.id, found.existing.state) == (first.id, State.COMPLETED)

    second = queue.restart(first.id)
    assert second.created
    assert queue.get(second.id).restart_of == first.id
    assert queue.restarts("one") == [first.id]


def test_what_was_retried_and_has_ended_anew_is_taken_up_anew(queue: Queue) -> None:
    first = queue.restart("one")
    queue.retry("one")
    happened(queue, "one", claimed(attempt=2), COMPLETED)

    second = queue.restart("one")

    assert second.created
    assert queue.restarts("one") == [first.id, second.id]
    assert queue.verify_all().findings == ()


def test_after_an_outcome_that_stayed_unknown_to_ask_again_makes_no_second_job(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = queue._commit.append

    def lost(batch: Sequence[Append]) -> Sequence[Appended]:
        monkeypatch.undo()
        append(batch)  # it is in the log, and nobody learns of it
        raise LogUnavailable("no answer", [one.stream for one in batch])

    monkeypatch.setattr(queue._commit, "append", lost)
    with pytest.raises(LogUnavailable, match="to ask again is safe") as caught:
        queue.restart("one")

    again = queue.restart("one")

    assert [again.id] == [*caught.value.ids] == [*queue.restarts("one")]
    assert not again.created
    assert len(queue.list().jobs) == 2


def test_who_comes_second_at_the_same_moment_has_the_same_job(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    append, first = queue._commit.append, []

    def late(batch: Sequence[Append]) -> Sequence[Appended]:
        monkeypatch.undo()
        first.append(queue.restart("one"))
        return append(batch)

    monkeypatch.setattr(queue._commit, "append", late)
    second = queue.restart("one")

    assert (first[0].id, first[0].created) == (second.id, True)
    assert not second.created
    assert len(queue.history(second.id)) == 1


def test_what_has_not_ended_is_refused_and_stops_no_other(queue: Queue) -> None:
    queue.enqueue(command="true", id="waits")

    found = {one.job_id: one.outcome for one in queue.restart_many(["waits", "nobody", "one", "one"])}

    assert isinstance(found["waits"], IllegalTransition)
    assert isinstance(found["nobody"], JobNotFound)
    assert isinstance(found["one"], Receipt)
    with pytest.raises(JobNotFound):
        queue.restarts("nobody")


def test_all_that_fit_are_taken_up_as_one_act_which_the_first_event_of_each_names(queue: Queue) -> None:
    queue.enqueue(command="true", id="two", queue="mail")
    queue.enqueue(command="true", id="gone")
    died(queue, "two")
    queue.cancel("gone")

    found = queue.restart_all(Filter(), "the disk is mended", priority=3)

    assert (found.jobs, found.done, found.refused) == (2, 2, 0)
    assert found.id is not None
    act = queue.act(found.id)
    assert (act.what, act.filter, act.why, act.sum) == ("restart", "state:dead", "the disk is mended", found)
    for old in ("one", "two"):
        (new,) = queue.restarts(old)
        first = queue.history(new)[0].event
        assert isinstance(first, Enqueued)
        assert (first.restart_of, first.act, first.priority) == (old, found.id, 3)
    assert queue.restart_all(Filter(), priority=3).already == 2
    assert queue.restart_all(Filter(), priority=4).refused == 2
    assert queue.restart_all(Filter(state=State.CANCELLED)).done == 1
    assert queue.verify_all().findings == ()


def test_what_was_brought_back_since_it_was_found_is_not_restarted(queue: Queue) -> None:
    found = queue.find(state=State.DEAD, tags=("red",))
    queue.retry("one")
    queue.cancel("one")

    ((_, outcome),) = queue.restart_many(found)

    assert str(outcome) == "Job one was changed meanwhile, and fits no more: it is cancelled."
    assert queue.restarts("one") == []


def test_a_key_stays_the_old_ones(queue: Queue) -> None:
    keyed = queue.enqueue(command="true", key="nightly")
    queue.cancel(keyed.id)

    new = queue.restart(keyed.id)

    assert queue.get(new.id).key is None
    assert queue.enqueue(command="true", key="nightly").id == keyed.id


def test_values_of_an_environment_are_carried_on_and_asked_for_once(queue: Queue) -> None:
    queue.enqueue(command="true", id="two", env={"A": "hush"})
    queue.cancel("two")

    new = queue.history(queue.restart("two", unset=["env.A"], env={"B": "2"}).id)[0].event

    assert isinstance(new, Enqueued)
    assert new.run.env == {"B": "2"}  # type: ignore[union-attr]
    assert "hush" not in repr(new)


def test_in_a_queue_of_tests_it_is_the_same() -> None:
    with TestQueue(shell=lambda _: 0) as queue:
        queue.enqueue(command="true", id="one")
        queue.run()
        new = queue.restart("one")
        queue.run()

        assert queue.get(new.id).state is State.COMPLETED
        assert queue.restarts("one") == [new.id]
        assert not queue.restart("one").created
