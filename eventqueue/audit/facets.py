"""By what jobs that fit a filter can be told apart further, and how many there are of each kind. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

import msgspec
from msgspec.structs import replace

from eventqueue.audit.tally import By, Kind, is_counted, of_counters, of_traits
from eventqueue.ports.views import Counts, Filter, Lag, Trait

EACH: Sequence[By] = ("state", "queue", "task", "tag", "error")
MOST = 10_000  # jobs that are looked at


class Facets(msgspec.Struct, frozen=True):
    """How many jobs there are of each kind, by EACH, those of which there are most first.

    `looked_at`: of so many of the newest that fit; 0: at none. `is_all`: there are no more. `counted`: by what they
    were read from counters instead, which tell of all: of each state whatever state was asked for, and so of queues.
    `lag`: how far the view was behind.
    """

    kinds: Mapping[By, Sequence[Kind]]
    counted: Sequence[By]
    looked_at: int
    is_all: bool
    lag: Lag


def of_all(counts: Mapping[str, Counts], wanted: Filter, lag: Lag) -> Facets:
    """Return what the counters of queues and states tell, which is nothing where a filter asks for more than these."""
    if not is_counted(wanted, None):
        return Facets({}, (), 0, is_all=False, lag=lag)
    states = of_counters(counts, replace(wanted, state=None, state_in=()), "state", lag).kinds
    queues = of_counters(counts, replace(wanted, queue=None, queue_in=()), "queue", lag).kinds
    return Facets({"state": states, "queue": queues}, ("state", "queue"), 0, is_all=False, lag=lag)


def with_looked_at(counted: Facets, found: Iterable[Trait], most: int) -> Facets:
    """Return the same with what the first `most` jobs tell, newest first, of what no counter does."""
    newest = list(islice(found, most + 1))
    some = newest[:most]
    kinds = {by: of_traits(some, by, counted.lag).kinds for by in EACH if by not in counted.counted}
    return replace(counted, kinds={**counted.kinds, **kinds}, looked_at=len(some), is_all=len(newest) == len(some))
