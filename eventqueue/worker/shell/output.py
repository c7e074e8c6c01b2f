"""Bounded output: the end of what a command printed, and how much it was in all.

Memory is bounded by the limit whatever is fed, in whatever pieces. Pure, and imported by the launcher: no imports.
"""

TAIL_BYTES = 64 * 1024
TEXT_BYTES = 1024


class Bounded:
    """The last `limit` bytes of a stream, with the stream's total length."""

    __slots__ = ("_kept", "_limit", "total")

    def __init__(self, limit: int = TAIL_BYTES) -> None:
        if limit < 1:
            raise ValueError(f"limit is {limit}: at least one byte has to be kept")
        self._limit = limit
        self._kept = bytearray()
        self.total = 0

    def feed(self, chunk: bytes | memoryview) -> None:
        """Append `chunk`; what is older than the limit is forgotten."""
        self.total += len(chunk)
        self._kept += chunk[-self._limit :]
        # A bytearray drops its front without moving the rest.
        del self._kept[: -self._limit]

    def kept(self) -> bytes:
        """Return the last bytes fed, at most `limit`: bytes, not text, since a cut may split a character."""
        return bytes(self._kept)


def text_tail(tail: bytes) -> str:
    """Return the last 1 KiB of `tail` as text; what is no UTF-8 stays readable as `\\x…`."""
    start = max(0, len(tail) - TEXT_BYTES)
    # The cut may have split a character: drop what is left of it, three bytes at most.
    while start and start < len(tail) - TEXT_BYTES + 3 and tail[start] & 0xC0 == 0x80:
        start += 1
    return tail[start:].decode(errors="backslashreplace")
