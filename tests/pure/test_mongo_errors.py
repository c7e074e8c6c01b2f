"""The driver's words become ours: what happened, and no advice of its own, which is for who writes programs."""

import pytest
from pymongo.errors import ServerSelectionTimeoutError

from eventqueue.mongo_errors import to_queue_error

TAIL = ", Timeout: 5.0s, Topology Description: <TopologyDescription id: 6b, topology_type: Unknown, servers: []>"
INSIDE = " Replica set is configured with internal hostnames or IPs?"


@pytest.mark.parametrize(
    ("driver", "ours"),
    [
        (
            f"Could not reach any servers in [('db1', 27017), ('db2', 27018)].{INSIDE}",
            "no member of the replica set answers (db1:27017, db2:27018)",
        ),
        (
            f"Could not reach any servers in [('/tmp/q.sock', None)].{INSIDE}",
            "no member of the replica set answers (/tmp/q.sock)",
        ),
        (
            'No replica set members available for replica set name "rs9"',
            "no server there is of a replica set named rs9",
        ),
        ("No primary available for writes", "it has no primary just now"),
        ('No replica set members match selector "Primary()"', "it has no primary just now"),
        ("No servers found yet", "no server was found in time"),
        ("db1:27017: [Errno 111] Connection refused", "db1:27017: [Errno 111] Connection refused"),
    ],
)
def test_a_server_that_is_not_found_is_told_in_our_words(driver: str, ours: str) -> None:
    told = str(to_queue_error(ServerSelectionTimeoutError(driver + TAIL)))

    assert told == f"MongoDB cannot be reached: {ours}. Is it running, and is the URI right?"
