"""Keeps the jobs of paused queues from being shown as ready: no worker has to pass over them, however many they are.

For order and speed alone. That a queue is paused the log says, and whoever claims asks it: before a queue is held back
here its jobs are found and left.
"""

import time
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta

from eventqueue.errors import LogCorrupt
from eventqueue.model.events import Recorded, category_of, name_in
from eventqueue.model.pause import CATEGORY, evolve
from eventqueue.ports.finder import Signal
from eventqueue.steering.pauses import Pauses
from projections.folds.decoding import Poison
from projections.keeping.applier import Applier
from projections.keeping.promotion import hold_back, let_go

HEAL_EVERY = timedelta(seconds=10)  # whatever was missed


class Holding:
    """What is held back by one projector, in its place: some at a time, so that the views go on meanwhile."""

    def __init__(self, applier: Applier, pauses: Pauses) -> None:
        self._applier = applier
        self._pauses = pauses
        self._look()

    def _look(self) -> None:
        self._applier.paused = frozenset(self._pauses.all())
        self._may_differ = True
        self._heal_at = time.monotonic() + HEAL_EVERY.total_seconds()

    def saw(self, events: Iterable[Recorded | Poison]) -> None:
        """Learn of the queues that were paused or resumed among these events."""
        for event in events:
            if category_of(event.stream) == CATEGORY:
                name = name_in(event.stream)
                # The event itself and not the log, which a new primary may not show yet. One that cannot be read says
                # nothing: then those before it hold.
                is_paused = self._is_paused_by(event)
                others = frozenset(self._applier.paused) - {name}
                self._applier.paused = others | {name} if is_paused else others
                self._may_differ = True

    def _is_paused_by(self, event: Recorded | Poison) -> bool:
        if isinstance(event, Recorded):
            with suppress(LogCorrupt):  # what happens to no queue
                return evolve(event).pause is not None
        name = name_in(event.stream)
        return name in self._pauses.among([name])

    @property
    def is_due(self) -> bool:
        """Whether there may be something to do; then no batch may be on its way."""
        return self._may_differ or time.monotonic() >= self._heal_at

    def step(self, now: datetime) -> Signal | None:
        """Hold back, and let go, a thousand entries at most; return what to tell of these."""
        if time.monotonic() >= self._heal_at:
            self._look()
        # Both in turn: who pauses and resumes a large queue keeps no other one waiting.
        is_held = hold_back(self._applier, now)
        signal = let_go(self._applier, now)
        self._may_differ = is_held or signal is not None
        return signal
