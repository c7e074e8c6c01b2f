"""By how much the views' counters exceed what the log's events make of them.

They are read once, in one snapshot with the checkpoint; each event that it covers is then taken off. What is even is
let go at once: so the memory that this takes follows the differences, and not the log.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache, partial
from itertools import chain
from sys import intern
from typing import Any

import bson
from pymongo.client_session import ClientSession

from eventqueue.model.codec import CODEC
from eventqueue.model.events import Recorded
from eventqueue.model.job import Job
from eventqueue.model.moments import AHEAD
from eventqueue.mongo.slices import slices
from projections.folds.projection import Ageing, Key, Projection, add, no_counters, told
from projections.keeping.generation import Generation

EVENTS_AT_ONCE = 2000
AGED_MAX = 10_000  # keys of counters, of which is remembered into what they are merged

Counts = dict[Key, dict[str, int]]


class Excess:
    """The excess of each projection's counters, as far as the log was read."""

    def __init__(self, projections: Sequence[Projection], began: datetime) -> None:
        self._projections = projections
        # What is old is merged at once: years of minutes are many. Jobs come in about the order of their time.
        self._aged = {one.name: lru_cache(AGED_MAX)(_ageing(one, began)) for one in projections}
        self._of: dict[str, Counts] = {one.name: {} for one in projections}
        self._taken = {one.name: no_counters() for one in projections}  # of the last events, not taken off yet
        self._spoilt: list[tuple[str, str]] = []
        self.taken = 0  # events

    def read(self, generation: Generation, session: ClientSession) -> None:
        """Begin with what a generation counts in the session's snapshot."""
        for name, counts in self._of.items():
            found = slices(generation.database[generation.name_of(name)], {}, session=session)
            for document in chain.from_iterable(bson.decode_all(batch, CODEC) for batch in found):
                try:
                    key, amounts = _counted(document)
                    _add(counts, self._aged[name](key), amounts)
                except (AttributeError, LookupError, TypeError, ValueError):  # somebody has altered it, or put it there
                    self._spoilt.append((name, str(document.get("_id"))))

    def take_off(self, before: Job | None, after: Job, event: Recorded) -> None:
        """Take off what an event counts. Raises whatever a projection does."""
        for one in self._projections:
            add(self._taken[one.name], one.tally(before, after, event))
        self.taken += 1
        if self.taken % EVENTS_AT_ONCE == 0:
            self._settle()

    def _settle(self) -> None:
        # Of many events at once: most of what they count is counted under the same few keys.
        for name, taken in self._taken.items():
            for key, amounts in taken.items():
                _add(self._of[name], self._aged[name](key), {counter: -amount for counter, amount in amounts.items()})
            taken.clear()

    def spoilt(self) -> Sequence[tuple[str, str]]:
        """Return the counters that cannot be read: projection, and the `_id`."""
        return self._spoilt

    def left(self, now: datetime) -> Iterator[tuple[str, str, int]]:
        """Yield what is left: projection, counter, and how much more it counts than the log, or fewer below 0."""
        self._settle()
        for one in self._projections:
            # Aged again: time has passed since they were read, and who has merged them may have a clock that is ahead.
            age = _ageing(one, now + AHEAD)
            counts: Counts = {}
            for key, more in self._of[one.name].items():
                _add(counts, age(key), more)
            for key in sorted(counts, key=str):
                for counter, amount in sorted(counts[key].items()):
                    yield one.name, f"{told(one, key)} {counter}", amount


def _ageing(one: Projection, now: datetime) -> Callable[[Key], Key]:
    # Asked once whether it ages at all: to ask that of a protocol takes longer than the answer.
    return partial(one.aged, now=now) if isinstance(one, Ageing) else lambda key: key


def _counted(document: Mapping[str, Any]) -> tuple[Key, Mapping[str, int]]:
    # Few different words, of very many counters.
    key = tuple(intern(part) if isinstance(part, str) else part for part in document["_id"]["key"])
    amounts = {intern(name): amount for name, amount in document["n"].items()}
    if not all(type(part) in (str, int) for part in key) or not all(type(one) is int for one in amounts.values()):
        raise TypeError("no counter")
    return key, amounts


def _add(counters: Counts, key: Key, more: Mapping[str, int]) -> None:
    counts = counters.setdefault(key, {})
    for counter, amount in more.items():
        if total := counts.pop(counter, 0) + amount:
            counts[counter] = total
    if not counts:
        del counters[key]
