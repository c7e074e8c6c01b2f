"""Making a listening mongod the writable primary of its one-node replica set, under the name of its socket.

Every step asks what is and does what is missing, so a start that was cut off anywhere is completed by the next one.
"""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eventqueue.errors import LocalServerFailed
from eventqueue.server.deadline import PAUSE_S, Deadline
from eventqueue.server.diagnosis import first_error
from eventqueue.server.processes import Process
from eventqueue.server.sockets import REPLICA_SET, direct_uri

if TYPE_CHECKING:
    from pymongo import MongoClient

NOT_YET_INITIALIZED = 94


def make_writable(process: Process, socket: str, log: Path, deadline: Deadline) -> str:
    """Return the server's version once it is a writable primary that goes by the name `socket`.

    Raises LocalServerFailed where it ends instead (its `log` says why), or is not so before the deadline.
    """
    from pymongo import MongoClient
    from pymongo.errors import PyMongoError

    problem: object = "it has no primary"
    while process.is_alive and deadline.left_s:
        # A new client each time: one that was open before replSetInitiate never learns of sessions.
        client: MongoClient[dict[str, Any]] = MongoClient(direct_uri(socket), directConnection=True, timeoutMS=2000)
        with client:
            try:
                if _is_writable(client, socket):
                    return str(client.server_info()["version"])
                _configure(client, socket)
            except PyMongoError as error:
                problem = error
        time.sleep(PAUSE_S)
    if process.is_alive:
        raise LocalServerFailed(f"The local mongod was not writable after {deadline}: {problem} (see {log}).")
    reason = first_error(log, process.pid) or "it gave no reason"
    raise LocalServerFailed(f"The local mongod ended during its start: {reason} (see {log}).")


def _is_writable(client: "MongoClient[dict[str, Any]]", socket: str) -> bool:
    hello = client.admin.command("hello")
    return bool(hello["isWritablePrimary"]) and hello.get("me") == socket


def _configure(client: "MongoClient[dict[str, Any]]", socket: str) -> None:
    """Name the member by its socket: in a first configuration, or in place of the old name of a home that was moved."""
    from pymongo.errors import OperationFailure

    try:
        config = client.admin.command("replSetGetConfig")["config"]
    except OperationFailure as error:
        if error.code != NOT_YET_INITIALIZED:
            raise
        members = [{"_id": 0, "host": socket}]
        client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": members})
        return
    if config["members"][0]["host"] != socket:
        config["members"] = [{**config["members"][0], "host": socket}]
        # By force: under its old name it finds no member that is itself, so there is no primary to ask.
        client.admin.command("replSetReconfig", config, force=True)
