"""A second reader of stored events, which shares no code with the first: slices of BSON, by the rules of bsonspec.org.

What it needs to know of an event is one sentence: its hash is the SHA-256 of its document without the last two
elements, `ts` and `hash`.
"""

from hashlib import sha256
from struct import pack, unpack_from

FIXED = {0x01: 8, 0x08: 1, 0x09: 8, 0x0A: 0, 0x10: 4, 0x11: 8, 0x12: 8}  # double, bool, date, null, ints, timestamp
DOCUMENT, ARRAY, TEXT, BINARY = 0x03, 0x04, 0x02, 0x05


def elements(document: bytes) -> list[tuple[str, bytes, bytes]]:
    """Return a document's elements: name, value, and the whole element as it stands."""
    (length,) = unpack_from("<i", document)
    assert length == len(document)
    assert document[-1] == 0
    found, place = [], 4
    while place < length - 1:
        name_end = document.index(0, place + 1)
        value = name_end + 1
        end = value + size_of(document[place], document, value)
        found.append((document[place + 1 : name_end].decode(), document[value:end], document[place:end]))
        place = end
    return found


def size_of(kind: int, document: bytes, value: int) -> int:
    if kind in FIXED:
        return FIXED[kind]
    (length,) = unpack_from("<i", document, value)
    return int(length) + {DOCUMENT: 0, ARRAY: 0, TEXT: 4, BINARY: 5}[kind]


def recomputed(stored: bytes) -> bytes:
    """Return the hash that a stored event ought to have."""
    kept = b"".join(whole for _, _, whole in elements(stored)[:-2])
    return sha256(pack("<i", len(kept) + 5) + kept + b"\x00").digest()


def told(stored: bytes, name: str) -> bytes:
    """Return the value of one of the event's elements, of a binary its content."""
    ((value, whole),) = [(value, whole) for found, value, whole in elements(stored) if found == name]
    return value[5:] if whole[0] == BINARY else value
