"""What the log tells of an act on many jobs, held against how one goes: it begins, and ends once, with a sum. Pure.

What is not: whether as many jobs name it as it was done to. To count those is to read all there are, of one moment.
Whether it does to a job what an event that names it tells is held against the log where that event is read.
"""

from collections.abc import Iterator

from eventqueue.model.acts import ActBegun, ActEnded
from eventqueue.model.events import Event


class Going:
    """Follows one act's stream from event to event."""

    def __init__(self) -> None:
        self._begun: ActBegun | None = None
        self._is_over = False
        self._is_known = True  # False behind what cannot be read

    def pass_over(self) -> None:
        """Go on behind an event that cannot be read, and that may have been the beginning or the end."""
        self._is_known = False

    def faults(self, event: Event) -> Iterator[str]:
        """Yield what is wrong with the next event."""
        if self._is_known and self._is_over and isinstance(event, ActBegun | ActEnded):
            yield "something is told of an act that is over"
        elif isinstance(event, ActBegun):
            yield from ["an act begins a second time"] if self._begun is not None else []
            self._begun = event
        elif isinstance(event, ActEnded):
            if min(_figures(event)) < 0:
                yield "fewer than no jobs are told of in its sum"
            if self._is_known and self._begun is None:
                yield "an act ends that has not begun"
            elif self._begun is not None and self._begun.jobs not in (None, found := _sum(event)):
                yield f"its sum is {found:,}, and it was begun for {self._begun.jobs:,}"
            self._is_over = True


def _sum(ended: ActEnded) -> int:
    return sum(_figures(ended))


def _figures(ended: ActEnded) -> tuple[int, ...]:
    return ended.done, ended.already, ended.refused, ended.untried, ended.in_doubt
