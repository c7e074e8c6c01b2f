"""A paused queue: nothing of it is claimed, however it comes to a worker's ears or does not; all else goes on."""

from collections.abc import Iterable

import bson
import pytest

from eventqueue.errors import Unavailable
from eventqueue.model.codec import bucket_of
from eventqueue.model.events import Paused, Recorded, Resumed
from eventqueue.model.job import State
from eventqueue.model.pause import PauseQueue, ResumeQueue
from eventqueue.mongo.log import MongoLog
from eventqueue.ports.finder import Signal
from eventqueue.steering.pauses import Pauses, switch
from tests.builders import append
from tests.worker.crew import Start
from tests.worker.stage import Hand, Stage


class Mute:
    """Signals that nobody hears."""

    def publish(self, signal: Signal) -> None:
        pass

    def follow(self) -> Iterable[None]:
        return ()


class CountingLog(MongoLog):
    """The real log, which counts what it is asked."""

    def __init__(self, log: MongoLog) -> None:
        super().__init__(log._events.database)
        self.asked: list[str] = []

    def find_next(self, heads: Iterable[tuple[str, int]]) -> set[str]:
        self.asked.append("next")
        return super().find_next(heads)

    def read_last(self, stream: str) -> Recorded | None:
        self.asked.append("last")
        return super().read_last(stream)


def silently(stage: Stage, queue: str, command: PauseQueue | ResumeQueue) -> None:
    """Pause or resume a queue so that no worker is told."""
    assert switch(stage.connection.ground, Mute(), queue, command, "test").is_new  # type: ignore[arg-type]


def tell(worker: Hand, *queues: str) -> None:
    """Pass on the signal that queues were paused or resumed."""
    worker.engine.tell(Signal(switched=queues))


@pytest.fixture
def looks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers that look for pauses at every claim."""
    monkeypatch.setattr("eventqueue.worker.claims.serving.LOOK_S", 0.0)


@pytest.fixture
def never_looks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers that look for pauses only when they are told to."""
    monkeypatch.setattr("eventqueue.worker.claims.serving.LOOK_S", 1000.0)


def test_nothing_of_a_paused_queue_is_claimed_and_the_others_go_on(stage: Stage) -> None:
    held, urgent = stage.enqueue(queue="mail"), stage.enqueue(queue="mail", priority=1000)
    other = stage.enqueue(queue="web")
    stage.queue.pause_queue("mail")
    worker = stage.worker(concurrency=5)

    worker.steps(until=lambda: stage.job(other).state is State.COMPLETED)
    worker.wake("mail")
    worker.rests()

    assert [stage.types(job) for job in (held, urgent)] == [["enqueued"]] * 2


@pytest.mark.usefixtures("never_looks_again")
def test_a_pause_is_obeyed_at_its_signal_although_the_jobs_are_in_the_open_cursor(stage: Stage) -> None:
    gate = stage.gate()
    running, left = stage.enqueue(gate.command), stage.enqueue()
    worker = stage.worker()
    worker.steps(until=lambda: stage.job(running).state is State.PROCESSING)

    stage.queue.pause_queue("default")
    tell(worker, "default")
    gate.let_out()
    worker.steps(until=lambda: stage.job(running).state is State.COMPLETED)  # what runs goes on
    worker.rests()

    assert stage.types(left) == ["enqueued"]


@pytest.mark.usefixtures("looks_again")
def test_a_pause_whose_signal_is_lost_is_seen_by_looking_again(stage: Stage) -> None:
    gate = stage.gate()
    running, left = stage.enqueue(gate.command), stage.enqueue()
    worker = stage.worker()
    worker.steps(until=lambda: stage.job(running).state is State.PROCESSING)

    silently(stage, "default", PauseQueue())
    gate.let_out()
    worker.steps(until=lambda: stage.job(running).state is State.COMPLETED)
    worker.rests()
    assert stage.types(left) == ["enqueued"]

    silently(stage, "default", ResumeQueue())
    worker.steps(until=lambda: stage.job(left).state is State.COMPLETED)


@pytest.mark.usefixtures("never_looks_again")
def test_a_resumed_queue_is_claimed_from_at_its_signal(stage: Stage) -> None:
    stage.queue.pause_queue("default")
    job, worker = stage.enqueue(), stage.worker()
    worker.rests()
    assert stage.types(job) == ["enqueued"]

    stage.queue.resume_queue("default")
    stage.project()  # what was held back is let go
    tell(worker, "default")

    worker.steps(until=lambda: stage.job(job).state is State.COMPLETED)


def test_a_workers_look_counts_for_no_longer_than_half_a_second() -> None:
    from eventqueue.worker.claims import prospects, serving

    # An idle worker asks when it polls: both together keep a pause within a second where claims are made.
    assert serving.LOOK_S <= 0.5
    assert prospects.POLL_S <= 1.0


def test_a_paused_queue_is_not_adopted_from(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eventqueue.worker.claims.claiming.LOOK_S", 0.0)
    monkeypatch.setattr("eventqueue.worker.claims.ownership.SEEN_TWICE_URGENT_S", 0.0)
    stage.worker("stuck")
    worker = stage.worker("busy")
    worker.engine.step()
    buckets = worker.engine._claiming._ownership.buckets("default")
    foreign = next(name for name in (f"job-{n}" for n in range(1000)) if bucket_of(f"job-{name}") not in buckets)
    stage.queue.pause_queue("default")
    tell(worker, "default")
    job = stage.enqueue(id=foreign)

    worker.wake()
    for _ in range(20):
        worker.engine.step()

    assert stage.types(job) == ["enqueued"]


@pytest.mark.usefixtures("looks_again")
def test_while_pauses_cannot_be_read_nothing_is_claimed(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise Unavailable("away")

    job, worker = stage.enqueue(), stage.worker()
    monkeypatch.setattr("eventqueue.steering.pauses.Pauses.among", away)
    worker.wake()
    for _ in range(3):
        worker.engine.step()
    assert stage.types(job) == ["enqueued"]

    monkeypatch.undo()
    worker.steps(until=lambda: stage.job(job).state is State.COMPLETED)


def test_what_in_a_queues_stream_is_no_pause_leaves_the_queue_as_it_was(stage: Stage) -> None:
    job, worker = stage.enqueue(), stage.worker()
    stage.log.append([append("queue-default")])

    with pytest.warns(UserWarning, match="Queue default stays open"):
        worker.steps(until=lambda: stage.job(job).state is State.COMPLETED)


def test_a_queue_that_is_new_is_claimed_from_at_once(stage: Stage, never_looks_again: None) -> None:
    worker = stage.worker()
    worker.rests()
    job = stage.enqueue(queue="never-heard-of")

    worker.wake("never-heard-of")

    worker.steps(until=lambda: stage.job(job).state is State.COMPLETED)


def test_a_look_asks_no_more_after_a_hundred_pauses_than_after_one(stage: Stage) -> None:
    for _ in range(50):
        stage.queue.pause_queue("mail")
        stage.queue.resume_queue("mail")
    stage.queue.pause_queue("mail", "for good")
    log = CountingLog(stage.log)
    pauses = Pauses(log)

    assert [one.why for one in pauses.among(["mail", "web"]).values()] == ["for good"]
    assert log.asked == ["next", "last"]
    assert list(pauses.among(["mail", "web"])) == ["mail"]
    assert log.asked == ["next", "last", "next"]


def test_a_log_that_was_restored_is_believed_once_it_is_read_anew(stage: Stage) -> None:
    pauses = Pauses(stage.log)
    stage.queue.pause_queue("mail")
    assert list(pauses.among(["mail"])) == ["mail"]

    stage.connection.ground.database["events"].delete_one({"_id": {"stream": "queue-mail", "version": 1}})
    pauses.forget()

    assert pauses.among(["mail"]) == {}


def test_each_pause_is_an_event_and_one_that_changes_nothing_is_none(stage: Stage) -> None:
    first, second = stage.queue.pause_queue("mail", "moving"), stage.queue.pause_queue("mail", "another reason")
    third, fourth = stage.queue.resume_queue("mail"), stage.queue.resume_queue("mail")

    assert [one.is_new for one in (first, second, third, fourth)] == [True, False, True, False]
    assert second.pause == first.pause
    assert [one.event for one in stage.log.read("queue-mail")] == [Paused(why="moving"), Resumed()]


def test_jobs_that_wait_in_a_paused_queue_keep_no_worker_that_runs_until_nothing_is_left(
    stage: Stage, start: Start
) -> None:
    held = [stage.enqueue(queue="mail"), stage.enqueue(queue="mail", delay=3600)]
    done = stage.enqueue(queue="web")
    stage.queue.pause_queue("mail")

    crew = start(until_empty=True)

    assert crew.ends() == 0
    assert stage.job(done).state is State.COMPLETED
    assert [stage.types(job) for job in held] == [["enqueued"]] * 2


def test_a_running_worker_obeys_a_pause_and_a_resumption(stage: Stage, start: Start) -> None:
    crew = start()
    crew.await_said("started")
    stage.ended(stage.queue.enqueue(command="true").id)
    stage.queue.pause_queue("default")
    stage.queue.pause_queue("web")

    held = stage.queue.enqueue(command="true").id
    stage.ended(stage.queue.enqueue(command="true", queue="other").id)
    assert stage.types(held) == ["enqueued"]

    stage.queue.resume_queue("default")
    stage.ended(held)


@pytest.mark.usefixtures("looks_again")
def test_a_pause_holds_for_workers_behind_an_event_that_cannot_be_read_and_they_say_so(stage: Stage) -> None:
    left, other = stage.enqueue(queue="mail"), stage.enqueue(queue="web")
    version = stage.queue.pause_queue("mail").version
    (one,) = append("queue-mail", Resumed()).events
    stored = {**bson.decode(one.raw), "_id": {"stream": "queue-mail", "version": version + 1}, "type": "eased"}
    stage.connection.ground.database["events"].insert_one(stored)
    worker = stage.worker(concurrency=2)

    with pytest.warns(UserWarning, match="Queue mail stays paused"):
        worker.steps(until=lambda: stage.job(other).state is State.COMPLETED)
    worker.rests()

    assert stage.types(left) == ["enqueued"]


def test_something_odd_about_a_queue_keeps_nothing_that_runs_from_its_end(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("eventqueue.worker.claims.serving.LOOK_S", 0.0)
    monkeypatch.setattr("eventqueue.worker.engine.ODD_S", 0.0)
    gate = stage.gate()
    running, left = stage.enqueue(gate.command), stage.enqueue()
    worker = stage.worker(concurrency=2)
    with monkeypatch.context() as patched:
        worker.steps(until=lambda: stage.job(running).state is State.PROCESSING)
        patched.setattr(Pauses, "among", _odd)
        other = stage.enqueue(queue="mail")
        worker.wake("mail")
        gate.let_out()
        worker.steps(until=lambda: stage.job(running).state is State.COMPLETED)
        worker.rests()
        assert stage.types(other) == ["enqueued"]

    worker.steps(until=lambda: stage.job(other).state is State.COMPLETED)
    assert stage.types(running) == ["enqueued", "claimed", "completed"]
    assert stage.job(left).state is State.COMPLETED
    assert caplog.text.count("TypeError: what nobody has thought of") == 2  # said once, with its traceback


def _odd(*_: object) -> None:
    raise TypeError("what nobody has thought of")
