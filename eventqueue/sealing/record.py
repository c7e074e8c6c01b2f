"""What an auditor remembers of a log, in a file of its own that no database knows: a log that has less was cut off.

A seal kept elsewhere proves more. This costs nobody a thought: it is written by each look, and read by the next.
"""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta
from msgspec.structs import asdict

from eventqueue.audit.rules import Finding
from eventqueue.audit.seals import SEALS, Count, Hex, LogId
from eventqueue.errors import Misconfigured
from eventqueue.model.figures import instant, moment
from eventqueue.mongo.ground import Ground
from eventqueue.sealing import stored
from eventqueue.system.whole import whole_file


class Standing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much a log had when it was looked at: its events, and its last seal, if it has any, with the hash of it."""

    log: LogId
    at: Annotated[datetime, Meta(tz=True)]
    events: Count
    seal: Count = 0
    hash: Hex | None = None


def standing(ground: Ground, events: int) -> Standing:
    """Return how the log stands now; `events`: how many were counted in it."""
    last = stored.last(ground.log)
    seal, hash_ = (0, None) if last is None else (last.said.number, last.seal.hash.hex())
    return Standing(log=ground.log_id, at=ground.clock.now(), events=events, seal=seal, hash=hash_)


def remember(path: Path, now: Standing) -> None:
    """Keep how a log stands: whole or not at all, for its owner's eyes. Raises as `whole_file` does."""
    with whole_file(str(path)) as file:
        file.write(msgspec.json.encode({**asdict(now), "at": instant(now.at)}) + b"\n")


def recall(path: Path) -> Standing | None:
    """Return how the log stood, None where nothing is remembered. Raises Misconfigured for a file that is no record."""
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Standing)
        instant(found.at)  # which is told in the end
        return found
    except FileNotFoundError:
        return None
    except (OverflowError, ValueError) as error:  # of JSON that is none, too
        raise Misconfigured(
            f"The auditor's record {str(path)!r} cannot be read ({error}): restore it, or remove it to begin anew."
        ) from None


def less_than_then(ground: Ground, then: Standing, events: int) -> Iterator[Finding]:
    """Yield what a log, in which `events` were counted, has less or otherwise than it had."""
    when = f"at {moment(then.at, 'seconds')}"
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
