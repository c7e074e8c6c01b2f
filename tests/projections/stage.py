"""What the tests of the read side do: build views, take the place, bring them to the end, wait."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from eventqueue.model.events import Event, Recorded
from eventqueue.mongo.clock import majority_time
from eventqueue.mongo.ground import Ground
from eventqueue.mongo.leases import PROJECTING
from eventqueue.ports.finder import Signal
from eventqueue.steering.pauses import Pauses
from projections.folds.decoding import Poison
from projections.folds.projection import Projection
from projections.keeping import checkpoint, generation
from projections.keeping.applier import Applier
from projections.keeping.catch_up import catch_up
from projections.keeping.checkpoint import Checkpoint, Token
from projections.keeping.feed import Feed
from projections.keeping.generation import Generation
from projections.keeping.holding import Holding
from projections.keeping.projector import Projector
from projections.keeping.rebuild import rebuild
from projections.keeping.signals import Signals
from projections.keeping.tail import Tail
from projections.keeping.turn import Turn
from projections.reading.freshness import measure
from projections.registry import PROJECTIONS
from tests.builders import NOW, append
from tests.patience import PATIENCE_S


def await_that(condition: Callable[[], object]) -> None:
    give_up = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < give_up, "what the test waits for did not come"
        time.sleep(0.005)


def put(ground: Ground, stream: str, *events: Event) -> None:
    """Append `events` to a stream that is empty."""
    (done,) = ground.log.append([append(stream, *events, now=ground.clock.now())])
    assert done.is_whole


def put_long_ago(ground: Ground, stream: str, *events: Event) -> None:
    """As `put`, a day before the time that the builders' events tell of."""
    (done,) = ground.log.append([append(stream, *events, now=NOW - timedelta(days=1))])
    assert done.is_whole


def build(ground: Ground, projections: Sequence[Projection] = PROJECTIONS) -> Generation:
    """Build the views from the log as it is."""
    return rebuild(ground, projections, ground.database.client.start_session())


def live_of(ground: Ground) -> Generation:
    # After a backup was restored there are none for a moment.
    while (live := generation.current(ground.database)) is None:
        time.sleep(0.005)
    return live


def checkpoint_of(ground: Ground) -> Checkpoint:
    # A switch may lie between the two reads: then the checkpoint is gone with its generation.
    while (held := checkpoint.read(ground.database, live_of(ground).number)) is None:
        time.sleep(0.005)
    return held


def taking_place(ground: Ground, projections: Sequence[Projection] = PROJECTIONS) -> Applier:
    """Take the place that moves the live views, whoever holds it."""
    session = ground.database.client.start_session()
    held = checkpoint.take_over(ground.database, live_of(ground).number, session)
    return Applier(ground, held, projections, session)


def turn_in(ground: Ground, applier: Applier, feed: Feed, signals: Signals | None = None) -> Turn:
    """What a projector does in that place, step by step."""
    return Turn(applier, feed, signals or Signals(ground.database), Holding(applier, Pauses(ground.log)))


def finish(ground: Ground, projections: Sequence[Projection] = PROJECTIONS) -> None:
    """Take the place and bring the views to the end of the log, as a successor would."""
    catch_up(ground, taking_place(ground, projections), majority_time(ground.database))


def unread(ground: Ground, token: Token) -> tuple[list[Recorded | Poison], Token]:
    """Return what the log's tail holds behind `token`, and the token behind that."""
    until = majority_time(ground.database)
    events: list[Recorded | Poison] = []
    with Tail(ground.database, token, await_ms=1) as tail:
        while (changes := tail.read()) or tail.time < until:
            events += [change.event for change in changes]
        return events, tail.token


def apply_all(ground: Ground, applier: Applier, now: datetime | None = None) -> Signal:
    """Have `applier` apply in one batch what it has not applied yet."""
    events, token = unread(ground, applier.held.token)
    return applier.apply(events, token, now or ground.clock.now())


def is_fresh(ground: Ground) -> bool:
    if generation.current(ground.database) is None:
        return False
    asked = majority_time(ground.database)
    return measure(ground.database, checkpoint_of(ground), ground.clock.now(), asked).is_fresh


def document(ground: Ground, job_id: str) -> dict[str, Any]:
    """A job's document in the live view."""
    found = live_of(ground).jobs.find_one({"_id": job_id})
    assert found is not None
    return dict(found)


def is_ready(ground: Ground, job_id: str) -> bool:
    """Whether the live view shows the job to workers."""
    return live_of(ground).due.find_one({"jobs": standing_for(job_id), "ready": True}) is not None


def standing_for(job_id: str) -> dict[str, str]:
    """The condition under which a member of an entry stands for the job."""
    return {"$regex": f"~{job_id}$"}


def end_lease(ground: Ground, whose: str = PROJECTING) -> None:
    """Let a lease run out now, as it does three seconds after its holder's death."""
    long_ago = datetime(1970, 1, 2, tzinfo=UTC)
    ground.database["leases"].update_one({"_id": whose}, {"$set": {"until": long_ago}})


def take_lease_away(ground: Ground, whose: str) -> None:
    """Let a lease be over, also for who still renews it: as if he had been away for so long."""
    long_ago = datetime(1970, 1, 2, tzinfo=UTC)
    gone = {"until": long_ago, "holder": "somebody who is gone"}
    ground.database["leases"].update_one({"_id": whose}, {"$set": gone})


class Running:
    """A projector in a thread; `error` is what its `run` raised."""

    def __init__(self, projector: Projector) -> None:
        self.error: BaseException | None = None
        self._stop = threading.Event()
        self._projector = projector
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    @property
    def has_ended(self) -> bool:
        return not self._thread.is_alive()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            self._projector.run(self._stop)
        except BaseException as error:
            self.error = error


@contextmanager
def projecting(
    ground: Ground, name: str = "projector", projections: Sequence[Projection] = PROJECTIONS
) -> Iterator[Running]:
    """Run a projector for as long as the block lasts."""
    running = Running(Projector(ground, projections, name))
    try:
        yield running
    finally:
        running.stop()


def nothing_known(job_id: str, place: str) -> bool:
    """As a worker that has tried no job yet."""
    return False
