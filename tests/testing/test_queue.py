"""A queue in memory: what an application does with it, and what is run when a test says so."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from eventqueue import (
    AsyncQueue,
    DifferentJob,
    InvalidInput,
    InvariantBroken,
    JobFailed,
    JobNotFound,
    Queue,
    Refused,
    Result,
    State,
    WaitTimeout,
    use_queue,
    using,
)
from eventqueue.api.following import AttemptEnded
from eventqueue.model.codec import seal
from eventqueue.model.job import Job
from eventqueue.mongo.endings import Listener
from eventqueue.ports.log import Append
from eventqueue.tasks import hooks
from eventqueue.testing import TestClock, TestQueue, history
from tests.builders import claimed
from tests.patience import PATIENCE_S
from tests.testing import app

START = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


# What an application does.


def test_a_job_that_waits_is_changed_and_runs_as_it_was_changed_to(queue: TestQueue) -> None:
    later = queue.enqueue(app.send.signature("ann"), delay=3600)

    queue.amend(later.id, "she waits", delay=0, priority=3)
    queue.run()

    assert history(later) == ["enqueued", "amended", "claimed", "completed"]
    assert queue.get(later.id).priority == 3


def test_a_job_has_the_history_that_a_worker_would_have_given_it(queue: TestQueue) -> None:
    job = app.send.enqueue("ann", copies=2)
    assert history(job) == ["enqueued"]

    assert queue.run() == 1

    assert history(job) == ["enqueued", "claimed", "completed"]
    assert history(job.id, queue) == history(queue.get(job.id))
    assert queue.get(job.id).result == Result(value=2, duration=0.0)
    assert app.outbox == ["ann", "ann"]
    assert queue.run() == 0


def test_a_task_gets_its_arguments_as_what_they_are_and_knows_its_job(queue: TestQueue) -> None:
    job = queue.enqueue(task="tests.testing.app.post", args=[{"to": "ann", "copies": 3}])

    queue.run()

    assert queue.get(job.id).result == Result(value="3 to ann", duration=0.0)
    assert app.attempts == [(job.id, 1, 2)]


def test_jobs_are_run_in_claim_order(queue: TestQueue) -> None:
    app.send.options(delay=MINUTE).enqueue("later")
    app.send.map(["one", "two", "three"])
    app.send.options(priority=5).enqueue("first")

    queue.run()

    assert app.outbox == ["first", "one", "two", "three"]


def test_lists_counts_and_reasons_are_those_of_any_queue(queue: TestQueue) -> None:
    app.send.options(queue="mail", tags=["a"], delay=MINUTE).enqueue("ann")
    dead = app.says.enqueue("fail")
    queue.run()

    assert [job.queue for job in queue.list(tag="a").jobs] == ["mail"]
    assert [job.id for job in queue.list(state=State.DEAD).jobs] == [dead.id]
    assert queue.find(error="never").ids == [dead.id]
    assert {name: dict(counts) for name, counts in queue.status().queues.items()} == {
        "mail": {State.PENDING: 1},
        "default": {State.DEAD: 1},
    }
    assert "no live worker" in str(queue.why(queue.enqueue(task="elsewhere").id))
    assert "no live worker" not in str(queue.why(app.send.enqueue("ann").id))
    assert "no retry would mend it" in str(queue.why(dead.id))
    assert [group.count for group in queue.errors().groups] == [1]
    assert [group.count for group in queue.errors(newest=5).groups] == [1]


def test_jobs_that_ended_badly_are_listed_by_when_they_did(queue: TestQueue) -> None:
    first, second = app.fall.options(id="a").enqueue(), app.says.options(id="b").enqueue("fail")
    queue.run()
    queue.clock.advance(MINUTE)
    queue.run(until_empty=True)

    assert [job.id for job in queue.list(state=State.DEAD).jobs] == [first.id, second.id]
    assert [job.id for job in queue.list().jobs] == [second.id, first.id]
    assert queue.find(state=State.DEAD, since=START + MINUTE).ids == [first.id]
    assert queue.find(since=START + MINUTE).ids == []


def test_what_people_ask_of_a_job_happens(queue: TestQueue) -> None:
    job, other = app.says.enqueue("fail"), app.send.enqueue("ann")

    queue.cancel(other.id, "not needed")
    queue.run()
    queue.retry(job.id)

    assert history(other) == ["enqueued", "cancelled"]
    assert history(job) == ["enqueued", "claimed", "failed", "dead-lettered", "retried"]
    with pytest.raises(JobNotFound):
        queue.cancel("nobody")


def test_the_same_key_is_the_same_job(queue: TestQueue) -> None:
    first = app.send.options(key="letter").enqueue("ann")

    assert app.send.options(key="letter").enqueue("ann").id == first.id
    with pytest.raises(DifferentJob):
        app.send.options(key="letter").enqueue("bob")


def test_nothing_is_run_of_a_paused_queue(queue: TestQueue) -> None:
    app.send.options(queue="mail").enqueue("ann")
    queue.pause_queue("mail", "no stamps")

    assert queue.run(until_empty=True) == 0
    assert queue.memory.views.count_due(10) == 0
    queue.resume_queue("mail")
    assert queue.run() == 1


def test_more_jobs_than_go_in_one_append_are_enqueued_and_run(queue: TestQueue) -> None:
    app.send.map([str(number) for number in range(600)])

    assert queue.run() == 600
    assert app.outbox == [str(number) for number in range(600)]


def test_what_a_task_prints_is_its_output_and_printed_all_the_same(
    queue: TestQueue, capsys: pytest.CaptureFixture[str]
) -> None:
    job = app.fall.enqueue()
    queue.run()

    kept = queue.output(job.id, 2)

    assert kept is not None
    assert kept.stdout == b"about to fall\n"
    assert capsys.readouterr().out == "about to fall\n"


# Time.


def test_no_time_passes_but_what_the_test_lets_pass(queue: TestQueue) -> None:
    job = app.send.options(delay=5 * MINUTE).enqueue("ann")

    assert queue.run() == 0
    queue.clock.advance(5 * MINUTE - timedelta(milliseconds=1))
    assert queue.run() == 0
    queue.clock.advance(timedelta(milliseconds=1))
    assert queue.run() == 1

    assert [one.at for one in queue.history(job.id)] == [START, START + 5 * MINUTE, START + 5 * MINUTE]


def test_a_retry_comes_when_it_is_due(queue: TestQueue) -> None:
    job = app.fall.enqueue(times=1)
    queue.run()
    due_at = queue.get(job.id).due_at
    assert due_at == START + timedelta(seconds=2)  # without jitter

    queue.clock.advance_to(due_at)
    queue.run()

    assert history(job) == ["enqueued", "claimed", "failed", "retried", "claimed", "completed"]


def test_a_run_until_it_is_empty_lets_time_pass_to_what_is_due_next(queue: TestQueue) -> None:
    job = app.fall.enqueue()

    assert queue.run(until_empty=True) == 3

    assert history(job)[-3:] == ["claimed", "failed", "dead-lettered"]
    assert queue.clock.now() == queue.get(job.id).updated_at
    error = queue.get(job.id).last_error
    assert error is not None
    assert error.message == "the post is closed"
    assert "in fall" in (error.traceback or "")
    assert "eventqueue/testing" not in (error.traceback or "")


@pytest.mark.parametrize(
    ("what", "then"),
    [
        ("retry", ["failed"]),
        ("snooze", ["released"]),
        ("discard", ["cancelled"]),
        ("fail", ["failed", "dead-lettered"]),
        ("exit", ["failed"]),
    ],
)
def test_what_a_task_says_of_its_job_is_done(queue: TestQueue, what: str, then: list[str]) -> None:
    job = app.says.enqueue(what)
    queue.run()

    assert history(job) == ["enqueued", "claimed", *then]


def test_a_time_of_the_tasks_own_choosing_is_kept(queue: TestQueue) -> None:
    jobs = app.says.enqueue("retry"), app.says.enqueue("snooze")
    queue.run()

    assert [queue.get(job.id).due_at for job in jobs] == [START + 3 * MINUTE, START + 120 * MINUTE]


def test_a_job_that_expires_before_it_is_run_is_cancelled(queue: TestQueue) -> None:
    job = queue.enqueue(task="tests.testing.app.send", args=["ann"], expires=60)
    queue.clock.advance(2 * MINUTE)

    assert queue.run() == 0
    assert history(job) == ["enqueued", "cancelled"]


def test_a_task_that_lets_the_clock_pass_its_timeout_has_timed_out(
    queue: TestQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = app.send.options(timeout=MINUTE).enqueue("ann")
    monkeypatch.setattr(app, "outbox", Slow(queue.clock))

    queue.run()

    error = queue.get(job.id).last_error
    assert error is not None
    assert error.type == "timeout"


class Slow(list[str]):
    """An outbox that takes two minutes."""

    def __init__(self, clock: TestClock) -> None:
        super().__init__()
        self._clock = clock

    def extend(self, more: Iterable[str]) -> None:
        self._clock.advance(2 * MINUTE)
        super().extend(more)


def test_time_runs_forward_alone_and_has_a_zone() -> None:
    clock = TestClock(START)

    with pytest.raises(InvalidInput, match="never runs backwards"):
        clock.advance(-MINUTE)
    with pytest.raises(InvalidInput, match="time zone"):
        TestClock(datetime(2026, 1, 1))  # noqa: DTZ001 - what is refused
    assert clock.advance_to(START - MINUTE) == START


def test_a_schedule_ticks_by_the_tests_clock(queue: TestQueue) -> None:
    queue.schedule("daily", {"task": "tests.testing.app.send", "args": ["ann"]}, cron="0 9 * * *")
    assert queue.run() == 0

    queue.clock.advance(timedelta(hours=9))
    assert queue.run() == 1
    queue.clock.advance(timedelta(days=3))  # missed ticks are one job, as the schedule has it
    assert queue.run(seed=1, faults=["lost-reply"]) == 1

    assert [job.created_at for job in queue.list().jobs][-1] == START + timedelta(hours=9)
    assert queue.get_schedule("daily").next_at == START + timedelta(days=4, hours=9)
    assert app.outbox == ["ann", "ann"]


# Waiting.


def test_who_waits_has_what_is_due_run_meanwhile(queue: TestQueue) -> None:
    job = app.send.enqueue("ann")

    assert queue.wait([job.id])[0].state is State.COMPLETED


def test_a_handle_has_the_result_of_what_is_run_meanwhile(queue: TestQueue) -> None:
    several = [app.send.enqueue("ann", copies=copies) for copies in (1, 2)]

    assert app.send.enqueue("bob").result() == 1
    assert queue.gather(several) == [1, 2]
    with pytest.raises(JobFailed, match="it will never do"):
        app.says.enqueue("fail").result()


def test_who_waits_in_a_way_of_his_own_is_told_to_look_once_what_is_due_was_run(queue: TestQueue) -> None:
    handle = app.send.enqueue("ann")
    heard = Listener()

    with queue.connection.endings.told(heard, [handle.id]):
        assert heard.wait(0) is None
        assert handle.status() is State.COMPLETED


def test_who_waits_for_what_does_not_come_by_itself_is_told_so_at_once(queue: TestQueue) -> None:
    job = app.send.options(delay=MINUTE).enqueue("ann")

    with pytest.raises(WaitTimeout, match=r"queue\.clock\.advance"):
        queue.wait([job.id], timeout=PATIENCE_S)


def test_who_follows_a_job_has_it_run_meanwhile_and_is_told_where_it_never_ends(queue: TestQueue) -> None:
    due = queue.enqueue(app.send.signature("ann"))
    later = queue.enqueue(app.send.signature("bob"), delay=3600)

    assert isinstance([one for one in queue.follow_output(due.id) if one is not None][-1], AttemptEnded)
    with pytest.raises(WaitTimeout, match="does not come"):
        list(queue.follow_output(later.id))


def test_who_follows_a_job_that_runs_without_a_worker_is_told_that_it_never_ends(queue: TestQueue) -> None:
    job = queue.enqueue(app.send.signature("ann"))
    head, now = queue.history(job.id)[-1].head, queue.clock.now()
    queue.memory.ground.log.append([Append(seal(f"job-{job.id}", head, [claimed()], actor="test", now=now))])

    with pytest.raises(WaitTimeout, match="does not come"):
        list(queue.follow_output(job.id))


def test_the_views_show_at_once_what_was_done(queue: TestQueue) -> None:
    assert queue.wait_for(app.send.enqueue("ann"), timeout=PATIENCE_S)


# Running.


def test_what_a_task_enqueues_is_run_in_the_same_run(queue: TestQueue) -> None:
    app.spread.enqueue(["ann", "bob"])

    assert queue.run() == 3
    assert app.outbox == ["ann", "bob"]


def test_what_a_task_enqueues_goes_to_the_queue_that_runs_it(queue: TestQueue) -> None:
    other = TestQueue()
    other.enqueue(task="tests.testing.app.spread", args=[["ann"]])

    assert other.run() == 2
    assert queue.list().jobs == []


def test_inline_each_enqueue_is_run_at_once_and_what_it_enqueues_after_it() -> None:
    with using(TestQueue(inline=True)) as queue:
        job = app.spread.enqueue(["ann", "bob"])

        assert history(job) == ["enqueued", "claimed", "completed"]
        assert app.outbox == ["ann", "bob"]
        app.spread_and_say.enqueue("eve")
        assert app.outbox[2:] == ["spread", "eve"]
        assert history(app.send.options(delay=MINUTE).enqueue("later"), queue) == ["enqueued"]


def test_an_async_task_is_run_also_where_a_loop_runs(queue: TestQueue) -> None:
    job = queue.enqueue(task="tests.testing.app.post", kwargs={"letter": {"to": "ann"}})

    async def test() -> int:
        return queue.run()

    assert asyncio.run(test()) == 1
    assert history(job)[-1] == "completed"


def test_the_hooks_of_the_process_are_called_around_a_task(queue: TestQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[Any] = []
    monkeypatch.setattr(hooks, "_on_start", [lambda ctx: called.append(ctx.id)])
    monkeypatch.setattr(hooks, "_on_success", [lambda _, result: called.append(result)])
    monkeypatch.setattr(hooks, "_on_dead", [lambda _, error: called.append(str(error))])
    jobs = app.send.enqueue("ann"), app.says.enqueue("fail")

    queue.run()

    assert called == [jobs[0].id, 1, jobs[1].id, "it will never do"]


def test_an_assertion_of_a_task_is_recorded_and_is_the_tests(queue: TestQueue) -> None:
    job = app.claims_too_much.enqueue(3)

    with pytest.raises(AssertionError, match="3 is left"):
        queue.run()
    assert history(job) == ["enqueued", "claimed", "failed"]


def test_a_job_whose_task_is_not_known_here_waits_for_others(
    queue: TestQueue, caplog: pytest.LogCaptureFixture
) -> None:
    job = queue.enqueue(task="elsewhere.send", args=["ann"])
    app.send.enqueue("ann")

    assert queue.run(until_empty=True) == 1
    assert queue.run(seed=1) == 0
    assert history(job) == ["enqueued"]
    assert "task elsewhere.send is not known here" in caplog.text


def test_a_run_without_an_end_is_broken_off(queue: TestQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eventqueue.testing.crew.STEPS_MAX", 100)
    app.forever.enqueue()

    with pytest.raises(InvariantBroken, match="no end after 100 steps"):
        queue.run()


def test_commands_are_refused_unless_something_runs_them(queue: TestQueue) -> None:
    job = queue.enqueue(command="make", max_retries=0)
    seen: list[str] = []

    def make(job: Job) -> int:
        seen.append(job.id)
        return 2

    with pytest.raises(Refused, match=r"is a command.*queue\.shell"):
        queue.run()
    assert history(job) == ["enqueued"]

    queue.shell = make
    queue.run()

    assert seen == [job.id]
    assert history(job) == ["enqueued", "claimed", "failed", "dead-lettered"]
    queue.shell = lambda _: None  # type: ignore[assignment,return-value]
    queue.retry(job.id)
    with pytest.raises(InvalidInput, match="must return an exit code"):
        queue.run()


# What it is not.


@pytest.mark.parametrize(
    "ask",
    [
        lambda queue: queue.stats(),
        lambda queue: queue.rates(),
        lambda queue: queue.at(START),
        lambda queue: list(queue.events()),
        lambda queue: queue.verify_all(),
        lambda queue: queue.rebuild_views(),
        lambda queue: queue.log_size(),
        lambda queue: queue.stop_workers(),
        lambda queue: queue.copy_log("other"),
    ],
    ids=["stats", "rates", "at", "events", "audit", "rebuild", "size", "stop", "copy"],
)
def test_what_only_a_database_can_answer_is_refused_in_a_sentence(queue: TestQueue, ask: Any) -> None:
    app.send.enqueue("ann")

    with pytest.raises(Refused, match="TestQueue"):
        ask(queue)


def test_it_is_a_queue_to_whoever_asks_and_closes_as_one() -> None:
    with TestQueue(actor="tests") as queue:
        assert isinstance(queue, Queue)
        assert queue.connection.actor == "tests"


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"workers": 0}, "workers"),
        ({"workers": 101}, "workers"),
        ({"seed": "seven"}, "seed"),
        ({"until_empty": 1}, "until_empty"),
        ({"faults": ["lost-replies"]}, "faults"),
        ({"faults": 3}, "faults"),
    ],
)
def test_an_argument_that_is_none_is_told_by_its_name(queue: TestQueue, arguments: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        queue.run(**arguments)
    assert refused.value.field == field


def test_it_is_not_taken_for_a_class_of_tests() -> None:
    assert not TestQueue.__test__
    assert not TestClock.__test__


def test_settings_are_those_that_are_built_in_whatever_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUEUECTL_MAX_RETRIES", "99")

    queue = TestQueue()
    assert queue.get(queue.enqueue(command="true").id).max_retries != 99


def test_what_is_listed_walked_or_found_is_gone_through_as_it_is() -> None:
    queue = TestQueue()
    ids = [queue.enqueue(id=job_id, command="true").id for job_id in ("a", "b")]

    listed, found = queue.list(), queue.find()
    assert sorted(job.id for job in listed) == sorted(job.id for job in queue.walk()) == sorted(found) == ids
    assert (len(listed), len(found)) == (2, 2)
    assert (listed[0].id, found[0]) == (listed.jobs[0].id, found.ids[0])


@pytest.mark.parametrize("taken", [AsyncQueue(), "mongodb://db.example", TestQueue], ids=["async", "uri", "class"])
def test_what_is_no_queue_is_not_taken_for_the_one_in_use(taken: Any) -> None:
    with pytest.raises(InvalidInput, match="must be a Queue"):
        use_queue(taken)
    with pytest.raises(InvalidInput, match=r"await queue\.enqueue"), using(taken):
        pass
