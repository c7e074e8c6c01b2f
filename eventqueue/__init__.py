"""eventqueue: a job queue whose ground state is an append-only event log in MongoDB.

What applications and projections of their own need is here by name: Queue, what goes into it and comes out of it, tasks
and what they may say of their jobs, the events of jobs, and every error.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from eventqueue.errors import (
    AccessDenied,
    AmbiguousId,
    ArgumentsChanged,
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
    ImportFailed,
    InvalidInput,
    JobNotFound,
    JobParked,
    LayoutTooNew,
    LocalServerFailed,
    LogCorrupt,
    LogIncomplete,
    LogUnavailable,
    Misconfigured,
    NoCurrentJob,
    NotAReplicaSet,
    NotProven,
    NotSealed,
    QueueError,
    Refused,
    ResultRefused,
    TaskRefused,
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
    from eventqueue.api.current import use_queue, using
    from eventqueue.api.enqueueing import Receipt
    from eventqueue.api.queue import Queue
    from eventqueue.api.tasks import Signature, Task, task
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
    from eventqueue.model.retry import Backoff
    from eventqueue.ports.views import Filter
    from eventqueue.tasks.context import Context, current_job
    from eventqueue.tasks.control import Discard, Fail, Retry, Snooze

__version__ = "0.1.0"
__all__ = [
    "AccessDenied",
    "AmbiguousId",
    "ArgumentsChanged",
    "Backoff",
    "BackupRestored",
    "BadKey",
    "BadProjection",
    "BadSeals",
    "Cancelled",
    "Claimed",
    "Completed",
    "Context",
    "DatabaseFailed",
    "DeadLettered",
    "DifferentJob",
    "Discard",
    "Enqueued",
    "Fail",
    "FailReason",
    "Failed",
    "Fenced",
    "Filter",
    "ForeignViews",
    "HistoryLost",
    "IllegalTransition",
    "ImportFailed",
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
    "NoCurrentJob",
    "NotAReplicaSet",
    "NotProven",
    "NotSealed",
    "Queue",
    "QueueError",
    "Receipt",
    "Recorded",
    "Refused",
    "Released",
    "ResultRefused",
    "Retried",
    "Retry",
    "RetryCause",
    "Signature",
    "Snooze",
    "State",
    "Task",
    "TaskRefused",
    "Unavailable",
    "UnknownEventType",
    "UnreadableEvent",
    "UsedAfterFork",
    "ViewsDamaged",
    "ViewsMoved",
    "WaitTimeout",
    "WorkerNotFound",
    "__version__",
    "current_job",
    "task",
    "use_queue",
    "using",
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
    "Backoff": "eventqueue.model.retry",
    "Context": "eventqueue.tasks.context",
    "Discard": "eventqueue.tasks.control",
    "Fail": "eventqueue.tasks.control",
    "Retry": "eventqueue.tasks.control",
    "Signature": "eventqueue.api.tasks",
    "Snooze": "eventqueue.tasks.control",
    "Task": "eventqueue.api.tasks",
    "current_job": "eventqueue.tasks.context",
    "task": "eventqueue.api.tasks",
    "use_queue": "eventqueue.api.current",
    "using": "eventqueue.api.current",
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
