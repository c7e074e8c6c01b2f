"""Names that people type: which one may be meant by a wrong one, and which are the same but for a dash. Pure."""

from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from itertools import islice
from typing import Any

from eventqueue.errors import InvalidInput

LOOKED_AT = 1000  # names at most that a wrong one is held against: there may be a million queues
LENGTH_MAX = 200  # characters of a wrong one that are looked at: no right one has as many


def meant(wrong: object, known: Iterable[str]) -> str:
    """Return ` (is NAME meant?)` for the known name that is most like a wrong one, nothing where none is like it."""
    like = get_close_matches(str(wrong)[:LENGTH_MAX], list(islice(known, LOOKED_AT)), n=1)
    return f" (is {like[0]} meant?)" if like else ""


def as_known(name: str, known: Collection[str]) -> str:
    """Return the known name that is the same but for dashes in place of underscores or the other way; else `name`."""
    return next((one for one in (name, name.replace("-", "_"), name.replace("_", "-")) if one in known), name)


def by_known(given: Mapping[str, Any], known: Collection[str]) -> Mapping[str, Any]:
    """Return what is given by its known names, see `as_known`. Raises InvalidInput for one that is there twice."""
    named: dict[str, Any] = {}
    for name, value in given.items():
        right = as_known(name, known) if isinstance(name, str) else name
        if right in named:
            raise InvalidInput(right, "is given twice")
        named[right] = value
    return named


def one_of(what: str, wrong: Any, known: Collection[str]) -> str:
    """Return the end of a sentence about a wrong name: the right one that is like it, if there is one, and all."""
    return f"{meant(wrong, known)}; {what} are {', '.join(known)}"
