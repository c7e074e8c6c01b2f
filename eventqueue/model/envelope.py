"""What stands where in the bytes of a stored event, without decoding it: for who goes through millions of them. Pure.

ARCHITECTURE.md has the layout. Bytes that another layout has are None here: this package writes no such event.
"""

VERSION_MAX = 2**53 - 1  # beyond it what reads JSON need not tell one whole number from the next

_PLACE = b"\x03_id\x00"
_STREAM = b"\x02stream\x00"
_WIDTHS = {b"\x10version\x00": 4, b"\x12version\x00": 8}  # bytes of a whole number
_TS = b"\x11ts\x00"
_HASH = b"\x05hash\x00\x20\x00\x00\x00\x00"
_PREV = b"\x05prev\x00\x20\x00\x00\x00\x00"
_TAIL = 56  # bytes of `ts`, `hash` and the closing zero


def place_in(raw: bytes) -> tuple[bytes, int] | None:
    """Return an event's stream, in UTF-8, and its version; None for one that stands at no version of a stream."""
    if raw[4:9] != _PLACE or raw[13:21] != _STREAM:
        return None
    end = 25 + int.from_bytes(raw[21:25], "little")
    width = _WIDTHS.get(raw[end : end + 9])
    if width is None or int.from_bytes(raw[9:13], "little") != end + width + 1:  # `_id` ends there, with a zero
        return None
    version = int.from_bytes(raw[end + 9 : end + 9 + width], "little", signed=True)
    return (raw[25 : end - 1], version) if 1 <= version <= VERSION_MAX else None


def hash_in(raw: bytes) -> bytes | None:
    """Return the hash that an event has."""
    return raw[-33:-1] if raw[-44:-33] == _HASH else None


def prev_in(raw: bytes) -> bytes | None:
    """Return the hash of the event before it that an event names; None: it names none."""
    return raw[-_TAIL - 32 : -_TAIL] if raw[-_TAIL - 43 : -_TAIL - 32] == _PREV else None


def ts_in(raw: bytes) -> int | None:
    """Return when the server has stamped an event, as BSON has it: seconds, and the increment in the lower 32 bits."""
    return int.from_bytes(raw[-52:-44], "little") if raw[-_TAIL:-52] == _TS else None
