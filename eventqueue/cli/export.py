"""`queuectl audit export` and `import`: the log taken elsewhere, and back."""

import signal
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

import click

from eventqueue.cli.filters import Wanted
from eventqueue.cli.known import QUEUE, TAG
from eventqueue.cli.options import command
from eventqueue.cli.render.progress import counting
from eventqueue.cli.session import Session, with_session
from eventqueue.cli.values import FILE, TEXT, Choice, Typed, moment_option, shown_path, since_of, until_of
from eventqueue.system.interrupts import interrupting
from eventqueue.system.printable import clean
from eventqueue.telling.words import count

if TYPE_CHECKING:
    from eventqueue.system.whole import Sink

CUT = "Streams that began before --since are without their beginnings: with one of these the file can only be read."


@command("export")
@click.argument("texts", nargs=-1, metavar="[FILTER]...", type=TEXT)
@moment_option("--since", help="What the log took from this time on")
@moment_option("--until", help="Up to this time")
@click.option("--tag", type=TAG, help="Of jobs that were enqueued with this tag.")
@click.option("--queue", "queue_name", type=QUEUE, help="Of this queue, and of jobs that were enqueued in it.")
@click.option("--format", "form", type=Choice(["jsonl", "parquet"]), default="jsonl", help="[default: jsonl]")
@click.option("--out", type=FILE, help="The file to write, which is there once it is whole [default: stdout].")
@with_session
def export(
    session: Session,
    *,
    texts: Sequence[str],
    since: Typed | None,
    until: Typed | None,
    tag: str | None,
    queue_name: str | None,
    form: str,
    out: str | None,
) -> None:
    """Write the log's events to a file, byte for byte.

    A line each, with its fields and its bytes, in the order in which the log took them; docs/format.md tells the form.
    `queuectl audit import` makes the same log of it. Values of environment variables are among them: the file is for
    its owner alone.

    Conditions as text, such as state:dead, choose jobs as they are now, as to `queuectl list`: then it is all that
    happened to these. Such a part of a log says so in its first line, and is a log of its own where it is imported.

    \b
    queuectl audit export --out log.jsonl
    queuectl audit export --tag nightly --since 7d | jq -r 'select(.type == "failed") | .stream'
    queuectl audit export --format parquet --out log.parquet
    queuectl audit export state:dead queue:mail --out dead.jsonl
    """
    from eventqueue.transfer import parquet
    from eventqueue.transfer.lines import Asked

    if form == "parquet":
        if out is None:
            raise click.UsageError("A Parquet file is not for stdout: give --out FILE")
        parquet.check()
    interrupting((signal.SIGTERM, signal.SIGHUP))  # what was begun is removed
    Wanted(texts, {})  # before anything is asked of a database
    is_looked_at = out is None and sys.stdout.isatty()
    with session.queue() as queue:
        now = queue.connection.ground.clock.now()
        begin = since_of(since, now)
        asked = Asked(
            since=begin,
            until=until_of(until, begin, now),
            tag=tag,
            queue=queue_name,
            jobs=" ".join(texts) or None,
        )
        total = queue.log_size() if asked == Asked() else None
        hidden = session.out.quiet or is_looked_at
        with _output(out) as file, counting("exporting", total, hidden=hidden, unit="events") as tell:
            number = queue.export(file, asked, form, tell)
    if out is not None:
        path = shown_path(out)
        session.out.document(lambda: {"file": path, "events": number})
        session.out.done(f"{count(number, 'event')} written to {clean(path)}")
    if since is not None and form == "jsonl":
        session.out.note(CUT)


def _output(out: str | None) -> "AbstractContextManager[Sink]":
    from eventqueue.system.whole import whole_file

    if out is not None:
        return whole_file(out)
    return nullcontext(sys.stdout.buffer)


@command("import")
@click.argument("file", type=FILE)
@with_session
def import_(session: Session, file: str) -> None:
    """Make a log of an export, in a database that is empty.

    Every event as it was, byte for byte; of all of a log it is that log, with its id, and seals of it hold. The file is
    read twice: nothing is imported of one that is cut or altered. What is cut off is gone on with by the same command.

    \b
    queuectl audit import log.jsonl --db inspection
    """
    from eventqueue.connect import unprepared
    from eventqueue.transfer.file import check
    from eventqueue.transfer.unpacking import unpack

    quiet = session.out.quiet
    with counting("checking", None, hidden=quiet, unit="events") as tell:
        export = check(file, tell)
    total = export.last.events
    with (
        unprepared(session.server(), session.db) as database,
        counting("importing", total, hidden=quiet, unit="events") as tell,
    ):
        unpack(database, export, tell)
    with session.queue() as queue:
        queue.connection.views.refresh()
        log = queue.connection.ground.log_id
    session.out.document(lambda: {"db": session.db, "events": total, "log": log})
    session.out.done(f"{count(total, 'event')} imported into {clean(session.db)}, and the views built")
