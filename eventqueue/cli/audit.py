"""`queuectl audit`: whether what the log and the views say is sound, and the log taken elsewhere."""

from typing import TYPE_CHECKING, Any

import click

from eventqueue.cli import seal
from eventqueue.cli.export import export, import_
from eventqueue.cli.options import Group, command
from eventqueue.cli.render.progress import counting
from eventqueue.cli.render.words import count
from eventqueue.cli.session import Session, with_session
from eventqueue.cli.values import FILE, TEXT, Typed, moment_option, since_of
from eventqueue.errors import JobNotFound

if TYPE_CHECKING:
    from eventqueue.api.queue import Queue
    from eventqueue.audit.verdict import Verdict

audit = Group("audit", help="Proving what the log says.")


@command("verify")
@click.argument("job_id", metavar="[ID]", required=False, type=TEXT)
@click.option("--all", "is_all", is_flag=True, help="Everything there is.")
@click.option("--against", type=FILE, metavar="FILE", help="With --all: and against the seals that were kept in FILE.")
@click.option("--record", type=FILE, metavar="FILE", help="With --all: and against what it had then.")
@moment_option("--since", help="With --all: only streams that have an event since then")
@with_session
def verify(
    session: Session,
    job_id: str | None,
    *,
    is_all: bool,
    against: str | None,
    record: str | None,
    since: Typed | None,
) -> int:
    """Prove a job, or everything.

    The log against its rules (versions dense, hashes chained, transitions legal, time), the collection that it is in,
    what is kept of what jobs wrote, and the views against the fold of the log. It mends nothing, also while traffic
    flows. Names each finding; the exit code is 1 if there is any.

    Whoever administers the database can make a history that keeps every rule. With the seals that `queuectl audit seal
    --export` has put where he does not reach, that is found, too. FILE of --record is your own, is made by the first
    audit that finds nothing, and shows what was cut off since.

    \b
    queuectl audit verify report
    queuectl audit verify --all
    queuectl audit verify --all --against /mnt/elsewhere/seals.jsonl --record ~/audit.json
    """
    from eventqueue.cli.render import documents, tables

    if (job_id is None) != is_all:
        raise click.UsageError("Give a job's id, or --all")
    if job_id is not None and any(one is not None for one in (against, record, since)):
        raise click.UsageError("--against, --record and --since are for --all")
    if since is not None and record is not None:
        raise click.UsageError("Give --record or --since, not both: a record is of all that there is")
    with session.queue(prepares=False) as queue:
        if job_id is not None:
            verdict = queue.verify(_resolved(queue, job_id))
        else:
            now = queue.connection.ground.clock.now()
            begin = since_of(since, now)
            verdict = _verify_all(session, queue, against=against, record=record, since=begin)
    session.out.document(lambda: documents.verdict(verdict))
    if verdict.findings and not session.out.as_json:
        session.out.answer(dict, lambda: tables.findings(verdict))
    for sentence in verdict.not_held:
        session.out.note(f"Not held against the log: {sentence}")
    jobs = f"{count(verdict.jobs, 'job')}, {count(verdict.events, 'event')}"
    if verdict.findings:
        remedy = " `queuectl projections rebuild` makes the views new." if verdict.is_of_views_alone else ""
        session.out.refuse(f"{count(len(verdict.findings) + verdict.more, 'finding')} in {jobs}.{remedy}")
        return 1
    for what in verdict.against:
        session.out.note(f"Held against {what}")
    if not verdict.events:
        session.out.note("There is nothing in this log: is it the right database?")
    session.out.done(f"{jobs} verified, nothing found")
    return 0


def _resolved(queue: "Queue", job_id: str) -> str:
    try:
        return queue.resolve(job_id)
    except JobNotFound:
        return job_id  # the log may have lost it, and a view have it still


def _verify_all(session: Session, queue: "Queue", **held: Any) -> "Verdict":
    with counting("verifying", queue.log_size(), hidden=session.out.quiet, unit="events") as tell:
        return queue.verify_all(tell, **held)


for one in (verify, export, import_):
    audit.add_command(one)
seal.add_to(audit)
