"""What an auditor remembers of a log, in a file of its own that no database knows: a log that has less was cut off.

A seal kept elsewhere proves more. This costs nobody a thought: it is written by each look, and read by the next.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import msgspec

from eventqueue.audit.rules import Finding
from eventqueue.audit.seals import SEALS, Count, Hex, LogId
from eventqueue.errors import Misconfigured
from eventqueue.mongo.ground import Ground
from eventqueue.sealing import stored


class Standing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much a log had when it was looked at: its events, and its last seal, if it has any, with the hash of it."""

    log: LogId
    at: datetime
    events: Count
    seal: Count = 0
    hash: Hex | None = None


def standing(ground: Ground, events: int) -> Standing:
    """Return how the log stands now; `events`: how many were counted in it."""
    last = stored.last(ground.log)
    seal, hash_ = (0, None) if last is None else (last.said.number, last.seal.hash.hex())
    return Standing(log=ground.log_id, at=ground.clock.now(), events=events, seal=seal, hash=hash_)


def remember(path: Path, now: Standing) -> None:
    """Keep how a log stands: whole or not at all, for its owner's eyes. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    number, draft = tempfile.mkstemp(dir=path.parent, prefix=path.name)  # with mode 600
    try:
        with open(number, "wb") as file:
            file.write(msgspec.json.encode(now) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(draft)
        raise


def recall(path: Path) -> Standing | None:
    """Return how the log stood, None where nothing is remembered. Raises Misconfigured for a file that is no record."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Standing)
    except FileNotFoundError:
        return None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Misconfigured(
            f"The auditor's record {str(path)!r} cannot be read ({error}): restore it, or remove it to begin anew."
        ) from None


def less_than_then(ground: Ground, then: Standing, events: int) -> Iterator[Finding]:
    """Yield what a log, in which `events` were counted, has less or otherwise than it had."""
    when = f"on {then.at:%Y-%m-%d at %H:%M:%S} UTC"
    if events < then.events:
        problem = f"the log has {events:,} events, and had {then.events:,} {when}: some were removed"
        yield Finding("events", 0, problem, str(then.events), str(events), is_lost=True)
    if then.hash is None:
        return
    there = ground.log.read(SEALS, then.seal - 1, 1)
    if not there or there[0].version != then.seal:
        problem = f"seal {then.seal} was there {when}, and was removed"
        yield Finding(SEALS, then.seal, problem, then.hash, is_lost=True, is_sealed=True)
    elif stored.made_of(there[0]).seal.hash.hex() != then.hash:
        problem, found = f"it is not the seal {then.seal} that was there {when}", there[0]
        yield Finding(SEALS, then.seal, problem, then.hash, stored.made_of(found).seal.hash.hex(), is_sealed=True)
