"""A file that is there when it is whole: written beside its place, and put there in one step."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol, runtime_checkable

from eventqueue.errors import Refused


@runtime_checkable
class Sink(Protocol):
    """A file that was opened for writing bytes."""

    def write(self, data: bytes, /) -> object:
        """Write all of it."""
        ...


@contextmanager
def whole_file(path: str) -> Iterator[Sink]:
    """Write a file, which takes its place at the end, and not at all after an error; readable for its owner alone.

    What was there is replaced. Raises Refused for what is no regular file, OSError where it cannot be written.
    """
    place = Path(path)
    if place.exists() and not place.is_file():
        raise Refused(f"{path} is no regular file, and cannot be replaced by one: name another file.")
    if place.is_symlink() and place.lstat().st_uid not in (os.getuid(), 0):
        raise Refused(f"{path} is a link that another user has made: name another file.")
    place = place.resolve()
    beside = place.with_name(f".{place.name}.{os.urandom(4).hex()}")
    file = _opened(beside, path)
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, place)
    except BaseException as error:
        os.unlink(beside)
        if isinstance(error, OSError) and error.filename is None:
            error.filename = path  # of a disk that is full one wants to know which
        raise


def _opened(beside: Path, path: str) -> BinaryIO:
    try:
        # For its owner alone: what jobs are run with may be secret.
        return open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from None
