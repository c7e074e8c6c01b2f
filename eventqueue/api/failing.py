"""What jobs fail with: read from the views, or the log, some at a time, and grouped as they come."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain

from eventqueue.audit.errors import Errors, group
from eventqueue.ports.views import Failure, Filter, Views

TOLD_EVERY = 1000  # failures


def errors_of(views: Views, wanted: Sequence[Filter], progress: Callable[[int], object]) -> Errors:
    """See Queue.errors."""
    views.refresh()
    return grouped(chain.from_iterable(views.failures(one) for one in wanted), progress)


def grouped(failures: Iterable[Failure], progress: Callable[[int], object]) -> Errors:
    """Return the groups of some failures, and tell how many were read so far."""
    return group(_told(failures, progress))


def _told(failures: Iterable[Failure], progress: Callable[[int], object]) -> Iterator[Failure]:
    number = 0
    for number, failure in enumerate(failures, start=1):
        if number % TOLD_EVERY == 0:
            progress(number)
        yield failure
    progress(number)
