"""What tests of an application need: a queue in memory, workers at will, faults by a seed, fixtures for pytest.

Nothing is imported before it is used: pytest loads the plugin at its start.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eventqueue.testing.clock import TestClock
    from eventqueue.testing.faults import Fault
    from eventqueue.testing.histories import history
    from eventqueue.testing.idempotence import assert_idempotent
    from eventqueue.testing.queue import TestQueue

__all__ = ["Fault", "TestClock", "TestQueue", "assert_idempotent", "history"]

_LATER = {
    "Fault": "eventqueue.testing.faults",
    "TestClock": "eventqueue.testing.clock",
    "TestQueue": "eventqueue.testing.queue",
    "assert_idempotent": "eventqueue.testing.idempotence",
    "history": "eventqueue.testing.histories",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LATER[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
