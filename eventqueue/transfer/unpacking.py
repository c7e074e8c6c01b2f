"""What was exported, or another database has, brought into an empty database as the log that it was."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from hashlib import sha256
from typing import Any

from pymongo.database import Database

from eventqueue.errors import Refused
from eventqueue.model.codec import EPOCH
from eventqueue.model.figures import moment
from eventqueue.mongo.arrival import Origin, arrive
from eventqueue.mongo.clock import majority_time
from eventqueue.transfer.file import Export
from eventqueue.transfer.lines import Asked

AHEAD_MAX_S = 86_400  # of one clock before another: what is further ahead no clock has said


def unpack(database: Database[Any], export: Export, progress: Callable[[int], object] = lambda _: None) -> int:
    """Bring an export's events into an empty database, and return how many they are.

    All of a log is that log again, and has its id, by which seals know it; a part of one is a log of its own, whose id
    follows from the export's. Raises Refused, as for a log that was sealed at a time that is yet to come here, or
    LogIncomplete for a database that holds a part of something else.
    """
    first = export.first
    _check_clock(database, export)
    is_all = first.asked == Asked()
    log = first.log if is_all else sha256(f"{first.log} {first.export}".encode()).hexdigest()[:32]
    source = f"of an export that was made at {moment(first.made_at, 'seconds')}"
    origin = Origin(first.export, source, log, "--db", may_be_cut=first.asked.since is not None, is_part=not is_all)
    return arrive(database, origin, export.events(), progress)


def _check_clock(database: Database[Any], export: Export) -> None:
    # What is appended before that could not be told from what somebody has put in behind the seals.
    now, until = majority_time(database), export.sealed_until
    if now < until and until.time - now.time <= AHEAD_MAX_S:
        at = moment(EPOCH + timedelta(seconds=until.time))
        raise Refused(
            f"{export.path} holds a log that was sealed until {at}, by a server whose clock was ahead of this one's: "
            "import it after that, or set this clock right. Nothing was imported."
        )


def copy(
    database: Database[Any], log: str, source: str, events: Iterable[bytes], progress: Callable[[int], object]
) -> int:
    """Bring all events of a log into an empty database, and return how many they are.

    It is the same log there, by its id, too. `source`: the name of the database that it is from.
    """
    origin = Origin(f"copy of {log}", f"a copy of the one in {source!r}", log, "--into")
    return arrive(database, origin, events, progress)
