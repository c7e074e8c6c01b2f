"""How many jobs there are of each kind: by state, queue, error, tag, task or hour. Pure."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Literal, TypeVar, assert_never, get_args

import msgspec
from msgspec.structs import replace

from eventqueue.errors import InvalidInput, Refused
from eventqueue.model.figures import instant, shortened
from eventqueue.model.fingerprint import fingerprint
from eventqueue.model.job import State
from eventqueue.model.names import one_of
from eventqueue.ports.views import VAIN_MAX, Counts, Filter, Lag, Trait

By = Literal["state", "queue", "error", "tag", "task", "hour"]
MESSAGE_MAX = 500  # characters
TOLD_EVERY = 1000  # jobs
KINDS_MAX = 10_000  # that are told apart, as many as of errors: no more is kept of jobs that are each of its own kind

T = TypeVar("T")


class Kind(msgspec.Struct, frozen=True):
    """Jobs that have this in common; None: those that have no such thing. By error it is a fingerprint."""

    value: str | None
    count: int
    example: str | None = None  # by error: one of the messages


class Tally(msgspec.Struct, frozen=True):
    """How many jobs fit, and, if they were told apart, how many of each kind; one with several tags is of several.

    `lag`: how far the view was behind. `ungrouped`: jobs that have further kinds, of which nothing is told: these are
    too many.
    """

    count: int
    kinds: Sequence[Kind]
    lag: Lag
    ungrouped: int = 0


def kind(name: str) -> By:
    """Return by what jobs are to be told apart. Raises InvalidInput."""
    for by in get_args(By):
        if name == by:
            found: By = by
            return found
    raise InvalidInput("by", f"is {name!r}{one_of('the kinds', name, get_args(By))}")


def is_counted(wanted: Filter, by: By | None) -> bool:
    """Whether the counters of queues and states tell it all, so that no job has to be looked at."""
    plain = {name: getattr(wanted, name) for name in ("state", "state_in", "queue", "queue_in", "limit", "scan")}
    return by in (None, "state", "queue") and wanted == Filter(**plain)


def of_counters(counts: Mapping[str, Counts], wanted: Filter, by: By | None, lag: Lag) -> Tally:
    """Return the tally of a filter that `is_counted`."""
    found: Counter[str | None] = Counter()
    for queue, states in counts.items():
        for state, number in states.items():
            if _is_among(queue, wanted.any_queue) and _is_among(state, wanted.any_state) and number:
                found[queue if by == "queue" else State(state).value] += number
    return _tally(found.total(), found if by else {}, {}, by, lag)


def _is_among(name: str, wanted: Sequence[str]) -> bool:
    return not wanted or name in wanted


def of_traits(traits: Iterable[Trait], by: By | None, lag: Lag) -> Tally:
    """Return the tally of the jobs that were found. Of a kind the same is held in memory, however many have it."""
    number, ungrouped, found, examples = 0, 0, Counter[str | None](), dict[str | None, str]()
    for one in traits:
        number += 1
        is_told = True
        for value in () if by is None else _values(one, by):
            if value not in found and len(found) >= KINDS_MAX:
                is_told = False
                continue
            found[value] += 1
            if by == "error" and value not in examples and one.message is not None:
                examples[value] = shortened(one.message, MESSAGE_MAX)
        ungrouped += not is_told
    return replace(_tally(number, found, examples, by, lag), ungrouped=ungrouped)


def within_reach(found: Iterable[T], wanted: Filter, progress: Callable[[int], object] = lambda _: None) -> Iterator[T]:
    """Yield what is to be looked at, and tell how much that was by now.

    Raises Refused at VAIN_MAX of it, unless a scan is asked for.
    """
    for number, one in enumerate(found, start=1):
        check_reach(number, wanted)
        if number % TOLD_EVERY == 0:
            progress(number)
        yield one


def check_reach(number: int, wanted: Filter) -> None:
    """Refuse to look at so many jobs, unless a scan is asked for. Raises Refused."""
    if number > VAIN_MAX and not wanted.scan:
        raise Refused(
            f"There are more than {VAIN_MAX:,} jobs to count one by one: a state, a queue, a tag or a time leaves "
            "fewer; --scan (scan=True) counts all."
        )


def _values(job: Trait, by: By) -> Sequence[str | None]:
    match by:
        case "state":
            return [job.state]
        case "queue":
            return [job.queue]
        case "task":
            return [job.task]
        case "tag":
            return list(dict.fromkeys(job.tags)) or [None]
        case "error":
            return [None if job.message is None else fingerprint(job.message)]
        case "hour":
            return [None if job.at is None else _hour(job.at)]
        case _:
            assert_never(by)


def _hour(at: datetime) -> str:
    return instant(at.replace(minute=0, second=0, microsecond=0), "minutes")


def _tally(
    number: int, found: Mapping[str | None, int], examples: Mapping[str | None, str], by: By | None, lag: Lag
) -> Tally:
    kinds = [Kind(value, count, examples.get(value)) for value, count in found.items()]
    if by == "hour":
        kinds.sort(key=lambda one: one.value or "")
    else:
        kinds.sort(key=lambda one: (-one.count, one.value is None, one.value or ""))
    return Tally(number, kinds, lag)
