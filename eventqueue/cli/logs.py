"""`queuectl logs`: what an attempt wrote, as much of it as is kept."""

import sys
from typing import TYPE_CHECKING, Any

import click

from eventqueue.cli.known import JOB
from eventqueue.cli.options import command
from eventqueue.cli.session import Session, with_session
from eventqueue.errors import AccessDenied
from eventqueue.system.printable import clean_output
from eventqueue.telling.words import count

if TYPE_CHECKING:
    from eventqueue.api.queue import Queue
    from eventqueue.cli.attempts import Attempt
    from eventqueue.model.tails import Tails
    from eventqueue.mongo.outputs import Kept

STREAMS = ("stdout", "stderr")
CONTINUATIONS = bytes(range(0x80, 0xC0))  # bytes that continue a character in UTF-8
CONTINUATIONS_MAX = 3


@command("logs")
@click.argument("job_id", metavar="ID", type=JOB)
@click.option("--attempt", "number", type=click.IntRange(1), help="Which attempt [default: the last].")
@click.option(
    "--follow", "-f", is_flag=True, help="And what comes, until the job has ended; its exit code as `wait` has it."
)
@click.option("--raw", is_flag=True, help="Its bytes as they are, on a terminal too, and not a word of ours.")
@with_session
def logs(session: Session, job_id: str, number: int | None, *, follow: bool, raw: bool) -> int:
    """Print what an attempt wrote, and what it failed with.

    Its stdout goes to stdout, its stderr to stderr. The last 64 KiB of each are kept. A file or a pipe gets its
    bytes as they are. A terminal gets its text and colours: what else would steer it, and what is no text, is shown
    as \\x07 or \\xff. That it failed, and where in a Python task, is told on stderr after that, but not with --raw.

    Of an attempt that runs it is what is there so far. With --follow what comes is printed as it comes, wherever the
    job runs, through its retries; with --attempt up to the end of that one. The exit code is 0 only if all went well.
    With --json it is an object a line then.

    \b
    queuectl logs report
    queuectl logs report --attempt 1 --raw > report.out
    queuectl logs report --follow
    """
    from eventqueue.cli.attempts import choose
    from eventqueue.model.events import name_in
    from eventqueue.telling.documents import plain

    with session.queue() as queue:
        whole = queue.resolve(job_id)
        if follow:
            from eventqueue.cli import following

            return following.follow(session, queue, whole, number, raw=raw)
        history = queue.history(whole)
        name = name_in(history[0].stream)
        attempt = choose(history, number)
        kept = queue.output(name, attempt.claim)
        is_old = kept is None and _is_older(queue, attempt)
        written = None if attempt.is_over else queue.output_so_far(name)
    tails = {stream: _tail(stream, attempt, kept, written) for stream in STREAMS}
    document = {stream: _captured(stream, attempt, tails[stream], written) for stream in STREAMS}
    is_pruned = kept is None and attempt.output is not None  # who writes nothing has no output in the event either
    about = {
        "id": name,
        "attempt": attempt.number,
        "claim": attempt.claim,
        "ended": attempt.is_over,
        "pruned": is_pruned,
        "error": plain(attempt.error),
    }
    session.out.document(lambda: about | document)
    if not session.out.as_json:
        if is_pruned and not raw and any(one["kept"] < one["length"] for one in document.values()):
            why = "is pruned: it is older than `output-retention` allows" if is_old else "is kept no longer"
            session.out.note(f"What it wrote {why}. Its event has this end of it.")
        if not raw:
            _tell(session, attempt, document, is_shown=written is not None)
        for stream, tail in tails.items():
            _print(tail, document[stream]["text"], is_error=stream == "stderr", raw=raw)
        if not raw:
            _tell_end(session, attempt, has_written=any(tails.values()))
    return 0


def _is_older(queue: "Queue", attempt: "Attempt") -> bool:
    """Whether what it wrote is older than such is kept."""
    try:
        kept_s = queue.connection.outputs.kept_for()
    except AccessDenied:
        return False
    age = None if attempt.ended_at is None else queue.connection.ground.clock.now() - attempt.ended_at
    return bool(kept_s) and age is not None and age.total_seconds() >= kept_s


def _tail(stream: str, attempt: "Attempt", kept: "Kept | None", written: "Tails | None") -> bytes:
    """The end of what was written to one stream: as its worker sent it, from what is kept, else from the event."""
    if written:
        return bytes(getattr(written, stream).kept)
    if kept:
        return bytes(getattr(kept, stream))
    text: str = getattr(attempt.output, stream).text if attempt.output else ""
    return text.encode(errors="surrogatepass")


def _captured(stream: str, attempt: "Attempt", tail: bytes, written: "Tails | None") -> dict[str, Any]:
    recorded = getattr(attempt.output, stream) if attempt.output else None
    known = recorded.length if recorded else getattr(written, stream).total if written else 0
    length = max(known, len(tail))
    return {
        "text": _readable(tail, whole=len(tail) == length),
        "kept": len(tail),
        "length": length,
        "sha256": recorded.sha256.hex() if recorded and recorded.sha256 else None,
    }


def _readable(tail: bytes, *, whole: bool) -> str:
    if not whole:  # a cut may go through a character
        tail = tail[:CONTINUATIONS_MAX].lstrip(CONTINUATIONS) + tail[CONTINUATIONS_MAX:]
    return tail.decode(errors="backslashreplace")


def _tell(session: Session, attempt: "Attempt", document: dict[str, Any], *, is_shown: bool) -> None:
    if is_shown:
        session.out.note(f"Attempt {attempt.number} runs: this is what it has written so far; --follow goes on.")
    elif not attempt.is_over:
        session.out.note(f"Attempt {attempt.number} has not ended: what it writes is kept when it ends.")
    for stream in STREAMS:
        found = document[stream]
        if found["kept"] < found["length"]:
            session.out.note(f"{stream}: the last {count(found['kept'], 'byte')} of {found['length']:,} are kept.")


def _tell_end(session: Session, attempt: "Attempt", *, has_written: bool) -> None:
    if attempt.error is not None:
        from eventqueue.cli.render.details import indented

        session.out.note(f"Attempt {attempt.number} failed: {attempt.error.told}")
        if not session.out.quiet:
            for line in indented((attempt.error.traceback or "").splitlines()):
                click.echo(line, err=True)
    elif attempt.is_over and not has_written:
        session.out.note(f"Attempt {attempt.number} wrote nothing.")


def _print(tail: bytes, text: str, *, is_error: bool, raw: bool) -> None:
    stream = sys.stderr if is_error else sys.stdout
    is_shown = stream.isatty() and not raw
    click.echo(clean_output(text).encode() if is_shown else tail, file=stream.buffer, nl=False)
