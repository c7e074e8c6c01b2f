"""`queuectl audit`: whether what the log and the views say is sound, and the log taken elsewhere."""

from typing import TYPE_CHECKING

import click

from eventqueue.cli.export import export, import_
from eventqueue.cli.options import Group, command
from eventqueue.cli.render.progress import progress
from eventqueue.cli.render.words import count
from eventqueue.cli.session import Session, with_session
from eventqueue.cli.values import TEXT

if TYPE_CHECKING:
    from eventqueue.api.queue import Queue
    from eventqueue.audit.rules import Finding

audit = Group("audit", help="Proving what the log says.")


@command("verify")
@click.argument("job_id", metavar="[ID]", required=False, type=TEXT)
@click.option("--all", "is_all", is_flag=True, help="Every job.")
@with_session
def verify(session: Session, job_id: str | None, is_all: bool) -> int:
    """Prove the history of a job, or of all.

    Versions are dense, hashes chained, transitions legal, and the jobs view equals the fold of the history. Names
    each finding; the exit code is 1 if there is any.

    \b
    queuectl audit verify report
    queuectl audit verify --all
    """
    from eventqueue.cli.render import documents, tables

    if (job_id is None) != is_all:
        raise click.UsageError("Give a job's id, or --all")
    with session.queue() as queue:
        verified, found = (
            (1, list(queue.verify(queue.resolve(job_id)))) if job_id is not None else _verify_all(session, queue)
        )
        session.out.behind(queue.connection.views.refresh())  # what it does not show yet was not held against it
    session.out.document(lambda: documents.findings(verified, found))
    if found and not session.out.as_json:
        session.out.answer(dict, lambda: tables.findings(found))
        # Version 0 is the view, which can be made new; what is wrong in the log nobody can undo.
        remedy = " `queuectl projections rebuild` makes the views new." if any(not one.version for one in found) else ""
        session.out.refuse(f"{count(len(found), 'finding')} in {count(verified, 'job')}.{remedy}")
    if not found:
        session.out.done(f"{count(verified, 'job')} verified, nothing found")
    return 1 if found else 0


def _verify_all(session: Session, queue: "Queue") -> "tuple[int, list[Finding]]":
    verified = 0
    found: list[Finding] = []
    total = sum(sum(counts.values()) for counts in queue.status().queues.values())
    with progress("verifying", total, hidden=session.out.quiet) as advance:
        for _, findings in queue.verify_all():
            verified += 1
            found += findings
            advance(1)
    return verified, [*found, *queue.misplaced()]


for one in (verify, export, import_):
    audit.add_command(one)
