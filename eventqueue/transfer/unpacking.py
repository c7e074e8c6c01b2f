"""What was exported, or another database has, brought into an empty database as the log that it was."""

from collections.abc import Callable, Iterable
from hashlib import sha256
from typing import Any

from pymongo.database import Database

from eventqueue.model.figures import instant
from eventqueue.mongo.arrival import Origin, arrive
from eventqueue.transfer.file import Export
from eventqueue.transfer.lines import Asked


def unpack(database: Database[Any], export: Export, progress: Callable[[int], object] = lambda _: None) -> int:
    """Bring an export's events into an empty database, and return how many they are.

    All of a log is that log again, and has its id, by which seals know it; a part of one is a log of its own, whose id
    follows from the export's. Raises Refused, or LogIncomplete for a database that holds a part of something else.
    """
    first = export.first
    is_all = first.asked == Asked()
    log = first.log if is_all else sha256(f"{first.log} {first.export}".encode()).hexdigest()[:32]
    source = f"of an export that was made at {instant(first.made_at, 'seconds')}"
    origin = Origin(first.export, source, log, "--db", may_be_cut=first.asked.since is not None)
    return arrive(database, origin, export.events(), progress)


def copy(
    database: Database[Any], log: str, source: str, events: Iterable[bytes], progress: Callable[[int], object]
) -> int:
    """Bring all events of a log into an empty database, and return how many they are.

    It is the same log there, by its id, too. `source`: the name of the database that it is from.
    """
    origin = Origin(f"copy of {log}", f"a copy of the one in {source!r}", log, "--into")
    return arrive(database, origin, events, progress)
