"""What a worker, its fork server and the children that run tasks say to each other.

Worker and fork server by packets, each of which is a message and may carry a descriptor; worker and child by a stream
of frames, many of which go in one write. All of it is msgpack.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import msgspec

from eventqueue.model.events import Call, Error
from eventqueue.tasks.outcomes import Discarded, Outcome, Raised, Returned, Snoozed
from eventqueue.tasks.planned import Planned

_LENGTH_BYTES = 4
_FRAME_MAX = 32 * 1024 * 1024  # more than any has: a document of MongoDB has half of that


class Message(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One of them."""


# The worker to its fork server.


class Boot(Message, frozen=True, tag="boot"):
    """The first one: import `imports`, with `import_path` among where modules are looked for."""

    name: str  # by which all that comes of this fork server is known
    worker_pid: int
    imports: tuple[str, ...]
    import_path: tuple[str, ...]
    threads: int
    uri: str | None
    db: str | None


class Fork(Message, frozen=True, tag="fork"):
    """Make a child. What comes with it: the child's end of its stream; of two pipes, which are to be its descriptors 1
    and 2, the read and the write end; and the memory for what its runs print.
    """

    serial: int


class Strike(Message, frozen=True, tag="strike"):
    """KILL a child."""

    serial: int


class Extend(Message, frozen=True, tag="extend"):
    """KILL all at `until`, in time since boot, which all processes of a host share."""

    until: float


# The fork server to its worker.


class Known(Message, frozen=True, tag="known"):
    """Some of the tasks there are: their names, aliases too, and whether each is async."""

    tasks: list[tuple[str, bool]]


class Plans(Message, frozen=True, tag="plans"):
    """A schedule that stands in the code of a module."""

    schedule: Planned


class Ready(Message, frozen=True, tag="ready"):
    """All is imported, and `threads` run in the fork server: more than one is not copied to its children."""

    threads: int


class Unimportable(Message, frozen=True, tag="unimportable"):
    """A module could not be imported: why, in a sentence."""

    why: str


class Forked(Message, frozen=True, tag="forked"):
    """A child is there."""

    serial: int
    pid: int


class NotForked(Message, frozen=True, tag="not-forked"):
    """A child could not be made, and why."""

    serial: int
    why: str


class Died(Message, frozen=True, tag="died"):
    """A child is dead: its status, as waitpid gave it, and whether the lease was over, so that it was killed."""

    serial: int
    status: int
    lease_lost: bool


class Lives(Message, frozen=True, tag="lives"):
    """An `Extend` was heard."""


# The worker to a child.


class Run(Message, frozen=True, tag="run"):
    """Run a call; `number` names this run among all of this worker."""

    number: int
    job_id: str
    attempt: int
    claim: int
    queue: str
    timeout_s: float | None
    retries_left: int
    correlation: str | None
    call: Call


class Stop(Message, frozen=True, tag="stop"):
    """Interrupt a run, or do not begin it."""

    number: int
    is_timeout: bool


class Back(Message, frozen=True, tag="back"):
    """Hand back the runs that have not begun."""


class Leave(Message, frozen=True, tag="leave"):
    """Exit: there is nothing to do any more."""


# A child to its worker.


class Began(Message, frozen=True, tag="began"):
    """These runs begin with the next thing that happens; `slot`: in which thread, None on the loop."""

    numbers: list[int]
    slot: int | None = None


class HandedBack(Message, frozen=True, tag="handed-back"):
    """These runs have not begun, and will not."""

    numbers: list[int]


class Progressed(Message, frozen=True, tag="progressed"):
    """How far a run is, as its task says."""

    number: int
    done: float
    total: float | None
    note: str | None


class Over(Message, frozen=True, tag="over"):
    """A run has come to its end; `kind` tells what `value` is, see `outcome_of`."""

    number: int
    kind: str
    value: Any
    duration_s: float
    tails: tuple[bytes, bytes] = (b"", b"")
    totals: tuple[int, int] = (0, 0)


ToForkServer = Boot | Fork | Strike | Extend
FromForkServer = Known | Plans | Ready | Unimportable | Forked | NotForked | Died | Lives
ToChild = Run | Stop | Back | Leave
FromChild = Began | HandedBack | Progressed | Over

to_fork_server = msgspec.msgpack.Decoder(ToForkServer)
from_fork_server = msgspec.msgpack.Decoder(FromForkServer)
to_child = msgspec.msgpack.Decoder(ToChild)
from_child = msgspec.msgpack.Decoder(FromChild)
encoder = msgspec.msgpack.Encoder()

NOT_BEGUN, UNKNOWN = "not-begun", "unknown"  # kinds of `Over` that are no outcome


def kind_of(outcome: Outcome) -> tuple[str, Any]:
    """Return an outcome's kind and value, as they stand in an `Over`."""
    match outcome:
        case Returned(value=value):
            return "returned", value
        case Raised(error=error, is_final=is_final, delay=delay):
            return "raised", (error, is_final, None if delay is None else delay.total_seconds())
        case Snoozed(delay=delay):
            return "snoozed", delay.total_seconds()
        case Discarded(why=why):
            return "discarded", why


def outcome_of(kind: str, value: Any) -> Outcome | None:
    """Return what `kind_of` was given; None where nothing was run."""
    match kind:
        case "returned":
            return Returned(value)
        case "raised":
            error, is_final, delay = msgspec.convert(value, tuple[Error, bool, float | None])
            return Raised(error, is_final=is_final, delay=None if delay is None else timedelta(seconds=delay))
        case "snoozed":
            return Snoozed(timedelta(seconds=value))
        case "discarded":
            return Discarded(value)
        case _:
            return None


def framed(message: Message) -> bytes:
    """Return a message as it goes into a stream."""
    body = encoder.encode(message)
    return len(body).to_bytes(_LENGTH_BYTES, "big") + body


class Garbled(Exception):
    """What came is no message: a task has written into a descriptor that is not its own."""


class Frames:
    """What has come of a stream, in whatever pieces it came."""

    def __init__(self) -> None:
        self._received = bytearray()

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield the frames that are whole by now. Raises Garbled."""
        received, start = self._received, 0
        received += chunk
        try:
            while (body := start + _LENGTH_BYTES) <= len(received):
                if (length := int.from_bytes(received[start:body], "big")) > _FRAME_MAX:
                    raise Garbled
                if (end := body + length) > len(received):
                    break
                start = end
                yield bytes(received[body:end])
        finally:
            del received[:start]
