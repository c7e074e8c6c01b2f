"""The faults that a run of a TestQueue can meet, and when: by a seed, so that they come again. Pure."""

from collections.abc import Collection, Iterable, Sequence
from enum import StrEnum
from random import Random
from typing import TypeVar

from eventqueue.errors import InvalidInput
from eventqueue.model.names import one_of

T = TypeVar("T")

ODDS = 0.3  # of a fault, each time that it may come
BEHIND_MAX = 8  # events, by which workers' view is behind at most


class Fault(StrEnum):
    """What may go wrong in a run; each befalls a job at most once."""

    CRASH_BEFORE_EFFECT = "crash-before-effect"  # a worker dies between its claim and the task
    CRASH_AFTER_EFFECT = "crash-after-effect"  # the task ran, and its worker dies before anybody hears of it
    LATE_OUTCOME = "late-outcome"  # as above, but the worker lives: its outcome comes once others have the job
    LOST_REPLY = "lost-reply"  # an append is in the log, and whoever asked for it is not told
    LATE_PROJECTOR = "late-projector"  # the view that workers read lags by some events
    DUPLICATE_CLAIM = "duplicate-claim"  # two workers go for the same job at the same moment


def parsed(faults: Iterable[str]) -> Sequence[Fault]:
    """Return the faults with these names, each once, in their order. Raises InvalidInput."""
    known = [one.value for one in Fault]
    asked = [faults] if isinstance(faults, str) else [*faults]
    for name in asked:
        if name not in known:
            raise InvalidInput("faults", f"has {name!r}, which is none{one_of('the faults', str(name), known)}")
    return [one for one in Fault if one.value in asked]


class Chance:
    """What happens next, and what goes wrong: all by `seed`. None: nothing is by chance, and nothing goes wrong."""

    def __init__(self, seed: int | None, faults: Collection[Fault] = ()) -> None:
        self._random = None if seed is None else Random(seed)  # noqa: S311 - to be foreseen is what it is for
        self._faults = faults
        self._struck: set[tuple[Fault, str]] = set()

    def pick(self, several: Sequence[T]) -> T:
        """Return one of several; without a seed the first."""
        return several[0] if self._random is None else self._random.choice(several)

    def jitter(self) -> float:
        """Return what picks the jitter of a retry's delay, 0..1; without a seed none."""
        return 0.0 if self._random is None else self._random.random()

    def strikes(self, fault: Fault, whom: str) -> bool:
        """Whether a fault comes now; `whom` it has befallen is spared from then on."""
        if self._random is None or fault not in self._faults or (fault, whom) in self._struck:
            return False
        if self._random.random() >= ODDS:
            return False
        self._struck.add((fault, whom))
        return True

    def behind(self) -> int:
        """Return by how many events the view that workers read is behind now."""
        is_late = self._random is not None and Fault.LATE_PROJECTOR in self._faults
        return self._random.randrange(BEHIND_MAX) if is_late and self._random is not None else 0
