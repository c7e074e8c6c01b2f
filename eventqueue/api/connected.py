"""What the rooms of a Queue ask, as protocols: of a connection to MongoDB, or of what a TestQueue keeps in memory."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol

from eventqueue.model import settings
from eventqueue.model.progress import ByClaim, Progress
from eventqueue.model.tails import Tails
from eventqueue.mongo.incarnations import Registration
from eventqueue.mongo.outputs import Kept
from eventqueue.ports.finder import JobFinder
from eventqueue.ports.footing import Footing
from eventqueue.ports.views import Views


class KeptOutputs(Protocol):
    """What attempts wrote."""

    def get(self, job_id: str, claim: int) -> Kept | None:
        """Return what is kept of the attempt of that claim, None if nothing is."""
        ...


class KeptProgress(Protocol):
    """How far attempts are."""

    def get(self, attempts: Iterable[ByClaim]) -> dict[str, Progress]:
        """Return what those of these attempts have said that have said something, by their jobs."""
        ...


class KeptWatches(Protocol):
    """What running attempts have written so far, for who looks at it."""

    def look(self, attempt: ByClaim) -> bool:
        """Look at an attempt, or go on with it; return whether its worker has sent lately. Raises AccessDenied."""
        ...

    def read(self, attempt: ByClaim, after: int = 0) -> Tails | None:
        """Return what it has written, None where there is nothing but what has number `after`."""
        ...


class Registered(Protocol):
    """The workers that are registered."""

    def get(self, ids: Collection[str]) -> dict[str, Registration]:
        """Return those of these ids that are."""
        ...

    def live(self, *, with_tasks: bool = False) -> Sequence[Registration]:
        """Return those that are live."""
        ...


class Connected(Protocol):
    """A log with its views, and what is kept beside it."""

    @property
    def ground(self) -> Footing:
        """The log."""
        ...

    @property
    def views(self) -> Views:
        """As people read them."""
        ...

    @property
    def finder(self) -> JobFinder:
        """As workers do."""
        ...

    @property
    def outputs(self) -> KeptOutputs:
        """What attempts wrote."""
        ...

    @property
    def progresses(self) -> KeptProgress:
        """How far attempts are."""
        ...

    @property
    def watches(self) -> KeptWatches:
        """What attempts write."""
        ...

    @property
    def incarnations(self) -> Registered:
        """Who works."""
        ...

    @property
    def settings(self) -> Mapping[str, settings.Source]:
        """What is in force."""
        ...
