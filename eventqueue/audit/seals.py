"""Seals of the log: what is said in one, the text of it that is hashed and signed, and the line in which it is kept.

A seal is over a Merkle tree whose leaves are heads of streams in the order in which they were sealed: each adds one for
every stream that has changed. It names the seal before it. Pure; what makes and checks them is in `sealing/`.

The statement of a seal is these lines in UTF-8, each with a line feed at its end; `-` stands for what is absent:

    eventqueue seal 1
    log <the log's id>
    number <which seal it is, from 1>
    size <leaves of the tree>
    root <the tree's root, hex>
    events <how many events are sealed by now>
    until <seconds>.<increment>, a `ts`: all events that are stamped up to this are sealed
    looked <seconds>.<increment>, a `ts`: none that is stamped later is
    at <when, ISO 8601 in UTC with milliseconds and Z>
    previous <SHA-256 of the statement before, hex>
    key <the Ed25519 public key that the statement is signed with, hex>
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Annotated

import msgspec
from bson.timestamp import Timestamp
from msgspec import Meta

from eventqueue.errors import BadSeals, LogCorrupt
from eventqueue.model.codec import EPOCH
from eventqueue.model.events import Event, Recorded, register
from eventqueue.model.figures import instant

CATEGORY = "seal"
SEALS, LEAVES = "seal-log", "seal-leaves"

LogId = Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]
Hash = Annotated[bytes, Meta(min_length=32, max_length=32)]
Signature = Annotated[bytes, Meta(min_length=64, max_length=64)]
Hex = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Count = Annotated[int, Meta(ge=0, lt=2**62)]
Place = Annotated[int, Meta(ge=1, lt=2**62)]
Stamp = Annotated[int, Meta(ge=0, lt=2**32)]
Moment = tuple[Stamp, Stamp]
"""A `ts` of the log: seconds and increment."""


class LeavesSealed(Event, frozen=True, kw_only=True, tag="sealed-leaves"):
    """In `seal-leaves`: leaves from number `first` of the tree on, for a seal that names this event. See `leaves`."""

    seal: Place
    first: Count
    leaves: bytes


class LogSealed(Event, frozen=True, kw_only=True, tag="sealed"):
    """In `seal-log`: a seal, and what the next one goes on from.

    `leaves`: the first and the last of the events in `seal-leaves` that belong to it; what stands between those of two
    seals was left by one who did not come to the end. `peaks`: the tree's, see `merkle.Tree`.
    """

    log: LogId
    number: Place
    size: Place
    root: Hash
    events: Place
    until: Moment
    looked: Moment
    leaves: tuple[Place, Place]
    peaks: tuple[Hash, ...]
    previous: Hash | None = None
    key: Hash | None = None
    signature: Signature | None = None


register(CATEGORY, LeavesSealed, LogSealed)


class Seal(msgspec.Struct, frozen=True, kw_only=True):
    """What a seal states, and by whom it is signed."""

    log: LogId
    number: Place
    size: Place
    root: Hash
    events: Place
    until: Moment
    looked: Moment
    at: datetime
    previous: Hash | None = None
    key: Hash | None = None
    signature: Signature | None = None

    @property
    def statement(self) -> bytes:
        """The text that is hashed and signed: see above."""
        lines = {
            "eventqueue seal": 1,
            "log": self.log,
            "number": self.number,
            "size": self.size,
            "root": self.root.hex(),
            "events": self.events,
            "until": f"{self.until[0]}.{self.until[1]}",
            "looked": f"{self.looked[0]}.{self.looked[1]}",
            "at": instant(self.at),
            "previous": _hex(self.previous) or "-",
            "key": _hex(self.key) or "-",
        }
        return "".join(f"{name} {value}\n" for name, value in lines.items()).encode()

    @property
    def hash(self) -> bytes:
        """SHA-256 of the statement."""
        return sha256(self.statement).digest()


def seal_of(recorded: Recorded) -> Seal:
    """Return the seal that an event in `seal-log` is. Raises LogCorrupt for another event."""
    said = recorded.event
    if not isinstance(said, LogSealed):
        raise LogCorrupt(f"{recorded.stream} holds at version {recorded.version} what is no seal.")
    stated = {name: getattr(said, name) for name in Seal.__struct_fields__ if name != "at"}
    return Seal(at=recorded.at, **stated)


class Line(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A seal as it is kept outside the database: one JSON object a line, bytes in hex, `hash` that of the statement."""

    log: LogId
    number: Place
    size: Place
    root: Hex
    events: Place
    until: Moment
    looked: Moment
    at: Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")]
    previous: Hex | None
    key: Hex | None
    signature: Annotated[str, Meta(pattern="^[0-9a-f]{128}$")] | None
    hash: Hex

    @property
    def seal(self) -> Seal:
        """The seal of this line. Raises BadSeals where the hash is not that of what it says, ValueError for no date."""
        seal = Seal(
            log=self.log,
            number=self.number,
            size=self.size,
            root=bytes.fromhex(self.root),
            events=self.events,
            until=self.until,
            looked=self.looked,
            at=datetime.fromisoformat(self.at),
            previous=_bytes(self.previous),
            key=_bytes(self.key),
            signature=_bytes(self.signature),
        )
        if seal.hash.hex() != self.hash:
            raise BadSeals(f"Seal {self.number} was altered: its hash is not that of what it states.")
        return seal


def line_of(seal: Seal) -> Line:
    """Return the line in which a seal is kept."""
    return Line(
        log=seal.log,
        number=seal.number,
        size=seal.size,
        root=seal.root.hex(),
        events=seal.events,
        until=seal.until,
        looked=seal.looked,
        at=instant(seal.at),
        previous=_hex(seal.previous),
        key=_hex(seal.key),
        signature=_hex(seal.signature),
        hash=seal.hash.hex(),
    )


def encode(seal: Seal) -> bytes:
    """Return the line of a seal, with its end."""
    return msgspec.json.encode(line_of(seal)) + b"\n"


def read_lines(lines: Iterable[bytes], name: str) -> Iterator[Seal]:
    """Yield the seals of a file called `name`, held against each other. Raises BadSeals, naming the line."""
    before: Seal | None = None
    for number, line in enumerate(lines, start=1):
        before = read_line(line, f"Line {number} of {name}", before)
        yield before


def read_line(line: bytes, name: str, before: Seal | None = None) -> Seal:
    """Return the seal in a line, which is called `name`; `before`: the one that it follows. Raises BadSeals."""
    try:
        # The end is looked at first: what a crash has cut may be a JSON object all the same, of fewer digits.
        if not line.endswith(b"\n"):
            raise BadSeals("it is cut (if it is the last one, remove what is left of it)")
        seal = msgspec.json.decode(line, type=Line).seal
        if before is not None and (problem := misfit(before, seal)):
            raise BadSeals(problem)
    except (BadSeals, ValueError) as error:
        raise BadSeals(f"{name} is no seal that can be believed: {str(error).rstrip('.')}.") from None
    return seal


def misfit(before: Seal, seal: Seal) -> str | None:
    """Return why a seal cannot be a later one of the same log, as a sentence; None: it can."""
    if seal.log != before.log:
        return f"seal {seal.number} is of log {seal.log}, seal {before.number} of log {before.log}"
    if seal.number <= before.number:
        return f"seal {seal.number} stands behind seal {before.number}"
    if before.key is not None and seal.key is None:
        return f"seal {seal.number} is not signed, though seal {before.number} was"
    if seal.number == before.number + 1 and seal.previous != before.hash:
        return f"seal {seal.number} does not continue seal {before.number}: `previous` is another hash"
    if seal.size <= before.size or seal.events <= before.events or seal.until < before.until:
        return f"seal {seal.number} has less than seal {before.number}"
    return None


AHEAD_S = 600  # of a sealer's clock before the server's, which he looks at


def untimely(seal: Seal, ts: Timestamp | None) -> str | None:
    """Return why a seal cannot be true that the log took at `ts`, its own stamp; None: it can."""
    if seal.until > seal.looked:
        return "it is sure of more than it has looked at"
    if ts is not None and seal.looked > (ts.time, ts.inc):
        return "it has looked at what came only after it"
    if ts is not None and seal.at > EPOCH + timedelta(seconds=ts.time + AHEAD_S):
        return "it is dated after the log took it"
    return None


def _hex(value: bytes | None) -> str | None:
    return None if value is None else value.hex()


def _bytes(value: str | None) -> bytes | None:
    return None if value is None else bytes.fromhex(value)
