"""What a projection is: a name, a version, and a pure function from an event to increments.

The runtime owns all I/O and gives the job before and after the event, since a `completed` event alone knows neither
its queue nor its meta.
"""

from typing import Protocol

from eventqueue.events import Recorded
from eventqueue.job import Job

Key = tuple[str | int, ...]
"""What a counter is counted under, such as ("state", "default"); the first part names the kind of counter."""

Increments = dict[str, int]
"""Counter name -> what to add to it; names hold neither `.` nor `$`."""

Tally = dict[Key, Increments]


class Projection(Protocol):
    """A view made of counters. Raise `version` when the same events should count differently: it is then rebuilt."""

    name: str
    version: int

    def tally(self, before: Job | None, after: Job, recorded: Recorded) -> Tally:
        """Return what this event adds to the counters; pure, so that a rebuild counts the same again.

        For an event of a job, `before` and `after` are the job around it. For one that belongs to a job but does
        not change it (a late result), both are the job as it stands.
        """
        ...
