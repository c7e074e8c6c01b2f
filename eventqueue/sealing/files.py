"""Files of seals, kept where the database's administrator does not reach: a seal a line, and only ever added to."""

import os
from collections.abc import Iterator
from fcntl import LOCK_EX, flock
from io import RawIOBase

from eventqueue.audit.seals import SEALS, Seal, encode, misfit, read_line, read_lines, untimely
from eventqueue.errors import BadSeals
from eventqueue.mongo.ground import Ground
from eventqueue.sealing import stored

LINE_MAX = 4096  # bytes: more than any seal's line has


def read(path: str) -> Iterator[Seal]:
    """Yield the seals in a file, in order, held against each other. Raises BadSeals, or OSError."""
    with open(path, "rb") as lines:
        yield from read_lines(lines, repr(path))


def export(ground: Ground, path: str) -> int:
    """Add to a file the seals that it lacks, and return how many these were; one that is not there is made.

    Raises BadSeals, and adds nothing, where the file is of another log, or has a seal that is not the log's; OSError
    where the disk is full, and adds no part of a line.
    """
    number = 0
    with open(path, "ab", buffering=0) as file:
        flock(file, LOCK_EX)  # two who add the same seals would spoil it
        last, end = _agreed(ground, path), file.seek(0, os.SEEK_END)
        try:
            for seal in _after(ground, last, path):
                end += _write(file, encode(seal))
                number += 1
            os.fsync(file.fileno())
        except OSError as error:
            file.truncate(end)
            error.filename = path
            raise
    return number


def _after(ground: Ground, last: Seal | None, path: str) -> Iterator[Seal]:
    """Yield the log's seals behind the last one of a file. Raises BadSeals."""
    for made in stored.seals(ground.log, 0 if last is None else last.number):
        _check_follows(last, made.seal, path)
        if problem := untimely(made.seal, made.recorded.ts):
            raise BadSeals(f"Seal {made.said.number} in the log was forged: {problem}.")
        last = made.seal
        yield last


def _write(file: RawIOBase, line: bytes) -> int:
    left = line
    while left:  # of a disk that is nearly full there is room for a part
        left = left[file.write(left) or 0 :]
    return len(line)


def _agreed(ground: Ground, path: str) -> Seal | None:
    """Return the last seal of a file, which the log has, too. Raises BadSeals.

    Those before it are not looked at, or there would be ever more to do: each names the hash of the one before it.
    """
    if (last := _last(path)) is None:
        return None
    page = ground.log.read(SEALS, last.number - 1, 1)
    found = stored.made_of(page[0]).seal if page else None
    if last.log not in (ground.log_id, found and found.log):
        raise BadSeals(f"{path!r} holds seals of log {last.log}, and this is log {ground.log_id}: name another file.")
    if found != last:
        raise BadSeals(
            f"Seal {last.number} in {path!r} is not the one in the log, so nothing was added: "
            f"`queuectl audit verify --against` says what was altered."
        )
    return last


def _last(path: str) -> Seal | None:
    with open(path, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - LINE_MAX))
        *_, line = [b"", *file.read().splitlines(keepends=True)]
    return read_line(line, f"The last line of {path!r}") if size else None


def _check_follows(last: Seal | None, seal: Seal, path: str) -> None:
    if last is not None and (problem := misfit(last, seal)):
        raise BadSeals(f"The log's seals do not continue those in {path!r}: {problem}.")
