"""People and workers who act at random on a log: equal seeds act equally."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from random import Random

from eventqueue.model.codec import Sealed, seal
from eventqueue.model.events import EMPTY, Claimed, Event, Head, LateResult, stream_of
from eventqueue.model.job import (
    Cancel,
    Claim,
    Command,
    DeadLetter,
    Enqueue,
    Job,
    Release,
    Retry,
    State,
    decide,
    fold,
)
from eventqueue.mongo.ground import Ground
from eventqueue.ports.log import Append
from tests.builders import complete, fail, release, request

QUEUES = ("mail", "video", "default")


class Crowd:
    """The only writer of a log, so that each of its appends is accepted."""

    def __init__(self, ground: Ground, seed: int = 0, name: str = "") -> None:
        self.jobs: dict[str, Job] = {}
        self._ground = ground
        self._chance = Random(seed)
        self._name = name
        self._claims: dict[str, tuple[int, str]] = {}  # job id -> its last claim, and who made it
        self._late: dict[str, Head] = {}

    def act(self, batches: int, size: int = 20) -> None:
        """Append so many batches, each of events of up to `size` jobs."""
        for _ in range(batches):
            open_ = [job.id for job in self.jobs.values() if job.state is not State.COMPLETED]
            old = self._chance.sample(sorted(open_), min(len(open_), size * 2 // 3))
            new = [f"{self._name}{len(self.jobs) + count}" for count in range(size - len(old))]
            appends = [self._act_on(job_id) for job_id in (*old, *new)]
            done = [self._ground.log.append(appends), self._ground.log.append(self._late_results())]
            assert all(one.is_whole for appended in done for one in appended)

    @contextmanager
    def acting(self, size: int = 20, pause_s: float = 0.02) -> Iterator[None]:
        """Act on and on beside what the block does; what ended that before the block did is raised behind it.

        With a pause behind each batch: without one the log grows faster than it is looked through, and what takes
        seconds of a quiet machine takes minutes of a busy one.
        """
        ended, errors = threading.Event(), []

        def act() -> None:
            try:
                while not ended.wait(pause_s):
                    self.act(1, size=size)
            except BaseException as error:
                errors.append(error)

        thread = threading.Thread(target=act)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
        assert errors == []

    def _act_on(self, job_id: str) -> Append:
        job = self.jobs.get(job_id)
        events = decide(job, self._command(job), self._ground.clock.now())
        append = Append(self._seal(stream_of("job", job_id), EMPTY if job is None else job.head, *events))
        after = fold(append.recorded, job)
        assert after is not None
        self.jobs[job_id] = after
        if isinstance(events[-1], Claimed):
            self._claims[job_id] = after.version, events[-1].worker
        return append

    def _command(self, job: Job | None) -> Command:
        return self._enqueue() if job is None else self._chance.choice(self._commands(job))

    def _commands(self, job: Job) -> Sequence[Command]:
        retry, cancel = Retry("the bug is mended"), Cancel("no longer needed")
        match job.state:
            case State.PENDING:
                return Claim("worker-1", "host", 1), Claim("worker-2", "host", 2), cancel
            case State.PROCESSING:
                assert job.claim is not None
                return self._settles(job.claim)
            case State.FAILED if job.due_at is None:
                return (DeadLetter(),)
            case State.FAILED:
                return Claim("worker-3", "host", 3), retry, cancel
            case _:
                return (retry,)

    def _enqueue(self) -> Enqueue:
        pick = self._chance.choice
        return Enqueue(
            request(
                queue=pick(QUEUES),
                priority=pick([0, 0, 5]),
                delay=pick([None, None, 3600]),
                max_retries=pick([0, 1, 3]),
                backoff={"base": pick([0, 9000]), "cap": 9000},
                tags=pick([None, ["nightly"]]),
                meta={"customer": pick(["ada", "bob"])},
            )
        )

    def _settles(self, claim: int) -> Sequence[Command]:
        snoozed = Release(claim=claim, reason="snooze", delay=timedelta(hours=1))
        return complete(claim), fail(claim), fail(claim), release(claim), snoozed

    def _late_results(self) -> list[Append]:
        claimed = sorted(self._claims)
        appends = []
        for job_id in self._chance.sample(claimed, min(2, len(claimed))):
            claim, worker = self._claims[job_id]
            event = LateResult(claim=claim, worker=worker, outcome="completed", data={})
            append = Append(self._seal(stream_of("late", job_id), self._late.get(job_id, EMPTY), event))
            self._late[job_id] = append.head
            appends.append(append)
        return appends

    def _seal(self, stream: str, head: Head, *events: Event) -> tuple[Sealed, ...]:
        return seal(stream, head, events, actor="crowd", now=self._ground.clock.now())
