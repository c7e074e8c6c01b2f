"""Leaves in order of stream and version, however many: sorted in runs that wait in temporary files.

A log of a million jobs has some millions of leaves, in the order in which they were sealed, which is no order of the
log. What is held in memory is one run; the files take about as many bytes as the leaves have in the log.
"""

import heapq
from collections.abc import Iterator
from tempfile import TemporaryFile
from typing import IO, Self

RUN = 100_000  # leaves that are sorted in memory
_INDEX = 8  # bytes behind each leaf: its number in the tree


class Sorted:
    """Takes leaves as they come and gives them back in order; a context manager, which removes the files."""

    def __init__(self, run: int = RUN) -> None:
        self._run = run
        self._waiting: list[bytes] = []
        self._files: list[IO[bytes]] = []
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files:
            file.close()

    def add(self, leaf: bytes) -> None:
        """Take the next leaf of the tree."""
        self._waiting.append(leaf + self._count.to_bytes(_INDEX, "big"))
        self._count += 1
        if len(self._waiting) == self._run:
            self._spill()

    def first(self, size: int) -> Iterator[bytes]:
        """Yield the leaves that were among the first `size` ones, in order of stream and version."""
        self._waiting.sort()
        for one in heapq.merge(*map(_read, self._files), self._waiting):
            if int.from_bytes(one[-_INDEX:], "big") < size:
                yield one[:-_INDEX]

    def _spill(self) -> None:
        file = TemporaryFile(prefix="queuectl-")  # noqa: SIM115 - closed at the end of the context
        self._files.append(file)
        for one in sorted(self._waiting):
            file.write(len(one).to_bytes(4, "big") + one)
        self._waiting = []


def _read(file: IO[bytes]) -> Iterator[bytes]:
    file.seek(0)
    while length := file.read(4):
        yield file.read(int.from_bytes(length, "big"))
