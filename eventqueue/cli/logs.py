"""`queuectl logs`: what an attempt wrote, as much of it as is kept."""

from typing import TYPE_CHECKING, Any

import click

from eventqueue.cli.options import command
from eventqueue.cli.session import Session, with_session
from eventqueue.cli.values import TEXT
from eventqueue.cli.words import count

if TYPE_CHECKING:
    from eventqueue.cli.attempts import Attempt
    from eventqueue.outputs import Kept

STREAMS = ("stdout", "stderr")
CONTINUATIONS = bytes(range(0x80, 0xC0))  # bytes that continue a character in UTF-8
CONTINUATIONS_MAX = 3


@command("logs")
@click.argument("job_id", metavar="ID", type=TEXT)
@click.option("--attempt", "number", type=click.IntRange(1), help="Which attempt [default: the last].")
@with_session
def logs(session: Session, job_id: str, number: int | None) -> None:
    """Print what an attempt wrote.

    Its stdout goes to stdout, its stderr to stderr. The last 64 KiB of each are kept. Bytes that are no text are
    shown as \\xff.
    """
    from eventqueue.cli.attempts import choose
    from eventqueue.events import name_in

    with session.queue() as queue:
        history = queue.history(job_id)
        name = name_in(history[0].stream)
        attempt = choose(history, number)
        kept = queue.output(name, attempt.claim)
    document = {stream: _captured(stream, attempt, kept) for stream in STREAMS}
    about = {"id": name, "attempt": attempt.number, "claim": attempt.claim, "ended": attempt.is_over}
    session.out.document(lambda: about | document)
    if not session.out.as_json:
        _print(session, attempt, document)


def _captured(stream: str, attempt: "Attempt", kept: "Kept | None") -> dict[str, Any]:
    """The end of what was written to one stream, from what is kept, else from the event."""
    recorded = getattr(attempt.output, stream) if attempt.output else None
    text = recorded.text if recorded else ""
    tail = getattr(kept, stream) if kept else text.encode(errors="surrogatepass")
    length = max(recorded.length if recorded else 0, len(tail))
    whole = len(tail) == length
    return {
        "text": _readable(tail, whole=whole) if kept else text,
        "kept": len(tail),
        "length": length,
        "sha256": recorded.sha256.hex() if recorded and recorded.sha256 else None,
    }


def _readable(tail: bytes, *, whole: bool) -> str:
    if not whole:  # a cut may go through a character
        tail = tail[:CONTINUATIONS_MAX].lstrip(CONTINUATIONS) + tail[CONTINUATIONS_MAX:]
    return tail.decode(errors="backslashreplace")


def _print(session: Session, attempt: "Attempt", document: dict[str, Any]) -> None:
    if not attempt.is_over:
        session.out.note(f"Attempt {attempt.number} has not ended: what it writes is kept when it ends.")
    for stream in STREAMS:
        found = document[stream]
        if found["kept"] < found["length"]:
            session.out.note(f"{stream}: the last {count(found['kept'], 'byte')} of {found['length']:,} are kept.")
        click.echo(found["text"].encode(errors="backslashreplace"), nl=False, err=stream == "stderr")
