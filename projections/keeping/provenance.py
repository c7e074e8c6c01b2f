"""Whether the live views are of this log, as it is now, and of these projections."""

from collections.abc import Mapping

from eventqueue.errors import BackupRestored, ForeignViews
from eventqueue.model.codec import head_of
from eventqueue.mongo.ground import Ground
from eventqueue.ports.log import EventLog
from projections.keeping import checkpoint, generation
from projections.keeping.checkpoint import Checkpoint, Last


def recorded(ground: Ground) -> Checkpoint | None:
    """Return the checkpoint of the live views, None if there are none. Raises ForeignViews for another log's."""
    live = generation.current(ground.database)
    found = None if live is None else checkpoint.read(ground.database, live.number)
    if found is not None and found.log != ground.log_id:
        raise ForeignViews(
            "The views in this database were projected from another log: drop its collections `views` and "
            "`checkpoints`, and those whose names end in a dash and a number; they are rebuilt from this one."
        )
    return found


def is_newer(mine: Mapping[str, int], recorded: Mapping[str, int]) -> bool:
    """Whether `mine` has every recorded projection, none in a lower version: then it may rebuild."""
    return all(mine.get(name, 0) >= version for name, version in recorded.items())


def check_in_log(held: Checkpoint, log: EventLog) -> None:
    """Raise BackupRestored where the last event applied is not in the log."""
    if not is_in_log(held, log):
        raise BackupRestored("The views show what the log does not hold, as after a backup was restored: built anew.")


def is_in_log(held: Checkpoint, log: EventLog) -> bool:
    """Whether the last event applied is in the log, unchanged. If not, the log was restored from a backup."""
    if held.last is None or _holds(log, held.last):
        return True
    log.await_acknowledged()  # or an election would look like a restored backup
    return _holds(log, held.last)


def _holds(log: EventLog, last: Last) -> bool:
    # As stored: what follows it in its stream may be poison. And by the hash that it bears, as it was applied: whether
    # that is its content's is for an audit to say, and nothing that views built anew would mend.
    found = log.read_raw(last.stream, last.version - 1, most=1)
    return bool(found) and head_of(found[0]).hash == last.hash
