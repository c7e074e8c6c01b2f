"""eventqueue: a job queue whose ground state is an append-only event log in MongoDB.

What applications and projections of their own need is here by name: Queue, what goes into it and comes out of it, the
events of jobs, and every error.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from eventqueue.errors import (
    AccessDenied,
    AmbiguousId,
    BackupRestored,
    BadKey,
    BadProjection,
    BadSeals,
    DatabaseFailed,
    DifferentJob,
    Fenced,
    ForeignViews,
    HistoryLost,
    IllegalTransition,
    InvalidInput,
    JobNotFound,
    JobParked,
    LayoutTooNew,
    LocalServerFailed,
    LogCorrupt,
    LogIncomplete,
    LogUnavailable,
    Misconfigured,
    NotAReplicaSet,
    NotProven,
    NotSealed,
    QueueError,
    Refused,
    ScheduleNotFound,
    Unavailable,
    UnknownEventType,
    UnreadableEvent,
    UsedAfterFork,
    ViewsDamaged,
    ViewsMoved,
    WaitTimeout,
    WorkerNotFound,
)

if TYPE_CHECKING:
    from eventqueue.api.enqueueing import Receipt
    from eventqueue.api.queue import Queue
    from eventqueue.model.events import (
        Cancelled,
        Claimed,
        Completed,
        DeadLettered,
        Enqueued,
        Failed,
        FailReason,
        LateResult,
        Recorded,
        Released,
        Retried,
        RetryCause,
    )
    from eventqueue.model.job import Job, State
    from eventqueue.ports.views import Filter

__version__ = "0.1.0"
__all__ = [
    "AccessDenied",
    "AmbiguousId",
    "BackupRestored",
    "BadKey",
    "BadProjection",
    "BadSeals",
    "Cancelled",
    "Claimed",
    "Completed",
    "DatabaseFailed",
    "DeadLettered",
    "DifferentJob",
    "Enqueued",
    "FailReason",
    "Failed",
    "Fenced",
    "Filter",
    "ForeignViews",
    "HistoryLost",
    "IllegalTransition",
    "InvalidInput",
    "Job",
    "JobNotFound",
    "JobParked",
    "LateResult",
    "LayoutTooNew",
    "LocalServerFailed",
    "LogCorrupt",
    "LogIncomplete",
    "LogUnavailable",
    "Misconfigured",
    "NotAReplicaSet",
    "NotProven",
    "NotSealed",
    "Queue",
    "QueueError",
    "Receipt",
    "Recorded",
    "Refused",
    "Released",
    "Retried",
    "RetryCause",
    "ScheduleNotFound",
    "State",
    "Unavailable",
    "UnknownEventType",
    "UnreadableEvent",
    "UsedAfterFork",
    "ViewsDamaged",
    "ViewsMoved",
    "WaitTimeout",
    "WorkerNotFound",
    "__version__",
]

# Imported on first use: the driver takes a tenth of a second, and `queuectl --version` does without it.
_LATER = {
    **dict.fromkeys(
        (
            "Cancelled",
            "Claimed",
            "Completed",
            "DeadLettered",
            "Enqueued",
            "FailReason",
            "Failed",
            "LateResult",
            "Recorded",
            "Released",
            "Retried",
            "RetryCause",
        ),
        "eventqueue.model.events",
    ),
    "Filter": "eventqueue.ports.views",
    "Job": "eventqueue.model.job",
    "Queue": "eventqueue.api.queue",
    "Receipt": "eventqueue.api.enqueueing",
    "State": "eventqueue.model.job",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LATER[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
