"""By how much the views' counters exceed what the log's events make of them.

They are read once, in one snapshot with the checkpoint; each event that it covers is then taken off. What is even is
let go at once: so the memory that this takes follows the differences, and not the log.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache, partial
from itertools import chain
from sys import intern

import bson
from pymongo.client_session import ClientSession

from eventqueue.model.codec import CODEC
from eventqueue.model.events import Recorded
from eventqueue.model.job import Job
from eventqueue.mongo.slices import slices
from projections.folds.projection import Key, Projection, aged
from projections.keeping.generation import Generation

AGED_MAX = 10_000  # keys of counters, of which is remembered into what they are merged

Counts = dict[Key, dict[str, int]]


class Excess:
    """The excess of each projection's counters, as far as the log was read."""

    def __init__(self, projections: Sequence[Projection], began: datetime) -> None:
        self._projections = projections
        # What is old is merged at once: years of minutes are many. Jobs come in about the order of their time.
        self._aged = {one.name: lru_cache(AGED_MAX)(partial(aged, one, now=began)) for one in projections}
        self._of: dict[str, Counts] = {one.name: {} for one in projections}

    def read(self, generation: Generation, session: ClientSession) -> None:
        """Begin with what a generation counts in the session's snapshot."""
        for name, counts in self._of.items():
            found = slices(generation.database[generation.name_of(name)], {}, session=session)
            for document in chain.from_iterable(bson.decode_all(batch, CODEC) for batch in found):
                # Few different words, of very many counters.
                key = tuple(intern(part) if isinstance(part, str) else part for part in document["_id"]["key"])
                _add(counts, self._aged[name](key), {intern(each): n for each, n in document["n"].items()})

    def take_off(self, before: Job | None, after: Job, event: Recorded) -> None:
        """Take off what an event counts. Raises whatever a projection does."""
        for one in self._projections:
            for key, increments in one.tally(before, after, event).items():
                _add(self._of[one.name], self._aged[one.name](key), {name: -n for name, n in increments.items()})

    def left(self, now: datetime) -> Iterator[tuple[str, str, int]]:
        """Yield what is left: projection, counter, and how much more it counts than the log, or fewer below 0."""
        for one in self._projections:
            # Aged again: time has passed since they were read.
            counts: Counts = {}
            for key, more in self._of[one.name].items():
                _add(counts, aged(one, key, now), more)
            for key in sorted(counts, key=str):
                for counter, amount in sorted(counts[key].items()):
                    yield one.name, f"{'/'.join(map(str, key))} {counter}", amount


def _add(counters: Counts, key: Key, more: Mapping[str, int]) -> None:
    counts = counters.setdefault(key, {})
    for counter, amount in more.items():
        if total := counts.pop(counter, 0) + amount:
            counts[counter] = total
    if not counts:
        del counters[key]
