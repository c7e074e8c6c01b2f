"""What jobs fail with: read from the views, or the log, some at a time, and grouped as they come."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain

from msgspec.structs import asdict, replace

from eventqueue.audit.errors import Errors, group
from eventqueue.errors import InvalidInput
from eventqueue.model.fingerprint import PATTERN
from eventqueue.model.ignoring import Known
from eventqueue.model.job import State
from eventqueue.ports.views import Failure, Filter, Views

TOLD_EVERY = 1000  # failures
FAILED = (State.FAILED, State.DEAD)
OF_THE_PAST = ("queue", "task", "since", "until", "error", "fingerprint")
"""The fields of a filter that choose among attempts that failed, whatever has become of their jobs."""


def of_now(wanted: Filter, newest: int | None = None) -> Sequence[Filter]:
    """Return what to look for of jobs that are failed or dead now; `newest`: of so many in each state alone.

    Raises InvalidInput for another state.
    """
    for state in wanted.any_state:
        if state not in FAILED:
            raise InvalidInput("state", f"must be failed or dead: of one that is {state} no failure is told")
    states = wanted.any_state or FAILED
    return [replace(wanted, state=state, state_in=(), limit=newest, scan=True) for state in states]


def of_the_past(wanted: Filter) -> Filter:
    """Return what to look for in the log. Raises InvalidInput for what is not known of an attempt there."""
    beside = asdict(replace(wanted, limit=None, scan=False)) | asdict(Filter(limit=None)).fromkeys(OF_THE_PAST)
    for field, nothing in asdict(Filter(limit=None)).items():
        if beside[field] != nothing:
            raise InvalidInput(field, f"chooses none of the attempts in the log; what does is {', '.join(OF_THE_PAST)}")
    return wanted


def failures_of(views: Views, wanted: Sequence[Filter]) -> Iterator[Failure]:
    """Yield what jobs that are failed or dead now, and that fit, failed with."""
    views.refresh()
    return chain.from_iterable(views.failures(one) for one in wanted)


def grouped(failures: Iterable[Failure], known: Known, progress: Callable[[int], object]) -> Errors:
    """Return the groups of some failures, and tell how many were read so far."""
    return group(_told(failures, progress), known)


def message_of(views: Views, fingerprint: str) -> str:
    """Return the message of a job that is failed or dead now, of that kind. Raises InvalidInput where there is none."""
    check_fingerprint(fingerprint)
    for failure in failures_of(views, of_now(Filter(fingerprint=fingerprint), newest=1)):
        return failure.message
    raise InvalidInput("fingerprint", "is of no job that is failed or dead now: `queuectl errors` shows them")


def _told(failures: Iterable[Failure], progress: Callable[[int], object]) -> Iterator[Failure]:
    number = 0
    for number, failure in enumerate(failures, start=1):
        if number % TOLD_EVERY == 0:
            progress(number)
        yield failure
    progress(number)


def check_fingerprint(text: str) -> None:
    """Raise InvalidInput for what is the fingerprint of no error."""
    if not re.fullmatch(PATTERN, text):
        raise InvalidInput("fingerprint", "is none: `queuectl errors` shows them")


def check_known(known: Known) -> Known:
    """Return what is known to be ignored. Raises InvalidInput for anything else."""
    if not isinstance(known, Known):
        raise InvalidInput("known", f"is a {type(known).__name__}; it must be what `known_errors` returns")
    return known
