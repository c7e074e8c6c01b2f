"""Bounded output in memory that a child shares with its worker: what a run had printed is there although it died.

Of each thread of a child, two rings, for stdout and stderr: eight bytes that count all that is being written, eight
that count what has been, then its end. The worker reads while a run goes on, without a lock that a dead child would
keep: by what is being written it knows which of the bytes it has read may be of later ones.
"""

import struct

from eventqueue.worker.shell.output import TAIL_BYTES

# Each written by itself, and in this machine's order: as one word, of which nobody reads a half.
_COUNT = struct.Struct("=Q")
_HEAD_BYTES = 2 * _COUNT.size
RING_BYTES = _HEAD_BYTES + TAIL_BYTES
TRIES = 10  # of a reader, where more is written meanwhile than is kept


class Ring:
    """The last bytes of a stream, in memory of RING_BYTES; as `Bounded`."""

    __slots__ = ("_data", "_memory")

    def __init__(self, memory: memoryview) -> None:
        self._memory = memory
        self._data = memory[_HEAD_BYTES:]

    def clear(self) -> None:
        """Begin anew."""
        _COUNT.pack_into(self._memory, _COUNT.size, 0)
        _COUNT.pack_into(self._memory, 0, 0)

    @property
    def total(self) -> int:
        """How many bytes were fed."""
        return self._count(_COUNT.size)

    def _count(self, at: int) -> int:
        found: int = _COUNT.unpack_from(self._memory, at)[0]
        return found

    def feed(self, chunk: bytes | memoryview) -> None:
        """Append `chunk`; what is older than TAIL_BYTES is overwritten."""
        total = self.total
        kept = chunk[-TAIL_BYTES:]
        start = (total + len(chunk) - len(kept)) % TAIL_BYTES
        first = min(len(kept), TAIL_BYTES - start)
        _COUNT.pack_into(self._memory, 0, total + len(chunk))
        self._data[start : start + first] = kept[:first]
        self._data[: len(kept) - first] = kept[first:]
        _COUNT.pack_into(self._memory, _COUNT.size, total + len(chunk))

    def kept(self) -> bytes:
        """Return the last bytes fed."""
        return self.read()[0]

    def read(self) -> tuple[bytes, int]:
        """Return the last bytes fed, as far as none is overwritten meanwhile, and how many were fed up to these."""
        for _ in range(TRIES):
            total = self.total
            end = total % TAIL_BYTES
            kept = (
                bytes(self._data[:total]) if total <= TAIL_BYTES else bytes(self._data[end:]) + bytes(self._data[:end])
            )
            lost = max(0, self._count(0) - TAIL_BYTES) - max(0, total - TAIL_BYTES)
            if lost <= 0 or lost < len(kept):
                break
        return kept[max(0, lost) :], total


def rings(memory: memoryview, slot: int) -> tuple[Ring, Ring]:
    """Return those of thread number `slot`, from 0, for stdout and stderr."""
    start = 2 * slot * RING_BYTES
    return Ring(memory[start : start + RING_BYTES]), Ring(memory[start + RING_BYTES : start + 2 * RING_BYTES])
