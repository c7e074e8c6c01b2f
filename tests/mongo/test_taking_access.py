"""What rights it takes to take a log elsewhere: to read it here, and to read and write there."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from pymongo import MongoClient

from eventqueue.api.queue import Queue
from eventqueue.connect import unprepared
from eventqueue.errors import AccessDenied
from eventqueue.mongo.layout import prepare
from eventqueue.mongo.log import MongoLog
from eventqueue.transfer.file import check
from eventqueue.transfer.unpacking import unpack
from tests.builders import JOURNEYS, append
from tests.transfer.logs import export, stored

Client = MongoClient[dict[str, Any]]


def test_who_may_only_read_exports_and_who_may_also_write_imports(
    guarded: Client, guarded_uri: str, tmp_path: Path
) -> None:
    host = urlsplit(guarded_uri).netloc.rpartition("@")[2]
    one, other = (guarded[f"test_{uuid4().hex[:16]}"] for _ in range(2))
    try:
        prepare(one)
        MongoLog(one).append([append("job-a", *JOURNEYS["completed"])])
        uris = {}
        for name, role, store in (("reader", "read", one), ("writer", "readWrite", other), ("guest", "read", other)):
            store.command("createUser", name, pwd="pw", roles=[role])
            uris[name] = f"mongodb://{name}:pw@{host}/?directConnection=true&authSource={store.name}"
        with Queue(uris["reader"], one.name) as queue:
            path = export(queue, tmp_path)
        with pytest.raises(AccessDenied), unprepared(uris["guest"], other.name) as database:
            unpack(database, check(path))
        with unprepared(uris["writer"], other.name) as database:
            assert unpack(database, check(path)) == 3

        assert stored(other) == stored(one)
    finally:
        for store in (one, other):
            store.command("dropAllUsersFromDatabase")
            guarded.drop_database(store)
