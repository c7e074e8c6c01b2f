"""Every exception that this package raises, in one tree.

    QueueError                     catch this to catch all
    ├── Refused                    what was asked cannot be done as asked; asking differently may help
    │   ├── InvalidInput           a field is unknown, of the wrong type or out of range (names the field)
    │   ├── JobNotFound            no job has this id, or none starts with it
    │   ├── WorkerNotFound         no worker has this id, no live one this name, or none starts with it
    │   ├── ScheduleNotFound       there is no schedule of this name
    │   ├── AmbiguousId            several ids start with it
    │   ├── IllegalTransition      the job's state does not allow this command
    │   ├── DifferentJob           this id or key belongs to a job that was asked for differently
    │   ├── AlreadyRestarted       a job was restarted before, with other changes
    │   ├── DuplicateJob           a job that is enqueued in a transaction is there already
    │   ├── TaskRefused            a function cannot be a task, or a name is another's
    │   ├── ImportFailed           a module that declares tasks cannot be imported
    │   ├── ArgumentsChanged       a job's arguments no longer fit its task
    │   ├── ResultRefused          what a task returned cannot be kept, or is no longer of its type
    │   ├── NoCurrentJob           `current_job()` is called where no job runs
    │   ├── NotSealed              there is no such seal, or it has nothing of this job
    │   ├── BadSeals               what was kept as seals is cut or altered, or is of another log
    │   └── NotProven              a proof does not hold
    ├── Unavailable                the database gave no answer in time; nothing is wrong with the request
    │   ├── LogUnavailable         the outcome of an append could not be learned before the deadline
    │   └── WaitTimeout            what was waited for did not come in time
    ├── Misconfigured              an operator has to change something first
    │   ├── NotAReplicaSet         a standalone mongod keeps no majority and no change stream
    │   ├── AccessDenied           wrong credentials, or a role without the rights needed
    │   ├── LayoutTooNew           the database was written by a newer eventqueue
    │   ├── LogIncomplete          what was being brought into this database is not all there
    │   ├── ForeignViews           these views were projected from another log
    │   ├── BadProjection          an installed package brings a projection that cannot be used
    │   ├── BadKey                 the key for seals is missing, not private, or none
    │   └── LocalServerFailed      the local mongod is missing, or did not start
    ├── LogCorrupt                 what is stored is not what this package writes
    │   ├── UnknownEventType       a newer eventqueue wrote it: its job waits for one, and all else goes on
    │   └── UnreadableEvent        a known type whose data does not fit it
    ├── QueueClosed                a Queue is asked for something after it was closed
    ├── UsedAfterFork              a Queue is asked in a process that was forked from its maker's
    ├── JobFailed                  the job whose result is asked for is dead: every attempt failed
    ├── JobCancelled               the job whose result is asked for was cancelled
    ├── InvariantBroken            a simulated run of a TestQueue broke what always holds (names its seed)
    ├── JobParked                  a projection refused one of this job's events; its view stands still
    ├── DatabaseFailed             MongoDB refused a request that should be fine: a defect, or an unknown server
    └── ViewsMoved                 the views went on without this process, which has to look again
        ├── Fenced                 another process has taken the projector's place
        ├── HistoryLost            the oplog no longer reaches back to the checkpoint
        ├── BackupRestored         the views show what the log no longer holds: they are dropped and built anew
        └── ViewsDamaged           somebody else has written to the views: they are built anew

A message is one sentence for a person and says what to do next where there is something to do.
No message ever holds a URI's password: pass URIs through `redact`.
"""

import re
from collections.abc import Sequence


class QueueError(Exception):
    """The root: everything this package raises on purpose.

    `added`: where it stops the enqueueing of many jobs, how many had been added before.
    """

    added = 0


class Refused(QueueError):
    """The request cannot be done as asked."""


class InvalidInput(Refused):
    """A field of the request is not acceptable; `field` names it."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}" if field else problem)
        self.field = field
        self.problem = problem


class JobNotFound(Refused):
    """No job has this id; `meant`: see WorkerNotFound, or why none is meant."""

    def __init__(self, job_id: str, meant: str = "") -> None:
        super().__init__(f"No job {job_id!r}{meant}: `queuectl list` shows the ids.")
        self.job_id = job_id


class WorkerNotFound(Refused):
    """No live worker has this id or name; `meant`: which one may be meant, as `model.names` has it.

    `ever`: none that is gone has it either.
    """

    def __init__(self, name: str, meant: str = "", *, ever: bool = False) -> None:
        where = "worker list --all` shows those of a day" if ever else "worker list` shows them"
        super().__init__(f"No {'' if ever else 'live '}worker {name!r}{meant}: `queuectl {where}.")


class ScheduleNotFound(Refused):
    """There is no schedule of this name; `meant`: see WorkerNotFound."""

    def __init__(self, name: str, meant: str = "") -> None:
        super().__init__(f"No schedule {name!r}{meant}: `queuectl schedule list` shows them.")


class AmbiguousId(Refused):
    """More than one id starts with what was given; `what` they are the ids of."""

    def __init__(self, prefix: str, first: str, second: str, what: str = "jobs") -> None:
        super().__init__(f"{prefix!r} fits several {what}, {first} and {second} among them: give more of the id.")


class IllegalTransition(Refused):
    """The state machine does not allow this command in the job's state."""


class DifferentJob(Refused):
    """The id or key is taken by a job with another specification; `field` is the first that differs."""

    def __init__(self, job_id: str, field: str) -> None:
        super().__init__(
            f"Job {job_id} exists already and was asked for with another {field!r}: use another id or key."
        )
        self.job_id = job_id
        self.field = field


class AlreadyRestarted(Refused):
    """A job was restarted before, as `restarted_as`, with other changes; `field` is the first that differs."""

    def __init__(self, job_id: str, restarted_as: str, field: str) -> None:
        super().__init__(
            f"Job {job_id} was restarted already, as {restarted_as}, with another {field!r}: "
            f"once that has ended, `queuectl restart {restarted_as}` makes a further one."
        )
        self.job_id = job_id
        self.restarted_as = restarted_as
        self.field = field


class TaskRefused(Refused):
    """A function cannot be a task."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"Task {name} cannot be: {problem}.")
        self.name = name
        self.problem = problem


class ImportFailed(Refused):
    """A module with tasks cannot be imported."""

    def __init__(self, module: str, problem: str) -> None:
        super().__init__(f"Module {module!r} cannot be imported: {problem}")
        self.module = module


class ArgumentsChanged(Refused):
    """A job was enqueued with arguments that its task, as it is now, does not take; `argument`: which, "" for all."""

    def __init__(self, task: str, argument: str, problem: str) -> None:
        what = f"{argument}: {problem}" if argument else problem
        super().__init__(f"The job's arguments do not fit task {task} as it is now: {what}.")
        self.argument = argument


class ResultRefused(Refused):
    """What a task returned cannot be kept, or not be read."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"The result {problem}.")


class NoCurrentJob(Refused):
    """No job runs here."""


class DuplicateJob(Refused):
    """A job that is enqueued in a transaction of the caller's is there already: MongoDB has ended the transaction."""

    def __init__(self, job_id: str) -> None:
        super().__init__(
            f"Job {job_id} exists already, and MongoDB ends a transaction in which a key comes twice: abort it, "
            "look the job up, and begin a new one without it."
        )
        self.job_id = job_id


class NotSealed(Refused):
    """There is no such seal, it has nothing of what is asked for, or none can be made yet."""


class BadSeals(Refused):
    """What was kept as seals of this log is not to be believed."""


class NotProven(Refused):
    """A proof does not hold."""


class Unavailable(QueueError):
    """The database gave no answer in time."""


class LogUnavailable(Unavailable):
    """Whether an append happened could not be learned before the deadline; sending the same bytes again is safe.

    `streams`: those of which the end is in doubt; `why`: the end of the sentence, which says what the database did.
    """

    def __init__(self, message: str, streams: Sequence[str] = (), *, why: str = "") -> None:
        super().__init__(message)
        self.streams = tuple(streams)
        self.why = why or message

    @property
    def ids(self) -> Sequence[str]:
        """The ids of the jobs that are in doubt."""
        return [stream.removeprefix("job-") for stream in self.streams if stream.startswith("job-")]

    def about(self, what: str, remedy: str) -> "LogUnavailable":
        """Return this error as whoever asked for it understands it: `what` is in doubt, and how to go on."""
        return LogUnavailable(f"Whether {what} is unknown {self.why} {remedy}", self.streams, why=self.why)


class WaitTimeout(Unavailable):
    """What was waited for did not come in time."""


class Misconfigured(QueueError):
    """Something has to be set up differently before this can work."""


class NotAReplicaSet(Misconfigured):
    """The server is a standalone mongod."""


class AccessDenied(Misconfigured):
    """The server refused the credentials, or the role lacks a right."""


class LayoutTooNew(Misconfigured):
    """The database's layout is newer than this code knows."""


class LogIncomplete(Misconfigured):
    """A log that was being brought into this database is not all there: nobody may take it for one."""


class ForeignViews(Misconfigured):
    """The views in this database belong to another log."""


class BadProjection(Misconfigured):
    """An entry point of the group `eventqueue.projections` does not lead to a projection."""

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(f"The projection {where} cannot be used: {problem}. Mend its package, or uninstall it.")


class BadKey(Misconfigured):
    """The file that seals are to be signed with cannot be used; never says what is in it."""


class LocalServerFailed(Misconfigured):
    """The local mongod cannot be found or started."""


class LogCorrupt(QueueError):
    """A stored event is not what this package writes."""


class UnknownEventType(LogCorrupt):
    """An event of a type (or schema) that this code does not know; `where` it stands in the log."""

    def __init__(self, event_type: str, schema: int, where: str) -> None:
        self.what = f"{where} is of type {event_type!r}, schema {schema}, which is unknown here"
        super().__init__(f"A newer eventqueue wrote this: {self.what}. Upgrade this one.")
        self.event_type = event_type
        self.schema = schema


class UnreadableEvent(LogCorrupt):
    """An event whose data does not fit its type."""


class QueueClosed(QueueError):
    """A Queue is asked for something after it was closed."""

    def __init__(self) -> None:
        super().__init__("This Queue is closed, perhaps by the end of its `with`: keep it open, or make another.")


class UsedAfterFork(QueueError):
    """A Queue is asked for something in a process that was forked from the one that made it."""

    def __init__(self, maker: int) -> None:
        super().__init__(f"This Queue was made in process {maker}: make one in each process, after the fork.")


class JobFailed(QueueError):
    """A job whose result is asked for is dead: `kind`, `message` and `traceback` are of the error that it failed with.

    Each is None where that is not known; `told` is the error in a sentence. The traceback is of another process, and is
    shown below the message.
    """

    def __init__(
        self,
        job_id: str,
        kind: str | None = None,
        message: str | None = None,
        traceback: str | None = None,
        *,
        told: str | None = None,
    ) -> None:
        what = f" ({told})" if told else ""
        super().__init__(f"Job {job_id} is dead{what}: `queuectl why {job_id}` tells what to do.")
        self.job_id = job_id
        self.kind = kind
        self.message = message
        self.traceback = traceback
        if traceback:
            self.add_note(f"In job {job_id}:\n{traceback.rstrip()}")


class JobCancelled(QueueError):
    """A job whose result is asked for was cancelled."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"Job {job_id} was cancelled: `queuectl show {job_id}` tells by whom, and why.")
        self.job_id = job_id


class InvariantBroken(QueueError):
    """What always holds did not in a run of a TestQueue, or the run came to no end."""


class JobParked(QueueError):
    """A projection refused an event of this job, so its view stands still until that is mended."""


class DatabaseFailed(QueueError):
    """MongoDB refused a request that should be fine; its own words are in the message."""


class ViewsMoved(QueueError):
    """What this process knew of the views is out of date."""


class Fenced(ViewsMoved):
    """Another process took the projector's place: nothing of this one's batch was applied."""


class HistoryLost(ViewsMoved):
    """The change stream cannot resume where the checkpoint stands."""


class BackupRestored(ViewsMoved):
    """The last event that the views have seen is not in the log: an older state of it was restored."""


class ViewsDamaged(ViewsMoved):
    """A document of the views is missing, or there are too many: only another hand can have done that."""


def has_secret(uri: str) -> bool:
    """Whether a mongodb URI holds what nobody else may read: a password, or an option that `redact` hides."""
    return bool(re.search(r"(?is)mongodb(?:\+srv)?://[^@/]*:.*@", uri) or re.search(_SECRET_OPTION, uri))


def redact(text: str) -> str:
    """Return `text` with `***` for the user information and the secret options of every mongodb URI in it."""
    # Up to the last @, blanks too: rather a word too many is hidden than a password shown (the driver takes blanks).
    uri, end = re.search(r"(?i)mongodb(?:\+srv)?://", text), text.rfind("@")
    if uri is not None and end >= uri.end():
        text = f"{text[: uri.end()]}***{text[end:]}"
    return re.sub(_SECRET_OPTION, r"\1***", text)


_SECRET_OPTION = r"(?i)((?:password|token)[=:])[^&,\s]+"  # noqa: S105 - a pattern, and no password
