"""Events that are appended within a transaction of somebody else's: they come with all that it writes, or not at all.

It is of the application's own client, on the same cluster. Whether it is fit for that is told before anything is
written: what a majority has not acknowledged may be rolled back, and a job with it that a worker has run.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient
from pymongo.client_session import ClientSession
from pymongo.errors import OperationFailure, PyMongoError
from pymongo.write_concern import WriteConcern

from eventqueue.errors import AccessDenied, DuplicateJob, InvalidInput
from eventqueue.model.events import name_in
from eventqueue.model.portions import portions
from eventqueue.mongo.errors import DUPLICATE_KEY, is_transient, to_queue_error, translated
from eventqueue.mongo.log import MAJORITY, RAW
from eventqueue.ports.footing import Footing
from eventqueue.ports.log import Append

SAY = 'begin it with `start_transaction(write_concern=WriteConcern("majority"))`'


class MongoJoining:
    """See eventqueue.ports.joining.Joining: within transactions on the cluster on which `ground` is."""

    def __init__(self, ground: Footing) -> None:
        self._ground = ground
        self._known: WeakKeyDictionary[MongoClient[Any], None] = WeakKeyDictionary()  # whose log is ours
        self._is_majority: bool | None = None  # what the cluster takes for a write concern that is not given

    def check(self, session: ClientSession) -> None:
        """See Joining.check."""
        if not session.in_transaction:
            raise InvalidInput("session", f"has no transaction: {SAY}, and enqueue in it")
        options = session._transaction.opts  # as the driver has resolved them: what it was given, or inherits
        if not self._is_durable((options and options.write_concern) or WriteConcern()):
            raise InvalidInput("session", f"has a transaction that a majority need not acknowledge: {SAY}")
        if session.client not in self._known:
            self._check_place(session.client)
            self._known[session.client] = None

    def _is_durable(self, concern: WriteConcern) -> bool:
        if concern.is_server_default:
            if self._is_majority is None:
                self._is_majority = self._default() == "majority"
            return self._is_majority
        return concern.document.get("w") == "majority" and concern.document.get("j") is not False

    def _default(self) -> Any:
        try:
            with translated():
                found = self._ground.database.client.admin.command("getDefaultRWConcern")
        except AccessDenied:
            return None  # not known: then it has to be said
        return found.get("defaultWriteConcern", {}).get("w")

    def _check_place(self, client: MongoClient[Any]) -> None:
        """Refuse a client of another cluster: also of one with a copy of this log."""
        ours = self._ground.database
        with translated():
            layout = client[ours.name].get_collection("layout", read_concern=MAJORITY).find_one({"_id": "layout"}) or {}
            is_here = layout.get("log") == self._ground.log_id and _members(client) == _members(ours.client)
        if not is_here:
            raise InvalidInput("session", f"is of another cluster than this queue, whose log is in {ours.name!r}")

    def append(self, session: ClientSession, appends: Sequence[Append]) -> None:
        """See Joining.append."""
        events = [event for one in appends for event in one.events]
        for portion in portions(events, lambda event: len(event.raw)):
            command = {
                "insert": "events",
                "documents": [RawBSONDocument(event.raw, RAW) for event in portion],
                "ordered": True,
            }
            try:
                reply = session.client[self._ground.database.name].command(command, session=session)
            except PyMongoError as error:
                if isinstance(error, OperationFailure) and error.code == DUPLICATE_KEY:
                    raise DuplicateJob(_named(error.details or {})) from error
                if is_transient(error):
                    raise
                raise to_queue_error(error) from error
            for failure in reply.get("writeErrors", ()):
                if failure["code"] == DUPLICATE_KEY:
                    raise DuplicateJob(name_in(portion[failure["index"]].recorded.stream))
                raise to_queue_error(OperationFailure(str(failure.get("errmsg")), failure["code"], failure))


def _members(client: MongoClient[Any]) -> Any:
    hello = client.admin.command("hello")
    return hello.get("setName"), sorted(hello.get("hosts", ()))


def _named(details: Mapping[str, Any]) -> str:
    key = details.get("keyValue", {}).get("_id", {})
    return name_in(str(key.get("stream"))) if isinstance(key, Mapping) else ""
