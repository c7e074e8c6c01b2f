"""The projections that this process knows: those built in, and those that installed packages bring.

A package brings one by an entry point of the group `eventqueue.projections`, which names a projection or a class of it.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from eventqueue.errors import BadProjection, InvalidInput, Refused
from eventqueue.model.events import Recorded
from eventqueue.model.job import Job
from eventqueue.system.imports import installed_alone
from projections.folds.projection import Projection, Tally
from projections.folds.stats import Stats
from projections.keeping.generation import INDEXES

GROUP = "eventqueue.projections"
PROJECTIONS: Sequence[Projection] = (Stats(),)

_PLACE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


@cache
def installed() -> Sequence[Projection]:
    """Return all projections, those of packages in order of their names.

    Raises BadProjection for one that cannot be loaded, or is none.
    """
    brought: dict[str, Projection] = {}
    for point in sorted(entry_points(group=GROUP), key=lambda one: one.name):
        one = _load(point)
        if one.name in INDEXES or any(one.name == other.name for other in (*PROJECTIONS, *brought.values())):
            raise BadProjection(point.value, f"its name {one.name!r} is taken")
        brought[point.name] = one
    return (*PROJECTIONS, *brought.values())


def named(where: str) -> Projection:
    """Return the projection at `module:Name`, which need not be registered, but in an installed package.

    Raises InvalidInput, Refused where there is no such module, or BadProjection.
    """
    if not _PLACE.fullmatch(where):
        raise InvalidInput("projection", f"{where!r} is no MODULE:NAME, such as acme_costs:Cost")
    with installed_alone():
        try:
            import_module(where.partition(":")[0])
        except ModuleNotFoundError as error:
            raise Refused(
                f"No module {error.name!r} is installed, and the current directory is not looked in: "
                "install the package that it is in."
            ) from None
        except Exception as error:  # whatever a foreign package may raise
            raise BadProjection(where, f"{type(error).__name__}: {error}") from error
        return Checked(_load(EntryPoint(where, where, GROUP)))


def _load(point: EntryPoint) -> Projection:
    try:
        found = point.load()
        one = found() if isinstance(found, type) else found
        name, version, tally = one.name, one.version, one.tally
    except Exception as error:  # whatever a foreign package may raise
        raise BadProjection(point.value, f"{type(error).__name__}: {error}") from error
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise BadProjection(point.value, "its name must be of small letters, digits and _, such as cost_per_customer")
    if not isinstance(version, int) or version < 1 or not callable(tally):
        raise BadProjection(point.value, "it needs a version, a whole number from 1, and a function tally")
    return Checked(one)


class Checked:
    """A package's projection, held to what a counter may be: what it returns amiss parks the job, as if it raised."""

    def __init__(self, projection: Projection) -> None:
        self.name = projection.name
        self.version = projection.version
        self._projection = projection

    def tally(self, before: Job | None, after: Job, recorded: Recorded) -> Tally:
        """See Projection.tally. Raises ValueError for a key, name or amount that cannot be counted under."""
        tally = self._projection.tally(before, after, recorded)
        for key, increments in tally.items():
            _check_key(key)
            _check_increments(increments)
        return tally


def _check_key(key: Any) -> None:
    if not isinstance(key, tuple) or not key or not all(isinstance(part, str | int) for part in key):
        raise ValueError(f"a counter's key is a tuple of texts and whole numbers, not {key!r}")


def _check_increments(increments: Mapping[str, Any]) -> None:
    for name, amount in increments.items():
        if not isinstance(name, str) or not name or set(name) & set(".$\0"):
            raise ValueError(f"a counter's name is a text without '.', '$' and NUL, not {name!r}")
        if type(amount) is not int or not -(2**63) <= amount < 2**63:
            raise ValueError(f"a counter counts in whole numbers of 64 bits, not {amount!r}")
