"""The driver's errors in this project's words, translated in one place.

Three kinds matter: the server could not be asked (ask again), it will not allow it (an operator must act), and it
refused the document (a defect on our side, or another writer's).
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

from pymongo.errors import (
    AutoReconnect,
    ConfigurationError,
    DocumentTooLarge,
    ExecutionTimeout,
    InvalidName,
    InvalidOperation,
    InvalidURI,
    NetworkTimeout,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WaitQueueTimeoutError,
)

from eventqueue.errors import (
    AccessDenied,
    DatabaseFailed,
    InvalidInput,
    NotAReplicaSet,
    QueueClosed,
    QueueError,
    Unavailable,
    redact,
)
from eventqueue.mongo.connections import renew

DUPLICATE_KEY = 11000
FULL = 1024 * 1024  # bytes that are left on a disk: mongod ends when it finds no room for what it writes at once
_UNAUTHORIZED = {13, 18, 8000}  # Unauthorized, AuthenticationFailed, Atlas's own
_STANDALONE = {20, 40573}  # "Transaction numbers are only allowed on a replica set", "$changeStream … replica sets"
_OUT_OF_DISK = 14031
_SNAPSHOT_GONE = {239, 246}  # SnapshotTooOld, SnapshotUnavailable: it keeps one for minutes, and an election ends it
CURSOR_GONE = {43, 175, 237}  # CursorNotFound (the server was restarted), QueryPlanKilled, CursorKilled
# The server's own list of errors after which a write may be sent again, as codes inside a batch's reply.
TRANSIENT = {6, 7, 50, 64, 89, 91, 112, 134, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436}


def is_transient(error: PyMongoError) -> bool:
    """Whether the outcome is open and asking again may settle it."""
    if _was_stale(error):
        return True
    if isinstance(error, AutoReconnect | NetworkTimeout | ExecutionTimeout | WaitQueueTimeoutError) or error.timeout:
        return True
    retryable = any(error.has_error_label(label) for label in ("RetryableWriteError", "TransientTransactionError"))
    return retryable or (isinstance(error, OperationFailure) and error.code in TRANSIENT)


def may_read_on(error: PyMongoError) -> bool:
    """Whether to read again from where it had come to is of use."""
    return is_transient(error) or (isinstance(error, OperationFailure) and error.code in CURSOR_GONE)


def _was_stale(error: PyMongoError) -> bool:
    """Whether it was refused on a connection that has no sessions; that is not used again."""
    # Every server that we speak with has them, but one that steps down or is in a rollback says nothing of them.
    found = isinstance(error, ConfigurationError) and str(error).startswith("Sessions are not supported")
    if found:
        renew()
    return found


def to_queue_error(error: PyMongoError) -> QueueError:
    """Return the error of this package that says what the driver's error means for a person."""
    text = redact(str(error)).partition(", full error")[0]
    code = error.code if isinstance(error, OperationFailure) else None
    if isinstance(error, InvalidOperation) and "after close" in text:
        return QueueClosed()
    if code in _UNAUTHORIZED:
        return AccessDenied(f"MongoDB refused access: {_asked(text).rstrip('.')}. Check the user's password and roles.")
    if code in _STANDALONE:
        return NotAReplicaSet(STANDALONE)
    if isinstance(error, InvalidName) or code == 73:  # InvalidNamespace: too long, perhaps
        return InvalidInput("db", f"MongoDB accepts no such database name: {text}.")
    if _was_stale(error):
        return Unavailable("MongoDB was changing its primary when this connection was made: try again.")
    if isinstance(error, InvalidURI | ConfigurationError):
        return InvalidInput("uri", f"{text.rstrip('.')}.")
    if is_transient(error):
        return Unavailable(_unreachable(error, text))
    if code in CURSOR_GONE:
        return Unavailable(f"MongoDB no longer knows what was being read ({text.rstrip('.')}): try again.")
    if code in _SNAPSHOT_GONE:
        return Unavailable("MongoDB no longer has the state of the log that was being read: try again.")
    if code == _OUT_OF_DISK or "No space left on device" in text:
        return DatabaseFailed(f"The disk of the MongoDB server is full ({text.rstrip('.')}): make room there.")
    return DatabaseFailed(f"MongoDB refused the request: {text.rstrip('.')}.")


STANDALONE = (
    "This MongoDB is a standalone server, which acknowledges no majority: start it with --replSet rs0 and run "
    "rs.initiate() in mongosh once."
)


def _unreachable(error: PyMongoError, text: str) -> str:
    if isinstance(error, ServerSelectionTimeoutError):
        reason = _plain(text.partition(" (configured timeouts")[0].partition(", Timeout:")[0])
        return f"MongoDB cannot be reached: {reason}. {_full_disk(reason) or _remedy(reason)}"
    is_crowded = isinstance(error, WaitQueueTimeoutError)  # of pools and their sizes nobody knows who only looks
    reason = "no connection to it was had" if is_crowded else text.partition(" (configured timeouts")[0]
    full = _full_disk(reason)
    return f"MongoDB did not answer in time ({reason}){f'. {full}' if full else ': try again.'}"


def _asked(text: str) -> str:
    """Return the server's words without the command that it quotes whole: its name and its collection are enough."""
    return re.sub(r"to execute command \{ (\w+): (?:\"([^\"]*)\")?.*", r"to \1 \2", text, flags=re.DOTALL).rstrip()


def _full_disk(reason: str) -> str | None:
    """Return what to say where a server on this machine is gone and its disk is full: it could not even log why."""
    for socket in _SOCKET.findall(reason):
        directory = os.path.dirname(socket)
        # A home whose path is not fit for a socket is led to from where that lies.
        for place in directory, os.path.realpath(os.path.join(directory, "home")):
            if _is_full(place):
                return f"The disk that holds {place} is full: make room there, and ask again."
    return None


def _is_full(directory: str) -> bool:
    try:
        disk = os.statvfs(directory)
    except OSError:
        return False
    return disk.f_bavail * disk.f_frsize < FULL


def _remedy(reason: str) -> str:
    # Who waits for the local server was given no URI, and starts none: the next command does, or this one.
    local = " If it is the local one, `queuectl db start` starts it." if _SOCKET.search(reason) else ""
    return f"Is it running, and is the URI right?{local}"


def _plain(reason: str) -> str:
    """Return the driver's reason in our own words, where it gives advice of its own or speaks of its inside."""
    if found := re.match(r"Could not reach any servers in \[(.*)\]", reason):
        names = ", ".join(f"{host}:{port}" if port else host for host, port in re.findall(_HOST, found[1]))
        return f"no member of the replica set answers ({names})"
    if found := re.match(r"No replica set members (?:available|found).* name \"(.*)\"", reason):
        return f"no server there is of a replica set named {found[1]}"
    if re.match(r"No (?:primary available|replica set members match|servers match)", reason):
        return "it has no primary just now"
    return "no server was found in time" if reason == "No servers found yet" else reason


_SOCKET = re.compile(r"(/.+?\.sock)\b")
_HOST = r"\('([^']*)', (?:(\d+)|None)\)"


@contextmanager
def translated() -> Iterator[None]:
    """Raise this package's errors for the driver's."""
    try:
        yield
    except PyMongoError as error:
        raise to_queue_error(error) from error
    except DocumentTooLarge as error:  # which the driver has not among its own: it sent nothing
        raise DatabaseFailed(f"MongoDB holds no document of more than 16 MB: {str(error).rstrip('.')}.") from error
