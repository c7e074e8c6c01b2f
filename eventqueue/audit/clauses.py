"""What a job's story is told in: clauses, each true by an event, by a rule, or by how it is at the moment. Pure."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

import msgspec

from eventqueue.model.events import Claimed, Recorded
from eventqueue.model.job import Job, State
from eventqueue.model.waits import Wait
from eventqueue.ports.views import Ahead, Worker


class Reason(StrEnum):
    """What a clause tells."""

    # Of a job that waits
    PARKED = "parked"  # its view stands still, so no worker finds it
    EXPIRED = "expired"  # its time is over: it will be cancelled, or was, instead of run
    LATER = "later"  # it is not due yet
    RETRY = "retry"  # which retry it is that it waits for, and after what error
    PAUSED = "paused"  # its queue is
    UNSERVED = "unserved"  # no worker serves its queue
    UNKNOWN = "unknown"  # none of those that do knows its task
    BUSY = "busy"  # all slots that serve it are
    FREE = "free"  # some are not
    DUE = "due"  # nothing is known of the slots
    BEFORE = "before"  # how many jobs are claimed before it
    EXPIRES = "expires"  # when it will be cancelled instead of run
    ENQUEUED = "enqueued"  # how it came to wait: it is new,
    ASKED = "asked"  # somebody asked for it to be retried,
    RELEASED = "released"  # or its worker handed it back
    AMENDED = "amended"  # what it is to run as was changed while it waited
    # Of one that runs
    SILENT = "silent"  # its worker's lease is over
    RUNNING = "running"  # since when, and where
    TIMEOUT = "timeout"  # when it will be killed
    STOPPING = "stopping"  # its worker is asked to stop, or was when it handed it back
    NEXT = "next"  # what follows where it fails
    # Of one that failed or ended
    UNBURIED = "unburied"  # no retry is left, and the event that says so is still to be written
    LOST = "worker-lost"  # its worker died or was silent, and who buried it
    ERROR = "error"  # what its last attempt failed with
    COMPLETED = "completed"
    DEAD = "dead"
    CANCELLED = "cancelled"
    ENDING = "ending"  # its process may still live
    FINAL = "final"  # nothing more happens by itself
    RESTARTED = "restarted"  # which job takes up what it was to do


class Place(msgspec.Struct, frozen=True):
    """An event: its stream, and its version there."""

    stream: str
    version: int


class Clause(msgspec.Struct, frozen=True, kw_only=True):
    """One reason, as a sentence without its full stop.

    `event`: by which it is true; None where that is a rule, or how it is at the moment. `until`: when it changes by
    itself; None where it does not, or nobody knows. `commands`: what stands in it in backticks to be typed; whatever
    else does was written by others.
    """

    kind: Reason
    text: str
    event: Place | None = None
    until: datetime | None = None
    commands: tuple[str, ...] = ()


class Why(msgspec.Struct, frozen=True):
    """Why a job is in its state, and what must happen next, and when: what must happen first stands first."""

    id: str
    state: State
    clauses: tuple[Clause, ...]

    @property
    def text(self) -> str:
        """All of it, as a paragraph."""
        return " ".join(sentence(one) for one in self.clauses)


def sentence(clause: Clause) -> str:
    """Return a clause as it stands in a paragraph."""
    return f"{clause.text[0].upper()}{clause.text[1:]}."


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """The worker that holds a job's claim, as it is registered."""

    renewed_at: datetime
    is_live: bool
    stop_by: datetime | None = None


class Around(msgspec.Struct, frozen=True, kw_only=True):
    """What has to be asked beside a job's history: how it is around it at the moment, or was, where that `is_past`.

    `crew`: the workers that serve its queue and stay, each with what it runs; none where nobody can tell. `ahead`: how
    many are claimed before it. `claimed_at`: since when nothing of its queue was. `paused_by`: the event. `holder`:
    None where its worker is not registered. `life`: what has happened to the worker that runs it, or that handed it
    back. `ending`: its claim, where it was cancelled while it ran and may still
    run, and `ends_by` when at the latest it does not. `restarts`: the ids of the jobs that take it up.
    """

    now: datetime
    is_past: bool = False
    waits: Sequence[Wait] = ()
    paused_by: Place | None = None
    crew: Sequence[tuple[Worker, Sequence[Job]]] = ()
    ahead: Ahead | None = None
    claimed_at: datetime | None = None
    holder: Holder | None = None
    life: Sequence[Recorded] = ()
    ending: Claimed | None = None
    ends_by: datetime | None = None
    restarts: Sequence[str] = ()
