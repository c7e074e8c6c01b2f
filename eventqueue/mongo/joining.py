"""Events that are appended within a transaction of somebody else's: they come with all that it writes, or not at all.

It is of the application's own client, on the same cluster. Whether it is fit for that is told before anything is
written: what a majority has not acknowledged may be rolled back, and a job with it that a worker has run.
"""

from collections.abc import Generator, Mapping, Sequence
from typing import Any, NamedTuple
from weakref import WeakSet

from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient
from pymongo.client_session import ClientSession
from pymongo.errors import OperationFailure, PyMongoError
from pymongo.write_concern import WriteConcern

from eventqueue.errors import AccessDenied, DuplicateJob, InvalidInput
from eventqueue.model.codec import Sealed
from eventqueue.model.events import name_in
from eventqueue.model.portions import portions
from eventqueue.mongo.errors import DUPLICATE_KEY, is_transient, to_queue_error, translated
from eventqueue.mongo.log import MAJORITY, RAW
from eventqueue.ports.footing import Footing
from eventqueue.ports.log import Append

SAY = 'begin it with `start_transaction(write_concern=WriteConcern("majority"))`'

LIFETIME = "transactionLifetimeLimitSeconds"


def lifetime_s(client: MongoClient[Any]) -> float | None:
    """Return how long a transaction may last, in seconds; None where the server does not tell this user."""
    try:
        found: float = client.admin.command({"getParameter": 1, LIFETIME: 1})[LIFETIME]
    except OperationFailure:  # it takes a right which applications do not have
        return None
    return found


class Order(NamedTuple):
    """A command for the client that the session is of; `is_within`: in its transaction."""

    db: str
    command: dict[str, Any]
    is_within: bool = False


Orders = Generator[Order, Mapping[str, Any], None]
"""The commands one after the other, each to be answered by its reply, or by the driver's error, thrown."""


class MongoJoining:
    """See eventqueue.ports.joining.Joining: within transactions on the cluster on which `ground` is.

    What is asked and written is told as orders, for the driver has two kinds of clients: `append` gives them to those
    that block, and whoever has the other kind takes them from `orders`.
    """

    def __init__(self, ground: Footing) -> None:
        self._ground = ground
        self._db = ground.database.name
        self._known: WeakSet[Any] = WeakSet()  # clients by which our log is reached
        self._is_majority: bool | None = None  # what the cluster takes for a write concern that is not given
        self._place: Any = None

    def append(self, session: ClientSession, appends: Sequence[Append]) -> None:
        """See Joining.append."""
        self.know_place(session.client)
        orders = self.orders(session, appends)
        try:
            order = next(orders)
            while True:
                within = session if order.is_within else None
                try:
                    reply = session.client[order.db].command(order.command, session=within)
                except PyMongoError as error:
                    order = orders.throw(error)
                else:
                    order = orders.send(reply)
        except StopIteration:
            return

    def know_place(self, client: Any) -> None:
        """Ask which cluster it is here, which `orders` compares that of a client with that is not known yet."""
        # Not once for all: whom it consists of may have changed since.
        if client not in self._known:
            with translated():
                self._place = _place_in(self._ground.database.client.admin.command("hello"))

    def orders(self, session: Any, appends: Sequence[Append]) -> Orders:
        """Yield what is to be asked and written by the client of a session, of either kind; see Joining.append."""
        if not session.in_transaction:
            raise InvalidInput("session", f"has no transaction: {SAY}, and enqueue in it")
        if session.client not in self._known:
            yield from self._check_place()
            self._known.add(session.client)
        options = session._transaction.opts  # as the driver has resolved them: what it was given, or inherits
        is_durable = yield from self._durable((options and options.write_concern) or WriteConcern())
        if not is_durable:
            raise InvalidInput("session", f"has a transaction that a majority need not acknowledge: {SAY}")
        events = [event for one in appends for event in one.events]
        for portion in portions(events, lambda event: len(event.raw)):
            yield from self._insert(portion)

    def _check_place(self) -> Orders:
        """Refuse a client of another cluster: also of one with a copy of this log."""
        with translated():
            layout = yield Order(
                self._db,
                {"find": "layout", "filter": {"_id": "layout"}, "limit": 1, "readConcern": MAJORITY.document},
            )
            hello = yield Order("admin", {"hello": 1})
        found = [one.get("log") for one in layout["cursor"]["firstBatch"]]
        if found != [self._ground.log_id] or _place_in(hello) != self._place:
            raise InvalidInput("session", f"is of another cluster than this queue, whose log is in {self._db!r}")

    def _durable(self, concern: WriteConcern) -> Generator[Order, Mapping[str, Any], bool]:
        if not concern.is_server_default:
            return concern.document.get("w") == "majority" and concern.document.get("j") is not False
        if self._is_majority is None:
            try:
                with translated():
                    found = yield Order("admin", {"getDefaultRWConcern": 1})
            except AccessDenied:  # not known: then it has to be said
                found = {}
            self._is_majority = found.get("defaultWriteConcern", {}).get("w") == "majority"
        return self._is_majority

    def _insert(self, events: Sequence[Sealed]) -> Orders:
        documents = [RawBSONDocument(event.raw, RAW) for event in events]
        command = {"insert": "events", "documents": documents, "ordered": True}
        try:
            reply = yield Order(self._db, command, is_within=True)
        except PyMongoError as error:
            if isinstance(error, OperationFailure) and error.code == DUPLICATE_KEY:
                raise DuplicateJob(_named(error.details or {})) from error
            if is_transient(error):
                raise
            raise to_queue_error(error) from error
        for failure in reply.get("writeErrors", ()):
            if failure["code"] == DUPLICATE_KEY:
                raise DuplicateJob(name_in(events[failure["index"]].recorded.stream))
            raise to_queue_error(OperationFailure(str(failure.get("errmsg")), failure["code"], failure))


def _place_in(hello: Mapping[str, Any]) -> Any:
    return hello.get("setName"), sorted(hello.get("hosts", ()))


def _named(details: Mapping[str, Any]) -> str:
    key = details.get("keyValue", {}).get("_id", {})
    return name_in(str(key.get("stream"))) if isinstance(key, Mapping) else ""
