"""Bounded output in memory that a child shares with its worker: what a run had printed is there although it died.

Of each thread of a child, two rings, for stdout and stderr: eight bytes that count all that was written, then its end.
"""

import struct

from eventqueue.worker.shell.output import TAIL_BYTES

_COUNT = struct.Struct("<Q")
RING_BYTES = _COUNT.size + TAIL_BYTES


class Ring:
    """The last bytes of a stream, in memory of RING_BYTES; as `Bounded`."""

    __slots__ = ("_data", "_memory")

    def __init__(self, memory: memoryview) -> None:
        self._memory = memory
        self._data = memory[_COUNT.size :]

    def clear(self) -> None:
        """Begin anew."""
        _COUNT.pack_into(self._memory, 0, 0)

    @property
    def total(self) -> int:
        """How many bytes were fed."""
        found: int = _COUNT.unpack_from(self._memory)[0]
        return found

    def feed(self, chunk: bytes | memoryview) -> None:
        """Append `chunk`; what is older than TAIL_BYTES is overwritten."""
        total = self.total
        kept = chunk[-TAIL_BYTES:]
        start = (total + len(chunk) - len(kept)) % TAIL_BYTES
        first = min(len(kept), TAIL_BYTES - start)
        self._data[start : start + first] = kept[:first]
        self._data[: len(kept) - first] = kept[first:]
        _COUNT.pack_into(self._memory, 0, total + len(chunk))

    def kept(self) -> bytes:
        """Return the last bytes fed."""
        total = self.total
        if total <= TAIL_BYTES:
            return bytes(self._data[:total])
        end = total % TAIL_BYTES
        return bytes(self._data[end:]) + bytes(self._data[:end])


def rings(memory: memoryview, slot: int) -> tuple[Ring, Ring]:
    """Return those of thread number `slot`, from 0, for stdout and stderr."""
    start = 2 * slot * RING_BYTES
    return Ring(memory[start : start + RING_BYTES]), Ring(memory[start + RING_BYTES : start + 2 * RING_BYTES])
