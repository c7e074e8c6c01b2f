"""The leaves of the tree that seals are over: heads of streams, as bytes, and how the log keeps them. Pure.

A leaf is `stream in UTF-8 || 0x00 || version, 8 bytes, big-endian || the event's hash, 32 bytes`. What stood in the
stream before that event is covered too, since each event names the hash of the one before it.
"""

from collections.abc import Iterable, Iterator

import msgspec

PIECE_MAX = 64 * 1024  # bytes of leaves in one event: it may have 256 KiB, but many events are read at once
_END = 1 + 8 + 32  # bytes behind the stream's name


class Leaf(msgspec.Struct, frozen=True, gc=False, order=True):
    """A stream as it was sealed: up to this version, whose event has this hash."""

    stream: str
    version: int
    hash: bytes

    @property
    def data(self) -> bytes:
        """What is hashed for it. In order of their bytes leaves are in order of stream and version, as in the log."""
        return self.stream.encode() + b"\x00" + self.version.to_bytes(8, "big") + self.hash


def parse(data: bytes) -> Leaf:
    """Return the leaf of these bytes. Raises ValueError for bytes that are none."""
    if len(data) <= _END or data[-_END]:
        raise ValueError("these bytes are no leaf")
    return Leaf(data[:-_END].decode(), int.from_bytes(data[-_END + 1 : -32], "big"), data[-32:])


def is_of(data: bytes, stream: str) -> bool:
    """Whether a leaf's bytes are of a stream."""
    return data[:-_END] == stream.encode()


def pack(leaves: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield the leaves in as few pieces as an event may hold: how many there are, and each behind its length."""
    piece, number = bytearray(), 0
    for one in leaves:
        if number and len(piece) + 2 + len(one) > PIECE_MAX:
            yield number, bytes(piece)
            piece, number = bytearray(), 0
        piece += len(one).to_bytes(2, "big") + one
        number += 1
    if number:
        yield number, bytes(piece)


def unpack(piece: bytes) -> Iterator[bytes]:
    """Yield the leaves in a piece; of one that was altered the last may be cut."""
    start = 0
    while start < len(piece):
        end = start + 2 + int.from_bytes(piece[start : start + 2], "big")
        yield piece[start + 2 : end]
        start = end
