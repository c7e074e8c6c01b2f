"""Objects that hold a connection, after a fork: the child has a copy of them, and no thread to serve it.

Locks that another thread held stay held there for ever, and the sockets are the parent's. So in a child each of them
becomes one that refuses, at once and by name, whatever is asked of it.
"""

import os
from collections.abc import Iterator
from typing import Any, TypeVar
from weakref import WeakSet

from eventqueue.errors import UsedAfterFork

T = TypeVar("T")

_guarded: "WeakSet[Any]" = WeakSet()


def guard(one: object) -> None:
    """Have all attributes of `one` refuse in processes that are forked from this one."""
    _guarded.add(one)


def at_home(found: Iterator[T]) -> Iterator[T]:
    """Yield what `found` yields, in the process that asks first: one that was begun there has its connection."""
    maker = os.getpid()
    for one in found:
        yield one
        if os.getpid() != maker:
            raise UsedAfterFork(maker)


class _Elsewhere:
    """Stands in for something that belongs to another process; `own` is kept, so that nothing of it is closed here."""

    def __init__(self, maker: int, own: object) -> None:
        self.__dict__.update(_maker=maker, _own=own)

    def close(self) -> None:
        """Leave the connection to the process whose it is."""

    def __getattr__(self, name: str) -> Any:
        raise UsedAfterFork(self._maker)


def _refuse_in_child() -> None:
    maker = os.getppid()
    for one in list(_guarded):
        attributes = vars(one)
        # Whose child is forked in turn keeps the name of its maker.
        attributes.update(
            {n: own if isinstance(own, _Elsewhere) else _Elsewhere(maker, own) for n, own in attributes.items()}
        )


os.register_at_fork(after_in_child=_refuse_in_child)
