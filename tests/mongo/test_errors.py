"""The driver's words become ours: what happened, and no advice of its own, which is for who writes programs."""

import os
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database
from pymongo.errors import (
    AutoReconnect,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WaitQueueTimeoutError,
)

from eventqueue.errors import DatabaseFailed, Unavailable
from eventqueue.mongo.errors import to_queue_error, translated
from eventqueue.server.homedir import HomeDir
from eventqueue.server.sockets import choose, tidy

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


def test_of_one_on_this_machine_it_is_said_how_the_local_one_is_started() -> None:
    driver = f"Could not reach any servers in [('/tmp/q.sock', None)].{INSIDE}"

    told = str(to_queue_error(ServerSelectionTimeoutError(driver + TAIL)))

    assert told == (
        "MongoDB cannot be reached: no member of the replica set answers (/tmp/q.sock). Is it running, and is the URI "
        "right? If it is the local one, `queuectl db start` starts it."
    )


@pytest.mark.parametrize(
    "driver",
    [
        ServerSelectionTimeoutError("Could not reach any servers in [('{0}', 27017)]." + INSIDE + TAIL),
        ServerSelectionTimeoutError("{0}:27017: [Errno 111] Connection refused" + TAIL),
        AutoReconnect("{0}:27017: connection closed (configured timeouts: timeoutMS: 5000.0ms)"),
    ],
    ids=["not found", "refused", "lost"],
)
def test_a_server_here_that_ended_since_its_disk_is_full_is_told_so(
    driver: PyMongoError, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = type(driver)(str(driver).replace("{0}", f"{tmp_path}/mongod.sock"))
    assert "is full" not in str(to_queue_error(lost))

    plenty = os.statvfs(tmp_path)
    monkeypatch.setattr(os, "statvfs", lambda _: os.statvfs_result((*plenty[:4], 0, *plenty[5:])))

    assert f"The disk that holds {tmp_path} is full" in str(to_queue_error(lost))
    assert "URI" not in str(to_queue_error(lost))


def test_of_a_server_whose_socket_lies_elsewhere_the_disk_of_its_home_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = HomeDir.at(tmp_path / ("x" * 200))
    home.root.mkdir()
    socket = choose(home, None)
    try:
        lost = AutoReconnect(f"{socket}:27017: connection closed (configured timeouts: timeoutMS: 5000.0ms)")
        assert "is full" not in str(to_queue_error(lost))

        plenty = os.statvfs(tmp_path)
        full = os.statvfs_result((*plenty[:4], 0, *plenty[5:]))
        monkeypatch.setattr(os, "statvfs", lambda path: full if path == str(home.root) else plenty)

        assert f"The disk that holds {home.root} is full" in str(to_queue_error(lost))
    finally:
        tidy(socket)
    assert not Path(socket).parent.exists()


def test_of_the_drivers_pools_nothing_is_told() -> None:
    driver = "Timed out while checking out a connection from connection pool. maxPoolSize: 100, timeout: 2.0"

    told = str(to_queue_error(WaitQueueTimeoutError(driver)))

    assert told == "MongoDB did not answer in time (no connection to it was had): try again."


@pytest.mark.parametrize("code", [239, 246])
def test_a_snapshot_that_is_gone_is_worth_another_try(code: int) -> None:
    assert isinstance(to_queue_error(OperationFailure("it is gone", code)), Unavailable)


@pytest.mark.parametrize(
    "refused",
    [
        OperationFailure("available disk space of 4 bytes is less than required minimum of 524288000", 14031),
        OperationFailure("28: No space left on device", 8),
    ],
    ids=["too little", "none"],
)
def test_a_server_elsewhere_whose_disk_is_full_is_told_so(refused: OperationFailure) -> None:
    assert str(to_queue_error(refused)).startswith("The disk of the MongoDB server is full")


def test_a_document_that_the_driver_does_not_even_send_is_told_in_our_words(database: Database[dict[str, Any]]) -> None:
    with pytest.raises(DatabaseFailed, match="no document of more than 16 MB"), translated():
        database.command("insert", "large", documents=[{"_id": 1, "text": "x" * 17 * 1024 * 1024}])
