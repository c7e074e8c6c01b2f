"""Much cut into as much at a time as one command of MongoDB may hold, or one question is to ask for. Pure."""

from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import islice
from typing import TypeVar

PORTION_BYTES = 8 * 1024 * 1024  # half of what a command may hold

T = TypeVar("T")


def portions(items: Iterable[T], size_of: Callable[[T], int]) -> Iterator[list[T]]:
    """Cut `items`, each of so many bytes, into runs of PORTION_BYTES at most; what is larger goes alone."""
    portion: list[T] = []
    size = 0
    for item in items:
        more = size_of(item)
        if portion and size + more > PORTION_BYTES:
            yield portion
            portion, size = [], 0
        portion.append(item)
        size += more
    if portion:
        yield portion


def runs(items: Collection[T], most: int) -> Iterator[list[T]]:
    """Cut `items` into runs of `most`, but for the last."""
    coming = iter(items)
    return iter(lambda: list(islice(coming, most)), [])
