"""eventqueue: a job queue whose ground state is an append-only event log in MongoDB."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eventqueue.api.enqueueing import Receipt
    from eventqueue.api.queue import Queue

__version__ = "0.1.0"
__all__ = ["Queue", "Receipt", "__version__"]


def __getattr__(name: str) -> Any:
    # On first use: the driver takes a tenth of a second to import, and `queuectl --version` does without it.
    if name == "Queue":
        from eventqueue.api.queue import Queue

        return Queue
    if name == "Receipt":
        from eventqueue.api.enqueueing import Receipt

        return Receipt
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
