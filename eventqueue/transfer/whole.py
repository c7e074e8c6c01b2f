"""A file that is there when it is whole: written beside its place, and put there in one step."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Protocol, runtime_checkable

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
        raise Refused(f"{path} is no regular file, and cannot be replaced by one: leave out --out to write to stdout.")
    place = place.resolve()
    # What jobs are run with may be secret: a temporary file is made for its owner alone, and stays so.
    with NamedTemporaryFile(dir=place.parent, prefix=f".{place.name}.", delete=False) as file:
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
            os.replace(file.name, place)
        except BaseException:
            os.unlink(file.name)
            raise
