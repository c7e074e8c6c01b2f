"""The facts: what can happen to a job, a setting or a queue, and the envelope in which the log keeps it.

An event says its transition and nothing more. A field's default always means "absent", never a policy: defaults
are not stored, so a policy that changes must not change what an old event says.
"""

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from itertools import islice
from typing import Any, ClassVar

import msgspec
from bson.timestamp import Timestamp

from eventqueue.model.retry import Backoff


class Shell(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True, tag="shell", tag_field="kind"):
    """A command line for `/bin/sh -c`; `env` is laid over the worker's environment."""

    command: str
    cwd: str | None = None
    env: dict[str, str] = {}

    def __repr__(self) -> str:
        # Wherever an object comes to be printed, in a finding or a log: the values of `env` may be secret.
        names = ", ".join(sorted(self.env))
        return f"Shell(command={self.command!r}, cwd={self.cwd!r}, env of {names or 'nothing'})"

    @property
    def text(self) -> str:
        """What it runs, for people."""
        return self.command


class Call(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True, tag="python", tag_field="kind"):
    """A call of the Python task that is named `task`; its arguments as JSON values, which its annotations explain."""

    task: str
    args: list[Any] = []
    kwargs: dict[str, Any] = {}

    @property
    def given(self) -> list[str]:
        """Its arguments for people, each as JSON, cut where it is long."""
        return [*self._given()]

    @property
    def text(self) -> str:
        """The call for people, in a line."""
        some = islice(self._given(), CALL_MAX // 2)  # of tens of thousands: there is a comma behind each
        return f"{self.task}({_cut(', '.join(some), CALL_MAX)})"

    def _given(self) -> Iterator[str]:
        yield from map(_brief, self.args)
        yield from (f"{name}={_brief(value)}" for name, value in self.kwargs.items())


CALL_MAX, VALUE_MAX = 400, 80  # characters of a call, and of one argument, where it is shown in a line


def _brief(value: Any) -> str:
    return _cut(msgspec.json.encode(value).decode(), VALUE_MAX)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


Run = Shell | Call
"""What a job runs, tagged by `kind`."""


def task_of(run: Run) -> str | None:
    """Return the Python task that is run, None for a command."""
    return run.task if isinstance(run, Call) else None


class Captured(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """One output stream: its last 1 KiB as text, its length in bytes, the SHA-256 of the tail kept in `outputs`."""

    text: str = ""
    length: int = 0
    sha256: bytes | None = None


class Output(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """What an attempt wrote to its standard output and its standard error."""

    stdout: Captured = Captured()
    stderr: Captured = Captured()


FOUND = frozenset({"crashed", "exit-code", "not-started", "not-storable", "signal", "timeout", "worker-lost"})
"""Types of what workers find themselves, of which the message says all; any other is an exception's."""


class Error(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """Why an attempt failed, for a person: a short type, a sentence, and a traceback where there is one."""

    type: str
    message: str
    traceback: str | None = None

    @property
    def told(self) -> str:
        """All of it in one sentence, but for the traceback: of an exception with its type, `KeyError: 'x'`."""
        if self.type in FOUND:
            return self.message
        return self.type if self.message.strip() in ("", self.type) else f"{self.type}: {self.message}"


class FailReason(StrEnum):
    """What kind of failure ended an attempt."""

    ERROR = "error"  # the command ran and failed, or could not be started
    TIMEOUT = "timeout"  # it ran longer than its timeout
    CRASHED = "crashed"  # what ran it died under it
    WORKER_LOST = "worker-lost"  # its worker's lease ended, or its worker was seen dead


class RetryCause(StrEnum):
    """Who brought a job back to pending."""

    BACKOFF = "backoff"  # its wait had elapsed
    OPERATOR = "operator"  # a person asked, which opens a new budget of retries


class Event(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """A fact. Its tag is the stored `type`; `SCHEMA` counts up when its data changes shape (see codec.UPCASTERS).

    A new shape is whatever an older reader refuses: also one more kind in a union, one more word in an enum.
    """

    SCHEMA: ClassVar[int] = 1

    @property
    def schema(self) -> int:
        """The schema that it is written with: the oldest that knows its shape, so that older readers go on reading."""
        return self.SCHEMA


class Enqueued(Event, frozen=True, kw_only=True, tag="enqueued"):
    """Nothing -> PENDING. Every policy is resolved here; `asked` is the request as its caller gave it."""

    SCHEMA = 3  # 2: since which a job may run a call; 3: since which it may be a restart

    run: Run
    queue: str
    run_at: datetime
    max_retries: int
    backoff: Backoff
    asked: dict[str, Any]
    priority: int = 0
    timeout: float | None = None  # seconds
    expires_at: datetime | None = None
    key: str | None = None
    tags: tuple[str, ...] = ()
    group: str | None = None
    meta: dict[str, Any] = {}
    correlation: str | None = None
    nth: int = 0  # which of the jobs of its call it is: those that are due at the same moment run in this order
    restart_of: str | None = None  # the job that had ended, and that it takes up,
    why: str | None = None  # and why it was restarted
    act: str | None = None  # the id of what was done to many at once

    @property
    def schema(self) -> int:
        """See Event.schema."""
        if self.restart_of is not None:
            return 3
        return 1 if isinstance(self.run, Shell) else 2


class Claimed(Event, frozen=True, kw_only=True, tag="claimed"):
    """PENDING -> PROCESSING. Its version is the fence: only the holder of this claim may settle the job."""

    worker: str  # the incarnation
    host: str
    pid: int
    attempt: int


class Completed(Event, frozen=True, kw_only=True, tag="completed"):
    """PROCESSING -> COMPLETED."""

    result: Any = None
    exit_code: int | None = None
    duration: float | None = None  # seconds
    output: Output | None = None


class Failed(Event, frozen=True, kw_only=True, tag="failed"):
    """PROCESSING -> FAILED. Runs again at `retry_at`; None means the attempts are used up."""

    reason: FailReason
    error: Error
    retry_at: datetime | None = None
    exit_code: int | None = None
    duration: float | None = None  # seconds
    output: Output | None = None
    worker: str | None = None  # worker-lost: the incarnation that was lost,
    renewed_at: datetime | None = None  # when it last renewed its lease,
    buried_by: str | None = None  # and who buried it


class Retried(Event, frozen=True, kw_only=True, tag="retried"):
    """FAILED, DEAD or CANCELLED -> PENDING. Due at `due_at`; absent: at the event's own time, as nearly always.

    They differ where the database's clock was set back: the time of a stream's events never runs backwards.
    """

    cause: RetryCause
    why: str | None = None
    due_at: datetime | None = None
    act: str | None = None


class DeadLettered(Event, frozen=True, kw_only=True, tag="dead-lettered"):
    """FAILED -> DEAD: the budget of retries is used up."""

    reason: str


class Released(Event, frozen=True, kw_only=True, tag="released"):
    """PROCESSING -> PENDING, unharmed: the attempt is not counted."""

    reason: str
    due_at: datetime


class Cancelled(Event, frozen=True, kw_only=True, tag="cancelled"):
    """PENDING, FAILED, PROCESSING or DEAD -> CANCELLED."""

    why: str
    act: str | None = None


class Terms(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """What may be changed of a job that waits. None: of that nothing is said; of `env`, of the variables not named.

    `unset`: what the job has no more: `timeout`, or `env.NAME`.
    """

    priority: int | None = None
    queue: str | None = None
    due_at: datetime | None = None
    max_retries: int | None = None
    timeout: float | None = None  # seconds
    env: dict[str, str] | None = None
    tags: tuple[str, ...] | None = None
    command: str | None = None
    unset: tuple[str, ...] = ()

    def __repr__(self) -> str:
        # As of Shell: the values of `env` may be secret.
        told = {name: value for name in self.__struct_fields__ if (value := getattr(self, name)) is not None}
        told = told if self.unset else {name: value for name, value in told.items() if name != "unset"}
        told |= {"env": sorted(self.env)} if self.env is not None else {}
        return f"Terms({', '.join(f'{name}={value!r}' for name, value in told.items())})"


class Amended(Event, frozen=True, kw_only=True, tag="amended"):
    """PENDING -> PENDING, on other terms: `was` and `now` tell of those that differ."""

    SCHEMA = 2  # since which something may be unset

    was: Terms
    now: Terms
    why: str | None = None
    act: str | None = None

    @property
    def schema(self) -> int:
        """See Event.schema."""
        return 2 if self.now.unset else 1


class RetryAmended(Event, frozen=True, kw_only=True, tag="retry-amended"):
    """FAILED -> FAILED, on other terms; see Amended.

    A type of its own, since the type of an event alone tells to which state it leads: who counts jobs as they were at a
    time that is past reads nothing else of millions.
    """

    SCHEMA = 2  # as of Amended

    was: Terms
    now: Terms
    why: str | None = None
    act: str | None = None

    @property
    def schema(self) -> int:
        """See Event.schema."""
        return 2 if self.now.unset else 1


Amending = Amended | RetryAmended
OfMany = Enqueued | Cancelled | Retried | Amended | RetryAmended
"""What may be done to many jobs at once; `act`: the id of that act."""

JobEvent = Enqueued | Claimed | Completed | Failed | Retried | DeadLettered | Released | Cancelled | Amending


class LateResult(Event, frozen=True, kw_only=True, tag="late-result"):
    """In `late-<job>`: an outcome that came after its claim had ended. History, never applied to the job."""

    claim: int
    worker: str
    outcome: str  # the type of the event that lost
    data: dict[str, Any]  # and its data


class ConfigSet(Event, frozen=True, kw_only=True, tag="config-set"):
    """In `config-default`: a setting has a stored value from now on."""

    name: str
    value: Any
    why: str | None = None


class ConfigUnset(Event, frozen=True, kw_only=True, tag="config-unset"):
    """In `config-default`: a setting falls back to its built-in value."""

    name: str
    why: str | None = None


ConfigEvent = ConfigSet | ConfigUnset


class Paused(Event, frozen=True, kw_only=True, tag="paused"):
    """In `queue-<name>`: nothing of the queue is claimed from now on."""

    why: str | None = None


class Resumed(Event, frozen=True, kw_only=True, tag="resumed"):
    """In `queue-<name>`: the queue's jobs may be claimed again."""

    why: str | None = None


QueueEvent = Paused | Resumed

EVENT_TYPES: dict[str, type[Event]] = {}
"""Every kind of event, by its stored `type`."""

CATEGORIES: dict[str, tuple[type[Event], ...]] = {}
"""What streams there are, by the beginnings of their names, and the kinds of events in them."""


def register(category: str, *kinds: type[Event]) -> None:
    """Make known the streams of a category and the events in them: once, where these are defined.

    Every process has to know all of them, so `connect.py` imports what registers any. Raises ValueError for a category
    that is known already, or for a type that is another event's, too.
    """
    types = {str(kind.__struct_config__.tag): kind for kind in kinds}
    if category in CATEGORIES or types.keys() & EVENT_TYPES.keys() or len(types) < len(kinds):
        raise ValueError(f"category {category!r}, or a type of {sorted(types)}, is known already")
    CATEGORIES[category] = kinds
    EVENT_TYPES.update(types)


register("job", Enqueued, Claimed, Completed, Failed, Retried, DeadLettered, Released, Cancelled, Amended, RetryAmended)
register("late", LateResult)
register("config", ConfigSet, ConfigUnset)
register("queue", Paused, Resumed)


def type_of(event: Event) -> str:
    """Return the stored `type` of an event."""
    return str(event.__struct_config__.tag)


class Head(msgspec.Struct, frozen=True, gc=False):
    """Where a stream stands: its last version (0: empty), that event's hash, and its time."""

    version: int = 0
    hash: bytes | None = None
    at: datetime | None = None


EMPTY = Head()
"""The head of a stream that has no event yet."""


class Recorded(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """An event in its envelope, field for field as the log stores it; `ts` is None until the server filled it in."""

    stream: str
    version: int
    id: bytes  # 16 random bytes: makes two equal commands in one millisecond differ
    at: datetime
    actor: str
    bucket: int
    cause: bytes | None
    event: Event
    prev: bytes | None
    hash: bytes
    ts: Timestamp | None = None

    @property
    def head(self) -> Head:
        """Where the stream stands once this event is its last."""
        return Head(self.version, self.hash, self.at)


def stream_of(category: str, name: str) -> str:
    """Return the stream of `name` (a job's id, say) in a category."""
    return f"{category}-{name}"


def name_in(stream: str) -> str:
    """Return a stream's name without its category: `job-42` and `late-42` are both `42`."""
    return stream.partition("-")[2]


def category_of(stream: str) -> str:
    """Return a stream's category: `job` of `job-42`."""
    return stream.partition("-")[0]
