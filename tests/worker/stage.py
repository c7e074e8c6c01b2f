"""A database with its views, and workers in it that take a step when the test says so. Everything in it is real.

No projector runs: the views stand where the last `project` left them, so a test decides how far behind they are.
"""

import os
import select
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from pymongo.database import Database

from eventqueue.api.queue import Queue
from eventqueue.model.events import Event, Recorded, stream_of
from eventqueue.model.job import Claim, Command, Job, decide
from eventqueue.mongo.log import MongoLog
from eventqueue.ports.finder import Ready, Signal
from eventqueue.ports.log import Append, EventLog
from eventqueue.worker import engine
from eventqueue.worker.engine import Engine
from eventqueue.worker.inbox import Stop
from eventqueue.worker.life.heartbeat import Heartbeat
from eventqueue.worker.life.place import incarnation_here
from eventqueue.worker.life.rescue import Rescue
from eventqueue.worker.life.tenure import Tenure
from eventqueue.worker.narrator import Narrator
from projections.keeping import generation
from tests.builders import sealed
from tests.patience import PATIENCE_S

LEASE = timedelta(seconds=30)


def wait_until(holds: Callable[[], object], pause_s: float = 0.02) -> None:
    """Return once `holds`, of something that tells nobody when it changes."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, "what was waited for did not come"
        time.sleep(pause_s)


def wipe(database: Database[dict[str, Any]]) -> None:
    """Empty a database of its events and of all that came of them, once nobody works in it any more."""
    for name in database.list_collection_names():
        if name.partition("-")[0] in ("events", "jobs", "due", "claims", "failures", "stats", "outputs", "workers"):
            database[name].delete_many({})
    # The last event that was applied is gone; that is no restored backup, for which the views are rebuilt.
    database["checkpoints"].update_many({}, {"$unset": {"last": 1}})


class Gate:
    """Where a job waits until the test lets it end, with an exit code of the test's choice."""

    def __init__(self, path: Path) -> None:
        self.entered, self.way_out = path.with_suffix(".in"), path.with_suffix(".out")
        fds = []
        for fifo in (self.entered, self.way_out):
            os.mkfifo(fifo)
            fds.append(os.open(fifo, os.O_RDWR))  # for writing too, so that it has no end of file
        self._in, self._out = fds

    @property
    def command(self) -> str:
        """The job: it says its pid, and waits for its exit code."""
        return f"echo $$ > {self.entered}; read code < {self.way_out}; exit $code"

    def pid(self) -> int:
        """Wait until a job has come in, and return the pid of its shell."""
        assert select.select([self._in], [], [], PATIENCE_S)[0], "no job came in"
        return int(os.read(self._in, 100))

    def let_out(self, code: int = 0) -> None:
        """Have a job end."""
        os.write(self._out, b"%d\n" % code)

    def close(self) -> None:
        os.close(self._in)
        os.close(self._out)


class DeafLog(MongoLog):
    """The real log, whose answers the worker does not hear for a while: what it sent has landed all the same."""

    lost = 0  # answers still to be lost

    def __init__(self, log: MongoLog) -> None:
        super().__init__(log._events.database)
        self.sent: list[list[bytes]] = []

    def append(self, appends: Sequence[Append]) -> Any:
        from eventqueue.errors import LogUnavailable

        self.sent.append([sealed.raw for append in appends for sealed in append.events])
        results = super().append(appends)
        if self.lost:
            self.lost -= 1
            raise LogUnavailable("the answer was lost")
        return results


class Hand:
    """A worker that does nothing by itself: the test makes its heartbeats and its steps."""

    def __init__(
        self, stage: "Stage", name: str, concurrency: int, queues: tuple[str, ...], log: EventLog | None, tenure: Tenure
    ) -> None:
        connection = stage.connection
        ground = connection.ground
        self.stage = stage
        self.me = incarnation_here(f"{name}:{uuid4().hex[:12]}", name, queues, concurrency)
        connection.incarnations.register(self.me)
        standing = engine.Ports(log or ground.log, ground.clock, connection.finder, connection.outputs)
        self.tenure = tenure
        self.engine = Engine(self.me, standing, tenure, Narrator(name, as_json=False, quiet=True))
        self.heartbeat = Heartbeat(
            self.me,
            connection.incarnations,
            ground.clock,
            tenure,
            tell=self.engine.tell,
            extend=self.engine.extend,
            last_round=lambda: self.engine.round_at,
        )
        self.rescue = Rescue(self.me, ground.log, ground.clock, connection.finder, connection.incarnations)

    def beat(self) -> None:
        """Make a heartbeat."""
        self.heartbeat.beat_once()

    def wake(self, queue: str = "default") -> None:
        """Tell it, as a signal does, that there is something to claim."""
        ready = Ready(queue, 1000, self.stage.connection.ground.clock.now())
        self.engine.tell(Signal(generation=self.stage.generation, ready=(ready,)))

    def steps(self, until: Callable[[], object]) -> None:
        """Let it take steps until something holds."""
        deadline = time.monotonic() + PATIENCE_S
        while not until():
            assert time.monotonic() < deadline, "the worker never came so far"
            assert self.engine.step(), "the worker has left"

    def rests(self) -> None:
        """Let it take steps until it finds nothing more to do."""
        self.wake()
        for _ in range(3):
            self.engine.step()

    def stop(self, grace: float = 0.0) -> bool:
        """Stop it and let it work to its end; return whether it settled all that it held."""
        self.engine.tell(Stop(grace))
        return self.leaves()

    def leaves(self) -> bool:
        """Let it work to its end; return whether it settled all that it held."""
        deadline = time.monotonic() + PATIENCE_S
        while self.engine.step():
            assert time.monotonic() < deadline, "the worker does not leave"
        return self.engine.run()


class Stage:
    """A database with its views, and the workers that a test puts into it."""

    def __init__(self, uri: str, db: str, folder: Path) -> None:
        self.uri, self.db = uri, db
        self.folder = folder
        self.queue = Queue(uri, db, actor="test")
        self.connection = self.queue.connection
        self.log = self.connection.ground.log
        self._hands: list[Hand] = []
        self._gates: list[Gate] = []
        self.project()

    def close(self) -> None:
        for hand in self._hands:
            hand.stop()
        for gate in self._gates:
            gate.close()
        self.queue.close()

    @property
    def generation(self) -> int:
        """The number of the live views, as signals name it."""
        live = generation.current(self.connection.ground.database)
        assert live is not None
        return live.number

    # Jobs

    def enqueue(self, command: str = "true", **fields: Any) -> str:
        """Enqueue a job that the views show at once; its retries, if it has any, do not wait."""
        fields = {"backoff": {"base": 0, "jitter": 0}, "max_retries": 3, **fields}
        job_id = self.queue.enqueue(command=command, **fields).id
        self.project()
        return job_id

    def gate(self) -> Gate:
        """Return a gate for a job to wait at."""
        gate = Gate(self.folder / f"gate-{len(self._gates)}")
        self._gates.append(gate)
        return gate

    def project(self) -> None:
        """Bring the views to the end of the log."""
        assert self.connection.views.refresh().is_fresh

    def job(self, job_id: str) -> Job:
        """Return the job as the log has it."""
        return self.queue.get(job_id)

    def ended(self, *job_ids: str) -> None:
        """Wait until these jobs have come to their ends."""
        self.queue.wait(job_ids, PATIENCE_S)

    def shown(self, job_id: str) -> Job:
        """Return the job as the view has it."""
        return self.connection.finder.get([job_id])[job_id]

    def history(self, job_id: str) -> list[Recorded]:
        return self.queue.history(job_id)

    def types(self, job_id: str) -> list[str]:
        """Return the types of a job's events, in order."""
        return [str(one.event.__struct_config__.tag) for one in self.history(job_id)]

    def last(self, job_id: str) -> Event:
        """Return a job's last event."""
        return self.history(job_id)[-1].event

    def late(self, job_id: str) -> list[Event]:
        """Return what is in the job's late stream."""
        return [one.event for one in self.log.read(stream_of("late", job_id))]

    def append(self, job: Job, command: Command) -> bool:
        """Have somebody else do something to a job; return whether it was first."""
        events = decide(job, command, self.connection.ground.clock.now())
        append = Append(sealed(*events, stream=job.stream, head=job.head, now=self.connection.ground.clock.now()))
        return self.log.append([append])[0].is_whole

    def claim(self, job_id: str, worker: str) -> Job:
        """Have incarnation `worker` claim a job; return it as claimed."""
        assert self.append(self.job(job_id), Claim(worker, "host", 1))
        return self.job(job_id)

    # Workers

    def worker(
        self,
        name: str = "one",
        *,
        concurrency: int = 1,
        queues: tuple[str, ...] = (),
        log: EventLog | None = None,
        lease: timedelta = LEASE,
        beats: bool = True,
    ) -> Hand:
        """Return a registered worker; without `beats` it has no lease yet."""
        hand = Hand(self, name, concurrency, queues, log, Tenure(lease))
        self._hands.append(hand)
        if beats:
            hand.beat()
        return hand

    def incarnation(self, name: str, **fields: Any) -> str:
        """Register an incarnation of some other machine, of which only its document is there; return its id."""
        import msgspec

        me = incarnation_here(f"{name}:{uuid4().hex[:12]}", name, (), 1)
        self.connection.incarnations.register(msgspec.structs.replace(me, **{"place": "elsewhere", **fields}))
        return me.id

    def end_lease(self, worker: str) -> None:
        """Have an incarnation's lease run out, as if it had been silent for so long."""
        past = [{"$set": {"expires_at": {"$subtract": ["$$NOW", 1]}}}]
        assert self.connection.ground.database["workers"].update_one({"_id": worker}, past).matched_count
