"""A job's attempts as its history tells of them, held against what came late of them and what is kept of them. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Any

import msgspec

from eventqueue.audit.rules import Finding
from eventqueue.model.events import Captured, Claimed, Completed, Event, Failed, LateResult, Output, Recorded, stream_of

NOTHING = Output()


class Attempt(msgspec.Struct, frozen=True):
    """A claim, and what it wrote: `output` None where no event tells."""

    claimed: Claimed
    output: Output | None = None


class Tails(msgspec.Struct, frozen=True):
    """What is kept of an attempt's output: the SHA-256 of each tail, None of an empty one."""

    attempt: Any
    stdout: bytes | None
    stderr: bytes | None


def attempts(history: Iterable[Event | None], late: Iterable[Event | None] = ()) -> dict[int, Attempt]:
    """Return each claim of a job by its version; None: an event that cannot be read."""
    found: dict[int, Attempt] = {}
    held: Claimed | None = None
    for version, event in enumerate(history, start=1):
        if held is not None and isinstance(event, Completed | Failed):
            found[version - 1] = Attempt(held, _told(event))
        held = event if isinstance(event, Claimed) else None
        if held is not None:
            found[version] = Attempt(held)
    for result in late:
        if isinstance(result, LateResult) and (one := found.get(result.claim)) is not None and one.output is None:
            found[result.claim] = Attempt(one.claimed, _of_late(result))
    return found


def _told(event: Completed | Failed) -> Output | None:
    # A worker that was lost tells nothing of what its run wrote, which may be kept all the same.
    return event.output or (NOTHING if isinstance(event, Completed) else None)


def _of_late(result: LateResult) -> Output | None:
    try:
        return msgspec.convert(result.data.get("output"), Output | None)
    except msgspec.ValidationError:
        return None


def tails(document: Mapping[str, Any]) -> Tails:
    """Return what a document of `outputs` keeps. Raises LookupError or TypeError for one that is none."""
    return Tails(document["attempt"], _digest(document["stdout"]), _digest(document["stderr"]))


def _digest(tail: bytes) -> bytes | None:
    return sha256(tail).digest() if tail else None


def of_kept(job_id: str, claim: int, kept: Tails, attempt: Attempt | None) -> Iterator[Finding]:
    """Yield in what the kept output of an attempt is not what the log says of it."""
    stream = stream_of("job", job_id)
    if attempt is None:
        problem = "output is kept of an attempt that the log does not have: events are missing, or it was put there"
        yield Finding(stream, claim, problem, "no output", f"output of claim {claim}", is_lost=True)
        return
    if kept.attempt != attempt.claimed.attempt:
        problem = f"its output is kept as of attempt {kept.attempt}, it was attempt {attempt.claimed.attempt}"
        yield Finding(stream, claim, problem, str(attempt.claimed.attempt), str(kept.attempt))
    if attempt.output is None:
        return
    for name, told, found in (
        ("stdout", attempt.output.stdout, kept.stdout),
        ("stderr", attempt.output.stderr, kept.stderr),
    ):
        if _is_told(told) and told.sha256 != found:
            problem = f"its kept {name} is not what it wrote: its SHA-256 is not that in its event"
            yield Finding(stream, claim, problem, _hex(told.sha256), _hex(found))


def _is_told(told: Captured) -> bool:
    return told.sha256 is not None or not told.length


def _hex(digest: bytes | None) -> str:
    return "nothing" if digest is None else digest.hex()


def of_late(stream: str, late: Iterable[Recorded], found: Mapping[int, Attempt]) -> Iterator[Finding]:
    """Yield what is wrong with late results: each is of a claim of its job, by the worker that held it."""
    if not found:
        yield Finding(stream, 1, "its job is not in the log, or was never claimed: events are missing", is_lost=True)
        return
    for recorded in late:
        if not isinstance(result := recorded.event, LateResult):
            continue
        attempt = found.get(result.claim)
        if attempt is None:
            problem = f"it is the result of claim {result.claim}, which its job never had"
            yield Finding(stream, recorded.version, problem, "a claim of its job", f"claim {result.claim}")
        elif attempt.claimed.worker != result.worker:
            problem = f"it is the result of worker {result.worker}, its claim was held by {attempt.claimed.worker}"
            yield Finding(stream, recorded.version, problem, attempt.claimed.worker, result.worker)
