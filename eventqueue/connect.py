"""The composition root: the one place where the write side meets the read side, and both meet a database."""

import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pymongo
from msgspec.structs import replace
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.read_preferences import ReadPreference

from eventqueue.audit.verdict import Auditor
from eventqueue.errors import InvalidInput, NotAReplicaSet, redact
from eventqueue.model import (
    acts,  # noqa: F401 - which makes its events known
    ignoring,  # noqa: F401 - likewise
    lives,  # noqa: F401 - likewise
    settings,
    upkeep,  # noqa: F401 - likewise
)
from eventqueue.mongo.connections import renewable
from eventqueue.mongo.endings import Endings
from eventqueue.mongo.errors import STANDALONE, translated
from eventqueue.mongo.ground import Ground, look_at, stand_on
from eventqueue.mongo.incarnations import Incarnations
from eventqueue.mongo.joining import MongoJoining
from eventqueue.mongo.outputs import Outputs
from eventqueue.mongo.progress import Progresses
from eventqueue.mongo.rights import user_of
from eventqueue.mongo.watches import Watches
from eventqueue.ports.finder import JobFinder, SignalFeed
from eventqueue.ports.views import Operator, Trial, Views
from eventqueue.schedules import events  # noqa: F401 - likewise
from eventqueue.sealing.duty import Sealing
from eventqueue.sealing.sealer import Sealer
from eventqueue.sealing.signing import load
from eventqueue.steering import configuration
from eventqueue.system.people import signed
from eventqueue.ticking.ticker import Ticker
from projections.auditing.auditor import ViewAuditor
from projections.keeping.projector import Projector
from projections.keeping.signals import Signals
from projections.reading.candidates import ViewFinder
from projections.reading.operator import ViewOperator
from projections.reading.reader import ViewReader
from projections.reading.trial import trial
from projections.registry import installed, named

CALL_MS = 10_000  # a deadline for every call: by default the driver waits for ever
CLOSE_S = 2.0  # for sessions that are given back; what is not, the server forgets by itself
SEAL_KEY = "QUEUECTL_SEAL_KEY"  # of the environment: a file
FIND_SERVER_MS = 5_000  # for the first call: whether there is a server at all


class Connection(msgspec.Struct, frozen=True):
    """Everything a process needs of one database. One a process, made after fork."""

    client: MongoClient[Any]
    ground: Ground
    views: Views
    operator: Operator
    auditor: Auditor
    finder: JobFinder
    signals: SignalFeed
    endings: Endings
    joining: MongoJoining
    outputs: Outputs
    progresses: Progresses
    watches: Watches
    incarnations: Incarnations
    settings: Mapping[str, settings.Source]
    user: str | None  # as whom the server knows this process
    actor: str

    def close(self) -> None:
        """Give all sockets back."""
        # Under a deadline of its own: a Ctrl-C in the middle of the driver can leave one that never ends behind, with
        # which it cannot count.
        try:
            with pymongo.timeout(CLOSE_S):
                self.client.close()
        finally:
            self.endings.close()  # only now: who waits looks then, and finds it closed


def connect(uri: str, db: str, actor: str, *, prepares: bool = True) -> Connection:
    """Connect, prepare the database on first use, and wire log, views and finder; `actor` signs the appends, together
    with the database's user.

    `prepares`: False for an audit, which must not make what it is to find missing.
    Raises Unavailable, AccessDenied, NotAReplicaSet, LayoutTooNew, LogIncomplete, BadProjection, or InvalidInput for a
    URI or name that is none.
    """
    client = open_client(uri)
    try:
        database = _database(client, db)
        with translated():
            user = user_of(client)
        ground = stand_on(database) if prepares else look_at(database)
        values = settings.resolve(configuration.stored(ground), os.environ)
    except BaseException:
        client.close()
        raise
    lease = values["lease"].value
    assert isinstance(lease, int | float)
    return Connection(
        client=client,
        ground=ground,
        views=ViewReader(ground, installed(), signed(_name("reader"), user)),
        operator=ViewOperator(ground, installed(), signed(actor, user)),
        auditor=ViewAuditor(ground, installed()),
        finder=ViewFinder(database),
        signals=Signals(database),
        endings=Endings(database),
        joining=MongoJoining(ground),
        outputs=Outputs(database),
        progresses=Progresses(database),
        watches=Watches(database),
        incarnations=Incarnations(database, timedelta(seconds=lease)),
        settings=values,
        user=user,
        actor=signed(actor, user),
    )


def signing_as(connection: Connection, actor: str) -> Connection:
    """Return the same connection for somebody else, whose appends are signed with `actor` and the database's user."""
    name = signed(actor, connection.user)
    return replace(connection, actor=name, operator=ViewOperator(connection.ground, installed(), name))


def try_projection(
    connection: Connection, where: str, since: datetime | None, progress: Callable[[int], object]
) -> Trial:
    """See Queue.try_projection."""
    return trial(connection.ground, named(where), since, progress)


@contextmanager
def unprepared(uri: str, db: str) -> Iterator[Database[Any]]:
    """Connect to a database, in which nothing is looked for and nothing made. Raises as `connect` does of a server."""
    client = open_client(uri)
    try:
        yield _database(client, db)
    finally:
        with pymongo.timeout(CLOSE_S):
            client.close()


def _database(client: MongoClient[Any], db: str) -> Database[Any]:
    with translated():
        # Whatever the URI prefers: a secondary may not have yet what a majority acknowledged.
        database = client.get_database(db, read_preference=ReadPreference.PRIMARY)
        # Under its own deadline: a call's deadline is also how long the driver looks for a server.
        with pymongo.timeout(FIND_SERVER_MS / 1000):
            hello = client.admin.command("hello")
        if "setName" not in hello and hello.get("msg") != "isdbgrid":  # the latter: a mongos
            raise NotAReplicaSet(STANDALONE)
    return database


def make_projector(connection: Connection) -> Projector:
    """Return a projector over the connection's database, to be run in a process (or thread) of its own."""
    return Projector(connection.ground, installed(), signed(_name("projector"), connection.user))


def make_sealing(connection: Connection, environ: Mapping[str, str]) -> Sealing:
    """Return the loop that seals the connection's log, to be run in a thread of its own.

    Signed with the key in the file that `QUEUECTL_SEAL_KEY` names. Raises BadKey where that cannot be used.
    """
    key = environ.get(SEAL_KEY)
    name = _name("sealer")
    return Sealing(connection.ground, Sealer(connection.ground, name, load(key) if key else None), name)


def make_ticker(connection: Connection, environ: Mapping[str, str]) -> Ticker:
    """Return the loop that makes the jobs of schedules, to be run in a thread of its own."""
    return Ticker(connection.ground, connection.signals, signed(_name("ticker"), connection.user), environ)


def _name(role: str) -> str:
    # With a random end: processes behind one host name (containers) can have the same pid.
    return f"{role}/{socket.gethostname()}:{os.getpid()}:{os.urandom(2).hex()}"


def open_client(uri: str) -> MongoClient[Any]:
    """Return a client with a deadline on every call. Raises InvalidInput for a URI that is none."""
    try:
        with translated():
            return renewable(MongoClient(uri, timeoutMS=CALL_MS, tz_aware=True, appname="eventqueue"))
    except ValueError as error:  # the driver's way to refuse a port or an option
        raise InvalidInput("uri", f"{redact(str(error)).rstrip('.')}.") from None
