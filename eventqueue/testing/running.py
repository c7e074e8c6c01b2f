"""A run of a TestQueue: who works, what goes wrong, what must hold after it, and how to have the same run again."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import msgspec

from eventqueue.tasks.outcomes import Outcome
from eventqueue.testing.attempt import RunCommand
from eventqueue.testing.connection import MemoryConnection
from eventqueue.testing.crew import Crew, Hand
from eventqueue.testing.faults import Chance, Fault
from eventqueue.testing.invariants import check_ended, check_histories
from eventqueue.testing.prospects import Prospects


class Run(msgspec.Struct, frozen=True):
    """What a run is asked for; `seed` None: one worker, one job after the other, and nothing goes wrong."""

    until_empty: bool
    workers: int = 1
    seed: int | None = None
    faults: Sequence[Fault] = ()

    def __str__(self) -> str:
        return f"queue.run(workers={self.workers}, seed={self.seed}, faults={[one.value for one in self.faults]})"


def asked(*, until_empty: bool, workers: int, seed: int | None, faults: Sequence[Fault]) -> Run:
    """Return the run that is asked for: one that is simulated has a seed, and goes on until all has ended."""
    if workers == 1 and seed is None and not faults:
        return Run(until_empty)
    own = int.from_bytes(os.urandom(4), "big") if seed is None else seed
    return Run(True, workers, own, faults)


def run(connection: MemoryConnection, asked: Run, shell: RunCommand | None) -> int:
    """Run what there is, and return how many attempts were made. Raises InvariantBroken."""
    chance = Chance(asked.seed, asked.faults)
    prospects = Prospects(connection, shell)
    crew = Crew(connection, prospects, chance, asked.workers)
    if asked.seed is None:
        crew.work(until_empty=asked.until_empty)
        return crew.attempts
    with _named(asked), _losing(connection, chance):
        crew.work(until_empty=True)
        prospects.look(0)
        check_histories(connection.ground.log)
        check_ended(prospects.open())
        check_ended(prospects.held())
    return crew.attempts


def twice(connection: MemoryConnection, job_id: str) -> Iterator[Outcome | None]:
    """Run a job twice, as when its worker dies after the effect of its task; yield after each run how it ended."""
    crew = Crew(connection, Prospects(connection, None), Chance(None), 1)
    hand = crew.once(job_id)
    yield _outcome_of(hand)
    crew.crash(hand)
    yield _outcome_of(crew.once(job_id))


def _outcome_of(hand: Hand) -> Outcome | None:
    return None if hand.ended is None else hand.ended.outcome


@contextmanager
def _losing(connection: MemoryConnection, chance: Chance) -> Iterator[None]:
    """Have replies of the log get lost, if that is among the faults."""
    log = connection.ground.log
    # Once for each length of the log: whoever asks again is answered.
    log.loses = lambda: chance.strikes(Fault.LOST_REPLY, str(len(log.taken)))
    try:
        yield
    finally:
        log.loses = lambda: False


@contextmanager
def _named(asked: Run) -> Iterator[None]:
    """Have whatever breaks the block tell how to have the same run again."""
    try:
        yield
    except Exception as error:
        error.add_note(f"The same run again: {asked}")
        raise
