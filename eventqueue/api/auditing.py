"""One verdict over everything, held too against seals from elsewhere, and against what the auditor remembers."""

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from eventqueue.audit.rules import Finding
from eventqueue.audit.verdict import Verdict
from eventqueue.sealing import files, record
from eventqueue.sealing.holding import hold

if TYPE_CHECKING:
    from eventqueue.connect import Connection

Progress = Callable[[int], object]


def audit_all(
    connection: "Connection", progress: Progress, against: str | None, remembered: str | None, since: datetime | None
) -> Verdict:
    """See Queue.verify_all."""
    auditor = connection.auditor
    verdict = auditor.all(progress) if since is None else auditor.since(since, progress)
    more = [*_of_seals(connection, against), *_of_record(connection, verdict, remembered)]
    verdict = replace(verdict, findings=(*verdict.findings, *more))
    if remembered is not None and not verdict.findings:
        record.remember(Path(remembered), record.standing(connection.ground, verdict.events))
    return verdict


def _of_seals(connection: "Connection", against: str | None) -> Iterator[Finding]:
    if against is not None:
        yield from hold(connection.ground, files.read(against))


def _of_record(connection: "Connection", verdict: Verdict, remembered: str | None) -> Iterator[Finding]:
    then = None if remembered is None else record.recall(Path(remembered))
    if then is None:
        return
    if then.log != connection.ground.log_id:
        problem = f"this is log {connection.ground.log_id}, and {remembered!r} remembers log {then.log}"
        yield Finding("layout", 0, problem, then.log, connection.ground.log_id, is_lost=True)
        return
    yield from record.less_than_then(connection.ground, then, verdict.events)
