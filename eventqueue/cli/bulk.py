"""A file of jobs, one JSON object a line: read twice, so that nothing is added unless every line is a job."""

import sys
import tempfile
from array import array
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from shutil import copyfileobj
from typing import IO, TYPE_CHECKING, Any

import click
import msgspec

from eventqueue.cli.render.progress import progress
from eventqueue.cli.session import Session
from eventqueue.cli.values import json_object, timed
from eventqueue.errors import DifferentJob, InvalidInput, QueueError
from eventqueue.model.spec import Request
from eventqueue.system.printable import clean
from eventqueue.telling.words import count

if TYPE_CHECKING:
    from eventqueue.api.enqueueing import Receipt
    from eventqueue.api.queue import Queue

Check = Callable[[dict[str, Any]], Request]
Lines = Iterator[tuple[int, Request | InvalidInput]]

SAID_MAX = 20  # bad lines that are named one by one
IN_MEMORY = 16 * 1024 * 1024  # bytes of stdin that are not put into a temporary file


class BadLine(msgspec.Struct, frozen=True):
    """A line that is no job, or a job that was refused."""

    line: int
    error: str


def enqueue_file(session: Session, path: str, load: Callable[[], None], *, skip_invalid: bool) -> int:
    """Add every job of the file at `path` and return the exit code; `load` imports what tasks in it need."""
    with session.queue() as queue, _opened(path) as file:
        check = _checking(queue, load)
        good, bad = 0, []
        for number, found in _requests(check, file):
            if isinstance(found, Request):
                good += 1
            else:
                bad.append(BadLine(number, str(found)))
        _name(session, bad)
        if bad and not skip_invalid:
            raise InvalidInput("", f"Nothing was added: {count(len(bad), 'line')} of the file must be put right first.")
        return _add(session, queue, _requests(check, file), good, bad)


def _add(session: Session, queue: "Queue", lines: Lines, good: int, skipped: list[BadLine]) -> int:
    bad = {one.line for one in skipped}
    numbers = array("Q")  # of the lines that were enqueued: results come without them

    def jobs() -> Iterator[Request]:
        for number, found in lines:
            if isinstance(found, Request):
                numbers.append(number)
                yield found
            elif number not in bad:  # it was a job before: too late by now, or the file has changed
                raise InvalidInput("", f"Line {number}: {found}")

    with progress("adding", good, hidden=session.out.quiet) as advance:
        added = 0

        def advanced(number: int) -> None:
            nonlocal added
            added += number
            advance(number)

        try:
            results = queue.enqueue_checked(jobs(), advanced)
        except (QueueError, KeyboardInterrupt) as error:
            added = error.added if isinstance(error, QueueError) else added
            session.out.note(f"{count(added, 'job')} had been added before this:")
            raise
    return _tell(session, list(zip(numbers, results, strict=True)), skipped)


def _tell(session: Session, results: "list[tuple[int, Receipt | DifferentJob]]", skipped: list[BadLine]) -> int:
    from eventqueue.cli.render import existing
    from eventqueue.telling import documents

    refused = [BadLine(number, str(result)) for number, result in results if isinstance(result, DifferentJob)]
    receipts = [result for _, result in results if not isinstance(result, DifferentJob)]
    _name(session, refused)
    problems = {"skipped": _listed(skipped), "refused": _listed(refused)}
    session.out.document(lambda: documents.enqueued_all(receipts) | problems)
    is_new = not receipts or any(one.created for one in receipts)
    (session.out.done if is_new else session.out.note)(existing.summary(receipts, len(skipped), len(refused)))
    for one in receipts:
        session.out.bare(one.id)
    return 1 if refused else 0


def _checking(queue: "Queue", load: Callable[[], None]) -> Check:
    """Return what checks a job, and loads before the first one that is a task."""
    now, is_loaded = queue.connection.ground.clock.now(), False

    def check(fields: dict[str, Any]) -> Request:
        nonlocal is_loaded
        if "task" in fields and not is_loaded:
            is_loaded = True
            load()
        return queue.check(timed(fields, now))

    return check


def _requests(check: Check, file: IO[bytes]) -> Lines:
    """Yield each line's number and its checked request, or why it is none; empty lines are passed over."""
    file.seek(0)
    for number, line in enumerate(file, start=1):
        if line.strip():
            yield number, _request(check, line)


def _request(check: Check, line: bytes) -> Request | InvalidInput:
    try:
        # Some editors put a mark of their encoding in front of the first line.
        return check(json_object(line.removeprefix(BOM_UTF8).decode(), "it"))
    except UnicodeDecodeError as error:
        return InvalidInput("", f"it is not valid UTF-8 at byte {error.start + 1}.")
    except InvalidInput as error:
        return error


def _name(session: Session, bad: list[BadLine]) -> None:
    for one in bad[:SAID_MAX]:
        session.out.refuse(f"Line {one.line}: {one.error}")
    if len(bad) > SAID_MAX:
        session.out.refuse(f"… and {count(len(bad) - SAID_MAX, 'line')} more.")


def _listed(bad: list[BadLine]) -> list[BadLine]:
    return [BadLine(one.line, clean(one.error)) for one in bad]


@contextmanager
def _opened(path: str) -> Iterator[IO[bytes]]:
    """Open what can be read twice: stdin and pipes are copied first."""
    if path == "-" and sys.stdin is None:
        raise InvalidInput("file", "is stdin, which is closed: pipe the jobs in, or name a file")
    # By its bytes, as `main` has them: a locale that lacks a letter of it is not asked.
    named = path if path == "-" else path.encode(errors="surrogateescape")
    with click.open_file(named, "rb") as file:  # type: ignore[arg-type]  # bytes do as well
        if file.seekable():
            yield file
            return
        with tempfile.SpooledTemporaryFile(IN_MEMORY) as copy:
            copyfileobj(file, copy)
            yield copy
