"""`queuectl logs --follow`: what a job writes, as it writes it, until it has ended."""

import codecs
import signal
import sys
import threading
from contextlib import suppress
from itertools import takewhile
from typing import TYPE_CHECKING, Any

import click

from eventqueue.api.following import AttemptBegan, AttemptEnded, AttemptUnseen, AttemptWrote, Followed
from eventqueue.cli.session import Session
from eventqueue.errors import AccessDenied, Refused
from eventqueue.model.job import FINAL, State
from eventqueue.system.interrupts import on_signals
from eventqueue.system.printable import OutputFlow, clean
from eventqueue.telling.words import count
from eventqueue.telling.zone import moment

if TYPE_CHECKING:
    from eventqueue.api.queue import Queue

INTERRUPTED = 130


def follow(session: Session, queue: "Queue", job_id: str, number: int | None, *, raw: bool) -> int:
    """Print what the attempts of a job write, and return the exit code: 0 only where all went well."""
    # Heard between two looks, and not raised in the middle of the driver, which cannot be used afterwards.
    stop = threading.Event()
    on_signals([signal.SIGINT, signal.SIGTERM], stop.set, is_once=True)
    shown = _Lines(job_id) if session.out.as_json else _Text(session, raw=raw)
    began = ended = None
    for one in takewhile(lambda _: not stop.is_set(), queue.follow_output(job_id, number)):
        if one is None:
            if began is None:
                began = shown.waits(queue, job_id)
            continue
        began, ended = True, one.by if isinstance(one, AttemptEnded) else None
        shown.show(one)
        if ended == "failed" and number is None:
            shown.goes_on(queue, job_id)
    if stop.is_set():
        return INTERRUPTED
    if number is not None:
        return 0 if ended == "completed" else 1
    if began is None:
        raise Refused(f"Job {job_id} was cancelled before it ran.")
    return shown.over(queue, job_id)


class _Text:
    """For people, and for pipes: their streams apart, and what there is to say about them on stderr."""

    def __init__(self, session: Session, *, raw: bool) -> None:
        self._out = session.out
        self._raw = raw
        self._flows = {"stdout": OutputFlow(), "stderr": OutputFlow()}
        self._attempt = 0
        self._is_in_line = False

    def show(self, one: Followed) -> None:
        match one:
            case AttemptBegan(attempt=attempt, host=host):
                self._attempt = attempt
                self._note(f"Attempt {attempt}, on {host}:")
            case AttemptWrote(stream=stream, data=data, lost=lost):
                if lost:
                    self._note(f"{stream}: what came before this, {count(lost, 'byte')}, is not kept.")
                self._print(stream, data)
            case AttemptUnseen(why=why):
                self._note(f"What it writes cannot be seen for now: {why}.")
            case AttemptEnded(by=by, error=error):
                for stream in self._flows:
                    self._print(stream, b"", is_end=True)
                if error is not None:
                    self._note(f"Attempt {self._attempt} failed: {error.told}")
                    self._lines(error.traceback)
                elif by == "released":
                    self._note(f"Attempt {self._attempt} was handed back.")

    def waits(self, queue: "Queue", job_id: str) -> bool:
        """Say once why there is nothing yet."""
        from eventqueue.audit.clauses import sentence

        with suppress(AccessDenied):  # to who may read the log alone there is nothing to say
            self._note(sentence(queue.explain(queue.history(job_id)).clauses[0]))
        return True

    def goes_on(self, queue: "Queue", job_id: str) -> None:
        """Say when a job that failed is tried again."""
        job = queue.get(job_id)
        if job.state is State.FAILED and job.due_at is not None:
            self._note(f"It is tried again at {moment(job.due_at, 'seconds')}.")

    def over(self, queue: "Queue", job_id: str) -> int:
        """Say how the job has ended; return the exit code."""
        job = queue.get(job_id)
        if job.state is State.COMPLETED:
            self._note(f"Job {job.id} completed.")
            return 0
        if job.state in FINAL:
            self._break()
            self._out.refuse(f"Job {job.id} is {job.state}")
        return 1

    def _print(self, stream: str, data: bytes, *, is_end: bool = False) -> None:
        file = sys.stderr if stream == "stderr" else sys.stdout
        if file.isatty() and not self._raw:
            data = self._flows[stream].feed(data, is_end=is_end).encode(errors="backslashreplace")
        if data:
            click.echo(data, file=file.buffer, nl=False)
            self._is_in_line = file.isatty() and not data.endswith((b"\n", b"\x1b[0m"))

    def _note(self, sentence: str) -> None:
        if not self._raw and not self._out.quiet:
            self._break()
            self._out.note(sentence)

    def _lines(self, traceback: str | None) -> None:
        if not self._raw and not self._out.quiet:
            for line in (traceback or "").splitlines():
                click.echo(f"  {clean(line.expandtabs())}", err=True)

    def _break(self) -> None:
        """Begin a line of ours, where a job has not ended its own."""
        if self._is_in_line:
            click.echo(err=True)
        self._is_in_line = False


class _Lines:
    """For machines: a JSON object a line."""

    def __init__(self, job_id: str) -> None:
        self._job_id = job_id
        self._of: dict[str, Any] = {}
        self._texts: dict[str, codecs.IncrementalDecoder] = {}

    def show(self, one: Followed) -> None:
        from eventqueue.telling.documents import plain

        match one:
            case AttemptBegan(attempt=attempt, claim=claim, worker=worker, host=host):
                self._of = {"attempt": attempt, "claim": claim, "worker": worker, "host": host}
                self._texts = {name: codecs.getincrementaldecoder("utf-8")("backslashreplace") for name in _STREAMS}
                self._line("began")
            case AttemptWrote(stream=stream, data=data, lost=lost):
                self._line("wrote", stream=stream, text=self._texts[stream].decode(data), lost=lost)
            case AttemptUnseen(why=why):
                self._line("unseen", why=why)
            case AttemptEnded(by=by, error=error):
                for name, text in self._texts.items():
                    if rest := text.decode(b"", final=True):
                        self._line("wrote", stream=name, text=rest, lost=0)
                self._line("ended", by=by, error=plain(error))

    def waits(self, queue: "Queue", job_id: str) -> bool:  # noqa: ARG002 - as _Text.waits
        """Say nothing: what comes is told when it comes."""
        return True

    def goes_on(self, queue: "Queue", job_id: str) -> None:
        """Say nothing: see `waits`."""

    def over(self, queue: "Queue", job_id: str) -> int:
        """Tell the job's last state; return the exit code."""
        state = queue.get(job_id).state
        self._line("over", state=state)
        return 0 if state is State.COMPLETED else 1

    def _line(self, event: str, **fields: object) -> None:
        from eventqueue.cli.render.printing import print_line

        print_line({"event": event, "id": self._job_id, **_NOTHING, **self._of, **fields})


_STREAMS = ("stdout", "stderr")
_FIELDS = ("attempt", "claim", "worker", "host", "stream", "text", "lost", "why", "by", "error", "state")
_NOTHING: dict[str, Any] = dict.fromkeys(_FIELDS)
