"""What everything stands on, as protocols: a log, and the clock by which it is written."""

from datetime import datetime
from typing import Any, Protocol

from eventqueue.ports.log import EventLog


class Clock(Protocol):
    """The one clock that all who write to a log share."""

    def now(self) -> datetime:
        """Return the time, UTC, in whole milliseconds. Raises Unavailable if it was never known."""
        ...


class Footing(Protocol):
    """A log with its clock: in MongoDB, or in memory."""

    @property
    def log(self) -> EventLog:
        """Where the events are."""
        ...

    @property
    def clock(self) -> Clock:
        """By which they are written."""
        ...

    @property
    def log_id(self) -> str:
        """The log's own."""
        ...

    @property
    def database(self) -> Any:
        """Where it is kept; one in memory refuses what only a database can do."""
        ...
