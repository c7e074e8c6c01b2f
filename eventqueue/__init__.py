"""eventqueue: a job queue whose ground state is an append-only event log in MongoDB.

What applications and projections of their own need is here by name: Queue, what goes into it and comes out of it, tasks
and what they may say of their jobs, the events of jobs, and every error.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from eventqueue.errors import (
    AccessDenied,
    AlreadyRestarted,
    AmbiguousId,
    ArgumentsChanged,
    BackupRestored,
    BadKey,
    BadProjection,
    BadSeals,
    DatabaseFailed,
    DifferentJob,
    DuplicateJob,
    Fenced,
    ForeignViews,
    HistoryLost,
    IllegalTransition,
    ImportFailed,
    InvalidInput,
    InvariantBroken,
    JobCancelled,
    JobFailed,
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
    QueueClosed,
    QueueError,
    Refused,
    ResultRefused,
    ScheduleNotFound,
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
    from eventqueue.api.async_queue import AsyncHandle, AsyncQueue
    from eventqueue.api.bulk import Act, Acted, ActSum, Bulk
    from eventqueue.api.current import current_queue, use_queue, using
    from eventqueue.api.enqueueing import Existing, Receipt
    from eventqueue.api.following import AttemptBegan, AttemptEnded, AttemptUnseen, AttemptWrote
    from eventqueue.api.handles import Handle
    from eventqueue.api.queue import Queue
    from eventqueue.api.scheduling import LastRun, Rescheduled, Scheduled
    from eventqueue.api.tasks import Signature, Task, schedule, task
    from eventqueue.api.then import Then
    from eventqueue.audit.clauses import Clause, Why
    from eventqueue.audit.conditions import Condition
    from eventqueue.audit.errors import ErrorGroup, Errors
    from eventqueue.audit.facets import Facets
    from eventqueue.audit.rules import Finding
    from eventqueue.audit.simulation import Policy, Simulated
    from eventqueue.audit.tally import Tally
    from eventqueue.audit.verdict import Verdict
    from eventqueue.audit.wanted import Wanted
    from eventqueue.model.asked import AmendedFields, BackoffFields, JobFields
    from eventqueue.model.durations import Duration
    from eventqueue.model.events import (
        Amended,
        Call,
        Cancelled,
        Captured,
        Claimed,
        Completed,
        DeadLettered,
        Enqueued,
        Error,
        Event,
        Failed,
        FailReason,
        LateResult,
        Output,
        Recorded,
        Released,
        Retried,
        RetryAmended,
        RetryCause,
        Shell,
        Terms,
    )
    from eventqueue.model.ignoring import IgnoredKind, Ignoring, Known
    from eventqueue.model.job import Job, Result, State
    from eventqueue.model.pause import Pause
    from eventqueue.model.progress import Progress
    from eventqueue.model.readable import Unreadable
    from eventqueue.model.retry import Backoff
    from eventqueue.model.settings import Source
    from eventqueue.model.spec import Request
    from eventqueue.model.tails import Tail, Tails
    from eventqueue.model.waits import Wait
    from eventqueue.mongo.outputs import Kept
    from eventqueue.ports.views import (
        Difference,
        Durations,
        Ending,
        Filter,
        FilterFields,
        Found,
        Glance,
        Gone,
        Held,
        Lag,
        Listing,
        Metrics,
        ParkedJob,
        QueueMetrics,
        QueueStats,
        QueueStatus,
        Rate,
        Standstill,
        Stats,
        Status,
        Totals,
        Trial,
        ViewHealth,
        Walk,
        Worker,
        WorkerRun,
        WorkerRuns,
    )
    from eventqueue.schedules.events import Missed, Overlap
    from eventqueue.steering.ignoring import Regarded
    from eventqueue.steering.pauses import Switched
    from eventqueue.steering.stopping import Left
    from eventqueue.system.whole import Sink
    from eventqueue.tasks.context import NO_JOB, Context, current_job
    from eventqueue.tasks.control import Discard, Fail, Retry, Snooze
    from eventqueue.tasks.hooks import on_dead, on_failure, on_start, on_success
    from eventqueue.transfer.lines import Asked

__version__ = "0.1.0"
__all__ = [
    "NO_JOB",
    "AccessDenied",
    "Act",
    "ActSum",
    "Acted",
    "AlreadyRestarted",
    "AmbiguousId",
    "Amended",
    "AmendedFields",
    "ArgumentsChanged",
    "Asked",
    "AsyncHandle",
    "AsyncQueue",
    "AttemptBegan",
    "AttemptEnded",
    "AttemptUnseen",
    "AttemptWrote",
    "Backoff",
    "BackoffFields",
    "BackupRestored",
    "BadKey",
    "BadProjection",
    "BadSeals",
    "Bulk",
    "Call",
    "Cancelled",
    "Captured",
    "Claimed",
    "Clause",
    "Completed",
    "Condition",
    "Context",
    "DatabaseFailed",
    "DeadLettered",
    "Difference",
    "DifferentJob",
    "Discard",
    "DuplicateJob",
    "Duration",
    "Durations",
    "Ending",
    "Enqueued",
    "Error",
    "ErrorGroup",
    "Errors",
    "Event",
    "Existing",
    "Facets",
    "Fail",
    "FailReason",
    "Failed",
    "Fenced",
    "Filter",
    "FilterFields",
    "Finding",
    "ForeignViews",
    "Found",
    "Glance",
    "Gone",
    "Handle",
    "Held",
    "HistoryLost",
    "IgnoredKind",
    "Ignoring",
    "IllegalTransition",
    "ImportFailed",
    "InvalidInput",
    "InvariantBroken",
    "Job",
    "JobCancelled",
    "JobFailed",
    "JobFields",
    "JobNotFound",
    "JobParked",
    "Kept",
    "Known",
    "Lag",
    "LastRun",
    "LateResult",
    "LayoutTooNew",
    "Left",
    "Listing",
    "LocalServerFailed",
    "LogCorrupt",
    "LogIncomplete",
    "LogUnavailable",
    "Metrics",
    "Misconfigured",
    "Missed",
    "NoCurrentJob",
    "NotAReplicaSet",
    "NotProven",
    "NotSealed",
    "Output",
    "Overlap",
    "ParkedJob",
    "Pause",
    "Policy",
    "Progress",
    "Queue",
    "QueueClosed",
    "QueueError",
    "QueueMetrics",
    "QueueStats",
    "QueueStatus",
    "Rate",
    "Receipt",
    "Recorded",
    "Refused",
    "Regarded",
    "Released",
    "Request",
    "Rescheduled",
    "Result",
    "ResultRefused",
    "Retried",
    "Retry",
    "RetryAmended",
    "RetryCause",
    "ScheduleNotFound",
    "Scheduled",
    "Shell",
    "Signature",
    "Simulated",
    "Sink",
    "Snooze",
    "Source",
    "Standstill",
    "State",
    "Stats",
    "Status",
    "Switched",
    "Tail",
    "Tails",
    "Tally",
    "Task",
    "TaskRefused",
    "Terms",
    "Then",
    "Totals",
    "Trial",
    "Unavailable",
    "UnknownEventType",
    "Unreadable",
    "UnreadableEvent",
    "UsedAfterFork",
    "Verdict",
    "ViewHealth",
    "ViewsDamaged",
    "ViewsMoved",
    "Wait",
    "WaitTimeout",
    "Walk",
    "Wanted",
    "Why",
    "Worker",
    "WorkerNotFound",
    "WorkerRun",
    "WorkerRuns",
    "__version__",
    "current_job",
    "current_queue",
    "on_dead",
    "on_failure",
    "on_start",
    "on_success",
    "schedule",
    "task",
    "use_queue",
    "using",
]

# Imported on first use: the driver takes a tenth of a second, and `queuectl --version` does without it.
_MODULES = {
    "eventqueue.api.async_queue": "AsyncHandle AsyncQueue",
    "eventqueue.api.bulk": "Act ActSum Acted Bulk",
    "eventqueue.api.current": "current_queue use_queue using",
    "eventqueue.api.enqueueing": "Existing Receipt",
    "eventqueue.api.following": "AttemptBegan AttemptEnded AttemptUnseen AttemptWrote",
    "eventqueue.api.handles": "Handle",
    "eventqueue.api.queue": "Queue",
    "eventqueue.api.scheduling": "LastRun Rescheduled Scheduled",
    "eventqueue.api.tasks": "Signature Task schedule task",
    "eventqueue.api.then": "Then",
    "eventqueue.audit.clauses": "Clause Why",
    "eventqueue.audit.conditions": "Condition",
    "eventqueue.audit.errors": "ErrorGroup Errors",
    "eventqueue.audit.facets": "Facets",
    "eventqueue.audit.rules": "Finding",
    "eventqueue.audit.simulation": "Policy Simulated",
    "eventqueue.audit.tally": "Tally",
    "eventqueue.audit.verdict": "Verdict",
    "eventqueue.audit.wanted": "Wanted",
    "eventqueue.model.asked": "AmendedFields BackoffFields JobFields",
    "eventqueue.model.durations": "Duration",
    "eventqueue.model.events": (
        "Amended Call Cancelled Captured Claimed Completed DeadLettered Enqueued Error Event FailReason Failed "
        "LateResult Output Recorded Released Retried RetryAmended RetryCause Shell Terms "
    ),
    "eventqueue.model.ignoring": "IgnoredKind Ignoring Known",
    "eventqueue.model.job": "Job Result State",
    "eventqueue.model.pause": "Pause",
    "eventqueue.model.progress": "Progress",
    "eventqueue.model.readable": "Unreadable",
    "eventqueue.model.retry": "Backoff",
    "eventqueue.model.settings": "Source",
    "eventqueue.model.spec": "Request",
    "eventqueue.model.tails": "Tail Tails",
    "eventqueue.model.waits": "Wait",
    "eventqueue.mongo.outputs": "Kept",
    "eventqueue.ports.views": (
        "Difference Durations Ending Filter FilterFields Found Glance Gone Held Lag Listing Metrics ParkedJob "
        "QueueMetrics QueueStats QueueStatus Rate Standstill Stats Status Totals Trial ViewHealth Walk Worker "
        "WorkerRun WorkerRuns"
    ),
    "eventqueue.schedules.events": "Missed Overlap",
    "eventqueue.steering.ignoring": "Regarded",
    "eventqueue.steering.pauses": "Switched",
    "eventqueue.steering.stopping": "Left",
    "eventqueue.system.whole": "Sink",
    "eventqueue.tasks.context": "NO_JOB Context current_job",
    "eventqueue.tasks.control": "Discard Fail Retry Snooze",
    "eventqueue.tasks.hooks": "on_dead on_failure on_start on_success",
    "eventqueue.transfer.lines": "Asked",
}
_LATER = {name: module for module, names in _MODULES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LATER[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
