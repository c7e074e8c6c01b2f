"""One verdict over everything, held too against seals, and against what the auditor remembers."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from eventqueue.audit.rules import Finding
from eventqueue.audit.seals import SEALS, Seal, misfit
from eventqueue.audit.verdict import Verdict
from eventqueue.errors import BadSeals, InvalidInput, LogCorrupt
from eventqueue.model.figures import instant
from eventqueue.sealing import files, record, stored
from eventqueue.sealing.holding import hold

if TYPE_CHECKING:
    from eventqueue.connect import Connection

Progress = Callable[[int], object]


def audit_all(
    connection: "Connection", progress: Progress, against: str | None, remembered: str | None, since: datetime | None
) -> Verdict:
    """See Queue.verify_all."""
    with _named("record"):
        if remembered is not None and not Path(remembered).parent.is_dir():
            raise InvalidInput("record", "is in a directory that is not there")
        then = None if remembered is None else record.recall(Path(remembered))
    # What is wrong with the file is told at once, and not after the hour that the rest may take.
    with _named("against"):
        last = deque(() if against is None else files.read(against), maxlen=1)
    auditor = connection.auditor
    verdict = auditor.all(progress) if since is None else auditor.since(since, progress)
    of_seals = _of_seals(connection, against, is_all=since is None)
    verdict = replace(
        verdict,
        findings=(*verdict.findings, *of_seals, *_of_record(connection, verdict, then)),
        against=tuple(_told(last, remembered, then)),
    )
    if remembered is not None and not verdict.findings:
        with _named("record"):
            record.remember(Path(remembered), record.standing(connection.ground, verdict.events))
    return verdict


def _told(last: Iterable[Seal], remembered: str | None, then: record.Standing | None) -> Iterator[str]:
    for seal in last:
        yield f"the seals that were kept, the last of them seal {seal.number} of {instant(seal.at, 'seconds')}"
    if then is not None:
        yield f"what it had on {instant(then.at, 'seconds')}"
    elif remembered is not None:
        yield "nothing that was remembered: the record begins with this"


@contextmanager
def _named(argument: str) -> Iterator[None]:
    """Raise InvalidInput, with the argument's name, where there can be no such file."""
    try:
        yield
    except (OSError, ValueError) as error:
        problem = error.strerror if isinstance(error, OSError) else str(error)
        raise InvalidInput(argument, f"is no file that can be used: {problem}") from None


def _of_seals(connection: "Connection", against: str | None, *, is_all: bool) -> Iterator[Finding]:
    if against is not None:
        yield from hold(connection.ground, files.read(against))
        return
    if not is_all:
        return
    # The log's own seals: these prove nothing, but a forged one shows.
    try:
        if stored.last(connection.ground.log) is not None:
            yield from hold(connection.ground, _own(connection))
    except (BadSeals, LogCorrupt) as error:
        yield Finding(SEALS, 0, str(error).rstrip("."))


def _own(connection: "Connection") -> Iterator[Seal]:
    before: Seal | None = None
    for made in stored.seals(connection.ground.log):
        if before is not None and (problem := misfit(before, made.seal)):
            raise LogCorrupt(f"{problem}.")
        before = made.seal
        yield before


def _of_record(connection: "Connection", verdict: Verdict, then: record.Standing | None) -> Iterator[Finding]:
    if then is None:
        return
    if then.log != connection.ground.log_id:
        problem = f"this is log {connection.ground.log_id}, and the record remembers log {then.log}"
        yield Finding("layout", 0, problem, then.log, connection.ground.log_id, is_lost=True)
        return
    try:
        yield from record.less_than_then(connection.ground, then, verdict.events)
    except LogCorrupt as error:
        yield Finding(SEALS, then.seal, str(error).rstrip("."))
