"""What the attempts of a job wrote: which ones there were, and of one of them the end of its output."""

from collections.abc import Sequence

import msgspec
from starlette.responses import Response

from eventqueue.audit.phases import Kind, Phase, phases
from eventqueue.errors import AccessDenied, InvalidInput
from eventqueue.model.events import Claimed, Completed, Error, Failed, Output, type_of
from eventqueue.model.job import Job
from eventqueue.telling.describe import output_of
from eventqueue.web.asked import Asked
from eventqueue.web.drawing.written import SHOWN_BYTES, Piece, pieces
from eventqueue.web.typed import version

ATTEMPTS_MAX = 30  # the newest, that are told one by one
STREAMS = ("stdout", "stderr")


class Attempt(msgspec.Struct, frozen=True):
    """An attempt: the event by which it began, how it ended ("" as long as it has not), and with what error."""

    phase: Phase
    claimed: Claimed
    claim: int
    ended: str
    error: Error | None
    exit_code: int | None


class Stream(msgspec.Struct, frozen=True):
    """The end of what was written to one stream, of `total` bytes; `kept`: how much of it there still is."""

    name: str
    pieces: Sequence[Piece]
    kept: int
    total: int

    @property
    def is_cut(self) -> bool:
        """Whether there was more than is shown."""
        return self.total > min(self.kept, SHOWN_BYTES)


class Shown(msgspec.Struct, frozen=True):
    """What one attempt wrote; `is_followed`: it runs, and is looked at as it writes."""

    attempt: Attempt
    streams: Sequence[Stream]
    is_followed: bool


def attempts(lived: Sequence[Phase]) -> Sequence[Attempt]:
    """Return the newest attempts of a job's phases, the last first."""
    return _attempts(lived)[::-1][:ATTEMPTS_MAX]


def _attempt(phase: Phase) -> Attempt:
    claimed = phase.since.event
    assert isinstance(claimed, Claimed)
    by = None if phase.until is None else phase.until.event
    error = by.error if isinstance(by, Failed) else None
    code = by.exit_code if isinstance(by, Failed | Completed) else None
    return Attempt(phase, claimed, phase.since.version, "" if by is None else type_of(by), error, code)


def shown(asked: Asked, job: Job, lived: Sequence[Phase]) -> Shown | None:
    """Return what the attempt wrote that is asked for, or the last one; None where there was none."""
    attempt = _asked(asked, job.id, lived)
    if attempt is None:
        return None
    runs = attempt.claim == job.claim and asked.then is None
    if runs and asked.query.get("written") is not None:  # where nothing follows it, as it is by now
        written = asked.queue.output_so_far(job.id)
        found = {} if written is None else {name: getattr(written, name) for name in STREAMS}
        return Shown(attempt, [_stream(name, tail.kept, tail.total) for name, tail in found.items()], runs)
    return Shown(attempt, _kept(asked, job.id, attempt), runs)


def _asked(asked: Asked, job_id: str, lived: Sequence[Phase]) -> Attempt | None:
    """Return the attempt that is asked for, however long ago it was, or the last one. Raises InvalidInput."""
    there, claim = _attempts(lived), claim_of(asked)
    if claim is None:
        return there[-1] if there else None
    found = _with(there, claim)
    if found is None:  # its claim, and what came after that
        older = asked.seen.history(job_id, last=2, before=claim + 2)
        found = _with(_attempts(phases(older, asked.time)), claim)
    if found is None:
        raise InvalidInput("claim", f"{claim} is of no attempt of job {job_id}")
    return found


def _with(some: Sequence[Attempt], claim: int) -> Attempt | None:
    return next((one for one in some if one.claim == claim), None)


def _attempts(lived: Sequence[Phase]) -> list[Attempt]:
    return [_attempt(one) for one in lived if one.kind is Kind.RUNNING]


def _kept(asked: Asked, job_id: str, attempt: Attempt) -> Sequence[Stream]:
    output = None if attempt.phase.until is None else output_of(attempt.phase.until)
    try:
        kept = None if attempt.ended == "" else asked.queue.output(job_id, attempt.claim)
    except AccessDenied:  # its event has some of it
        kept = None
    found = [] if kept is None else [(name, getattr(kept, name)) for name in STREAMS]
    tails = dict(found) or _of_event(output)
    return [_stream(name, tail, _length(output, name, tail)) for name, tail in tails.items() if tail]


def _of_event(output: Output | None) -> dict[str, bytes]:
    if output is None:
        return {}
    return {name: getattr(output, name).text.encode(errors="surrogatepass") for name in STREAMS}


def _length(output: Output | None, name: str, tail: bytes) -> int:
    return max(len(tail), 0 if output is None else getattr(output, name).length)


def _stream(name: str, tail: bytes, total: int) -> Stream:
    return Stream(name, pieces(tail, is_cut=total > len(tail)), len(tail), total)


def claim_of(asked: Asked) -> int | None:
    """Return the claim of the attempt that is asked for. Raises InvalidInput."""
    return version(asked, "claim")


def raw(asked: Asked) -> Response:
    """Return all that is kept of one stream of one attempt, byte for byte, as a file."""
    claim, name = claim_of(asked), asked.path["stream"]
    kept = None if claim is None else asked.queue.output(asked.path["id"], claim)
    if kept is None or name not in STREAMS:
        raise InvalidInput("claim", "is of no attempt of which output is kept")
    headers = {"Content-Disposition": f'attachment; filename="{name}.txt"'}
    return Response(bytes(getattr(kept, name)), media_type="application/octet-stream", headers=headers)
