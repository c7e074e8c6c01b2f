"""The checkpoint of a generation: how far its views have come, and the fence that keeps all but one from moving it.

Nobody writes a checkpoint but the transaction that applies a batch (its filter names token *and* fence) and a
takeover (which increments the fence). Whoever lost its place matches nothing and aborts.
"""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

import msgspec
from bson.binary import UUID_SUBTYPE, Binary
from bson.timestamp import Timestamp
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError, OperationFailure
from pymongo.read_preferences import ReadPreference

from eventqueue.errors import Fenced, ViewsDamaged
from eventqueue.model.codec import CODEC
from eventqueue.model.events import Recorded
from eventqueue.mongo.errors import translated
from eventqueue.mongo.log import DURABLE, MAJORITY

Token = Mapping[str, Any]
"""A change stream's resume token: where to go on reading."""


class Last(msgspec.Struct, frozen=True):
    """The last event applied: read back from the log, it shows whether this still is the log it came from."""

    stream: str
    version: int
    hash: bytes


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """How far a generation's views have come."""

    generation: int
    log: str
    projections: dict[str, int]  # the recorded set: name -> version
    fence: int
    session: bytes  # the id of the holder's session, which its transactions are in
    token: Token
    applied: int = 0  # events, over the life of the generation
    moved_at: datetime | None = None  # on the database's clock
    last: Last | None = None
    collections: dict[str, bytes] | None = None  # their UUIDs: one that was dropped comes back with another
    rescanned: int | None = None  # a time, in seconds: up to then the log itself was read again, behind the token
    built: int | None = None  # of a generation that is being built: events, as last shown


def checkpoints(database: Database[Any]) -> Collection[Any]:
    """The collection of checkpoints, one document a generation."""
    return database.get_collection("checkpoints", CODEC, ReadPreference.PRIMARY, DURABLE, MAJORITY)


def create(database: Database[Any], checkpoint: Checkpoint) -> None:
    """Write the checkpoint of a new generation. Raises Fenced if another process is building one of this number."""
    document = msgspec.to_builtins(checkpoint, builtin_types=(bytes, datetime))
    document["_id"] = document.pop("generation")
    with translated():
        try:
            checkpoints(database).insert_one(document)
        except DuplicateKeyError:
            raise Fenced(f"Generation {checkpoint.generation} of the views is being built already.") from None


def read(database: Database[Any], generation: int) -> Checkpoint | None:
    """Return a generation's checkpoint, None if there is none."""
    with translated():
        found = checkpoints(database).find_one({"_id": generation})
    return None if found is None else parsed(found)


def read_all(database: Database[Any]) -> list[Checkpoint]:
    """Return the checkpoints of all generations: the live one, one that is being built, and what is left of others."""
    with translated():
        return [parsed(document) for document in checkpoints(database).find()]


def show(database: Database[Any], generation: int, applied: int) -> None:
    """Let others see how far the building of a generation has come."""
    with translated():
        checkpoints(database).update_one({"_id": generation}, {"$set": {"built": applied}})


def note_rescanned(database: Database[Any], held: Checkpoint, up_to: int) -> None:
    """Note up to which time of the log all is applied, for who has to go on with a re-scan."""
    with translated():
        checkpoints(database).update_one({"_id": held.generation, "fence": held.fence}, {"$max": {"rescanned": up_to}})


def keep_collections(database: Database[Any], generation: int, collections: Mapping[str, bytes] | None) -> None:
    """Note by which UUIDs a generation's collections are known; nothing where they are unknown."""
    if collections is not None:
        with translated():
            checkpoints(database).update_one({"_id": generation}, {"$set": {"collections": dict(collections)}})


def delete(database: Database[Any], generation: int) -> None:
    """Forget a generation that is gone."""
    with translated():
        checkpoints(database).delete_one({"_id": generation})


RETIRED = {"$set": {"is_retired": True}, "$inc": {"fence": 1}}
"""The update after which nobody can move a checkpoint any more, nor take it over."""


def take_over(database: Database[Any], generation: int, session: ClientSession) -> Checkpoint:
    """Increment the fence and return the checkpoint: from now on only the caller can move it, in `session`.

    Never end that session: the driver would use it again for anything, and the next takeover ends all that is in it.
    Raises Fenced if the generation is gone.
    """
    with translated():
        end_transactions(database, generation)
        document = checkpoints(database).find_one_and_update(
            {"_id": generation, "is_retired": None},
            {"$inc": {"fence": 1}, "$set": {"session": id_of(session)}},
            return_document=True,
        )
    if document is None:
        raise Fenced(f"Generation {generation} of the views is gone.")
    return parsed(document)


def id_of(session: ClientSession) -> bytes:
    """Return a session's id, by which others can end what it leaves behind."""
    return bytes(session.session_id["id"])


def end_transactions(database: Database[Any], generation: int) -> None:
    """End what the last who held a generation's checkpoint may have left open, and nobody else's.

    The transaction of a process killed in the middle of a batch would otherwise keep its documents locked until the
    server gives it up, after 60 to 90 s. One that lives finds itself fenced, or tries its batch again.
    """
    held = checkpoints(database).distinct("session", {"_id": generation})
    sessions = [{"id": Binary(one, UUID_SUBTYPE)} for one in held]
    if sessions:  # an empty list would mean all sessions there are
        with suppress(OperationFailure):  # where a role may not, the successor waits for the server
            database.command("killSessions", sessions)


def advance(
    database: Database[Any],
    held: Checkpoint,
    token: Token,
    *,
    applied: int,
    last: Recorded | Last | None,
    now: datetime,
    session: ClientSession | None = None,
) -> Checkpoint:
    """Move the checkpoint on from where the caller holds it, inside the caller's transaction.

    Raises Fenced where token or fence are no longer what the caller holds.
    """
    changes: dict[str, Any] = {"token": token, "moved_at": now}
    if last is not None:
        changes["last"] = {"stream": last.stream, "version": last.version, "hash": last.hash}
    # In a transaction the transaction's own concerns hold; a handle's would be refused.
    held_in = checkpoints(database) if session is None else database["checkpoints"]
    moved = held_in.update_one(
        {"_id": held.generation, "token": held.token, "fence": held.fence},
        {"$set": changes, "$inc": {"applied": applied}},
        session=session,
    )
    if moved.matched_count != 1:
        raise Fenced("Another process has taken the projector's place.")
    return msgspec.structs.replace(
        held,
        token=token,
        applied=held.applied + applied,
        moved_at=now,
        last=held.last if last is None else Last(last.stream, last.version, last.hash),
    )


def token_time(token: Token) -> Timestamp:
    """Return the cluster time in a resume token, all events up to which a stream opened there has passed.

    `_data` is a hexadecimal KeyString that begins with the cluster time: type byte 0x82, then seconds and increment
    as big-endian 32-bit numbers. The server's own tools print it from there, in 4.2 to 8.0 alike.
    Raises ViewsDamaged for what is no token.
    """
    try:
        data = token["_data"]
        return Timestamp(int(data[2:10], 16), int(data[10:18], 16))
    except (KeyError, TypeError, ValueError):
        raise ViewsDamaged(
            "The views are damaged (their place in the log cannot be read): a projector builds them anew, or "
            "`queuectl projections rebuild`."
        ) from None


def parsed(document: Mapping[str, Any]) -> Checkpoint:
    """Return the checkpoint in a stored document."""
    return msgspec.convert({**document, "generation": document["_id"]}, Checkpoint)
