"""`queuectl audit`: whether what the log and the views say is sound, and the log taken elsewhere."""

from typing import TYPE_CHECKING, Any

import click

from eventqueue.cli import seal
from eventqueue.cli.export import export, import_
from eventqueue.cli.known import JOB
from eventqueue.cli.options import Group, command
from eventqueue.cli.render.progress import counting
from eventqueue.cli.session import Session, with_session
from eventqueue.cli.values import FILE, Typed, moment_option, since_of
from eventqueue.errors import JobNotFound
from eventqueue.telling.words import count

if TYPE_CHECKING:
    from eventqueue.api.queue import Queue
    from eventqueue.audit.verdict import Verdict

audit = Group("audit", help="Proving what the log says.")


@command("verify")
@click.argument("job_id", metavar="[ID]", required=False, type=JOB)
@click.option("--all", "is_all", is_flag=True, help="Everything there is.")
@click.option("--against", type=FILE, metavar="FILE", help="With --all: and against the seals that were kept in FILE.")
@click.option("--record", type=FILE, metavar="FILE", help="With --all: and against what it had then.")
@moment_option("--since", help="With --all: only streams that have an event since then")
@click.option("--key", type=FILE, metavar="KEY", help="With --all: and seals must be signed by this public key.")
@with_session
def verify(
    session: Session,
    job_id: str | None,
    *,
    is_all: bool,
    against: str | None,
    record: str | None,
    since: Typed | None,
    key: str | None,
) -> int:
    """Prove a job, or everything.

    The log against its rules (versions dense, hashes chained, transitions legal, time), the collection that it is in,
    what is kept of what jobs wrote, and the views against the fold of the log. It mends nothing, also while traffic
    flows. Names each finding; the exit code is 1 if there is any.

    Whoever administers the database can make a history that keeps every rule. With the seals that `queuectl audit seal
    --export` has put where he does not reach, that is found, too; so it is where seals are signed by a key that he does
    not have, which --key names by its 64 hex digits or a file of them. FILE of --record is your own, is made by the
    first audit that finds nothing, and shows what was cut off since.

    \b
    queuectl audit verify report
    queuectl audit verify --all
    queuectl audit verify --all --against /mnt/elsewhere/seals.jsonl --record ~/audit.json
    queuectl audit verify --all --key ~/seal.pub --record ~/audit.json
    """
    if (job_id is None) != is_all:
        raise click.UsageError("Give a job's id, or --all")
    if job_id is not None and any(one is not None for one in (against, record, since, key)):
        raise click.UsageError("--against, --record, --since and --key are for --all")
    if since is not None and record is not None:
        raise click.UsageError("Give --record or --since, not both: a record is of all that there is")
    with session.queue(prepares=False) as queue:
        if job_id is not None:
            verdict = queue.verify(_resolved(queue, job_id))
        else:
            now = queue.connection.ground.clock.now()
            begin = since_of(since, now)
            verdict = _verify_all(session, queue, against=against, record=record, since=begin, key=key)
    _tell(session, verdict, is_all=since is None)
    if verdict.unrecorded is not None:
        session.out.refuse(verdict.unrecorded)
    return 1 if verdict.findings or verdict.unrecorded else 0


def _tell(session: Session, verdict: "Verdict", *, is_all: bool) -> None:
    from eventqueue.cli.render import findings
    from eventqueue.telling import documents, verdicts

    session.out.document(lambda: documents.verdict(verdict))
    if verdict.findings and not session.out.as_json:
        session.out.answer(dict, lambda: findings.findings(verdict))
    for sentence in verdict.not_held:
        session.out.note(f"Not held against the log: {sentence}")
    for what in verdict.against:
        session.out.note(f"Held against {what}")
    if verdict.findings:
        session.out.refuse(verdicts.summary(verdict))
        return
    if is_all and not verdict.events:
        session.out.note("There is nothing in this log: is it the right database?")
    jobs = f"{count(verdict.jobs, 'job')}, {count(verdict.events, 'event')}"
    session.out.done(f"{jobs} verified, nothing found")


def _resolved(queue: "Queue", job_id: str) -> str:
    try:
        return queue.resolve(job_id)
    except JobNotFound:
        return job_id  # the log may have lost it, and a view have it still


def _verify_all(session: Session, queue: "Queue", **held: Any) -> "Verdict":
    from eventqueue.api.sealing import Seals

    # Where there are seals everything is looked at once more; how much an audit of what has changed is, nobody knows.
    times = 1 if Seals(queue.connection).last() is None and held["against"] is None else 2
    total = None if held["since"] is not None else times * queue.log_size()
    with counting("verifying", total, hidden=session.out.quiet, unit="events") as tell:
        return queue.verify_all(tell, **held)


for one in (verify, export, import_):
    audit.add_command(one)
seal.add_to(audit)
