"""Connections that the driver would keep though it refuses sessions on them: all are made anew then.

It remembers for each connection what the server said when it was opened, and takes that which was given back last. One
from a moment at which its server had no role would so be refused for as long as nobody else took it meanwhile.
"""

from typing import Any
from weakref import WeakSet

from pymongo import MongoClient

_clients: "WeakSet[MongoClient[Any]]" = WeakSet()


def renewable(client: MongoClient[Any]) -> MongoClient[Any]:
    """Have the connections of a client be among those that are made anew."""
    _clients.add(client)
    return client


def renew() -> None:
    """Have every client close its connections as they are given back, and open others: an error names no client."""
    for client in [*_clients]:
        # The driver has no public way but to close the client, for ever.
        for server in [*client._topology._servers.values()]:
            server.pool.reset_without_pause()
