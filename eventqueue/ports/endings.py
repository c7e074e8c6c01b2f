"""Hearing which jobs have ended, as protocols: what whoever waits for them asks of the log."""

from collections.abc import Collection
from contextlib import AbstractContextManager
from typing import Protocol


class Hearing(Protocol):
    """Hears of some jobs which of them have ended."""

    def wait(self, seconds: float) -> Collection[str] | None:
        """Return the ids of those that have ended since the last call, as soon as there are any; none after `seconds`.

        None: there may be some of which nothing is said, so that each has to be looked at.
        Raises WaitTimeout where nothing can come any more.
        """
        ...


class Told(Protocol):
    """Who is told which jobs have ended, by whatever thread that comes from: neither call may wait.

    `look_s`: after so many seconds without a word one looks all the same.
    """

    look_s: float

    def hear(self, job_id: str) -> None:
        """A job has ended."""
        ...

    def doubt(self) -> None:
        """Some that ended until now may not have been told, so that each has to be looked at."""
        ...


class Endings(Protocol):
    """Tells of the endings in one log. Safe across threads."""

    def listen(self, job_ids: Collection[str]) -> AbstractContextManager[Hearing]:
        """Hear of the jobs with these ids what comes from now on: so first this, and then look how they stand."""
        ...

    def told(self, one: Told, job_ids: Collection[str]) -> AbstractContextManager[None]:
        """As `listen`, for who waits in a way of his own: `one` is told what comes from now on."""
        ...
