"""`server.json`: where this home's server listens, and which process was last seen writable there.

A hint with a check: what it says counts only while that process listens there and holds this home's data.
So a record that is stale, corrupt or copied costs a start, and never leads to another server.
"""

from urllib.parse import quote

import msgspec

from eventqueue.server.homedir import HomeDir
from eventqueue.server.processes import Process


class Record(msgspec.Struct, frozen=True):
    """What is known of the server; `process` is None until it has been seen as a writable primary."""

    home: str  # whose record this is: a moved or copied home does not take over the socket of the original
    socket: str
    process: Process | None = None
    version: str = ""


def read(home: HomeDir) -> Record | None:
    """Return the home's record, or None if there is none to be read."""
    try:
        return msgspec.json.decode(home.record.read_bytes(), type=Record)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def write(home: HomeDir, record: Record) -> None:
    """Replace the home's record, whole or not at all."""
    home.replace(home.record, msgspec.json.encode(record))


def name(home: HomeDir) -> str:
    """Return the home's path in plain ASCII: a file name need not be valid UTF-8, JSON has to be."""
    return quote(bytes(home.root))


def recorded_socket(home: HomeDir, record: Record | None) -> str | None:
    """Return the path that this very home has recorded, or None."""
    return record.socket if record and record.home == name(home) else None
