"""What is done from the screen: what it would be is said before, with how many it is; what became of it, afterwards."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple, Protocol

from eventqueue.api.queue import Queue
from eventqueue.errors import QueueError, Refused
from eventqueue.model.deeds import CANCEL, RETRY, Deed
from eventqueue.ports.views import Filter, Found, Lag
from eventqueue.telling.words import count, sentence

if TYPE_CHECKING:
    from eventqueue.api.bulk import Bulk

TELL_EVERY = 500  # jobs

Tell = Callable[[str], bool]
"""Says how far it is, and returns whether to go on."""


class Done(NamedTuple):
    """What became of an intent, as a sentence; whether it was done to all that it was meant for."""

    told: str
    is_whole: bool = True


class Intent(Protocol):
    """Something that is done once somebody has said so. Both ask the database, and raise QueueError."""

    @property
    def ids(self) -> Sequence[str]:
        """Those of the jobs that are named for it, which are marked no more once it is done."""
        ...

    def question(self, queue: Queue) -> str:
        """Return what would be done, and to how many, as a question."""
        ...

    def do(self, queue: Queue, why: str | None, tell: Tell) -> Done:
        """Do it, and return what became of it."""
        ...


class Pausing:
    """A queue is paused, or resumed where it is paused; `waiting`: how many jobs of it wait."""

    ids = ()

    def __init__(self, name: str, waiting: int, *, is_paused: bool) -> None:
        self._name = name
        self._waiting = waiting
        self._is_paused = is_paused

    def question(self, queue: Queue) -> str:  # noqa: ARG002 - of one queue all is known
        """See Intent."""
        verb = "Resume" if self._is_paused else "Pause"
        return f"{verb} queue {self._name}? {count(self._waiting, 'job')} of it wait{'s' * (self._waiting == 1)}."

    def do(self, queue: Queue, why: str | None, tell: Tell) -> Done:  # noqa: ARG002 - it takes no time
        """See Intent."""
        if self._is_paused:
            done = queue.resume_queue(self._name, why)
            return Done(f"Queue {self._name} is {'resumed' if done.is_new else 'not paused'}")
        done = queue.pause_queue(self._name, why)
        return Done(f"Queue {self._name} is paused{'' if done.is_new else ' already'}")


_ACTS: "Mapping[str, Callable[[Queue, Iterable[str], str], Bulk]]" = {
    CANCEL.name: Queue.cancel_many,
    RETRY.name: Queue.retry_many,
}


class ToSome:
    """Something is done to jobs that are named."""

    def __init__(self, deed: Deed, ids: Sequence[str]) -> None:
        self._deed = deed
        self.ids = ids

    def question(self, queue: Queue) -> str:  # noqa: ARG002 - they are named
        """See Intent."""
        named = f"job {self.ids[0]}" if len(self.ids) == 1 else count(len(self.ids), "job")
        return self._deed.asks.format(named)

    def do(self, queue: Queue, why: str | None, tell: Tell) -> Done:
        """See Intent."""
        return to_each(queue, self._deed, self.ids, why, tell)


class ToAll:
    """Something is done to all jobs that a filter lets through, `of` what they are said to be, as they were counted."""

    ids = ()

    def __init__(self, deed: Deed, wanted: Filter, of: str) -> None:
        self._deed = deed
        self._wanted = wanted
        self._of = of
        self._found = Found((), Lag(0))

    def question(self, queue: Queue) -> str:
        """See Intent."""
        from msgspec.structs import replace

        finds = {state: queue.find(replace(self._wanted, state=state, scan=True)) for state in self._deed.states}
        ids = list(dict.fromkeys(chain.from_iterable(finds.values())))
        wanted = tuple(chain.from_iterable(one.wanted for one in finds.values()))
        self._found = Found(ids, finds[self._deed.states[-1]].lag, wanted)  # by which the log tells of it as one act
        if not ids:
            raise Refused(f"No job of {self._of} is {' or '.join(self._deed.states)}.")
        each = ", ".join(f"{len(found):,} {state}" for state, found in finds.items() if found)
        return self._deed.asks.format(f"{count(len(ids), 'job')} of {self._of}: {each}")

    def do(self, queue: Queue, why: str | None, tell: Tell) -> Done:
        """See Intent."""
        return to_each(queue, self._deed, self._found, why, tell)


def to_each(queue: Queue, deed: Deed, ids: Sequence[str] | Found, why: str | None, tell: Tell) -> Done:
    """Do it to each of these jobs; return how many it was done to, and why not to the others: the first reason."""
    acting, problem = _ACTS[deed.name](queue, ids, why or "asked for"), None
    try:
        for number, _ in enumerate(acting, start=1):
            if number % TELL_EVERY == 0 and not tell(f"{number:,} of {count(len(ids), 'job')} …"):
                acting.stop()
    except QueueError as error:  # those before it are done
        problem = str(error)
    found = acting.sum
    done, first = found.done + found.already, next(iter(found.problems), None)
    if len(ids) == 1:
        return Done(problem or first or f"Job {ids[0]} {deed.said}", done == 1)
    of = f" of {len(ids):,}" if done < len(ids) else ""
    jobs = f"{done:,}{of} {deed.sentence(len(ids))}"
    others = f"{count(found.refused, 'job')} refused, the first: {first}" if first else None
    return Done(sentence(jobs, others, problem), done == len(ids))
