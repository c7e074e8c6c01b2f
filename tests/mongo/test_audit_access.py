"""Who may only read can audit all of it, with the rights to find and to follow alone."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from pymongo import MongoClient

from eventqueue.api.queue import Queue
from eventqueue.mongo.ground import stand_on
from tests.audit.tampering.scene import Scene

Client = MongoClient[dict[str, Any]]


@pytest.fixture
def scene(guarded: Client) -> Iterator[Scene]:
    """A log with its views, on a server that checks access."""
    store = guarded[f"test_{uuid4().hex[:16]}"]
    yield Scene(stand_on(store))
    store.command("dropAllUsersFromDatabase")
    store.command("dropAllRolesFromDatabase")
    guarded.drop_database(store)


@pytest.fixture
def enter(scene: Scene, guarded_uri: str) -> Iterator[Callable[..., Queue]]:
    """Opens the database as a user who has these rights on all of it, and nothing else."""
    with ExitStack() as opened:

        def enter(*actions: str) -> Queue:
            db = scene.database.name
            privileges = [{"resource": {"db": db, "collection": ""}, "actions": actions}]
            scene.database.command("createRole", "auditor", privileges=privileges, roles=[])
            scene.database.command("createUser", "auditor", pwd="pw", roles=["auditor"])
            host = urlsplit(guarded_uri).netloc.rpartition("@")[2]
            uri = f"mongodb://auditor:pw@{host}/?directConnection=true&authSource={db}"
            return opened.enter_context(Queue(uri, db, prepares=False))

        yield enter


def test_an_audit_needs_to_find_and_to_follow_and_says_what_it_may_not_list(
    scene: Scene, enter: Callable[..., Queue]
) -> None:
    queue = enter("find", "changeStream")

    verdict = queue.verify_all()

    assert verdict.findings == ()
    assert len(verdict.not_held) == 2
    assert all("this user may not list them" in one for one in verdict.not_held)
    assert queue.verify("done").findings == ()
    scene.events.update_one({"_id": {"stream": "job-done", "version": 3}}, {"$set": {"actor": "mallory"}})
    assert [(one.stream, one.version) for one in queue.verify_all().findings] == [("job-done", 3)]


def test_who_may_list_too_holds_everything_against_the_log(scene: Scene, enter: Callable[..., Queue]) -> None:
    queue = enter("find", "changeStream", "listCollections", "listIndexes")

    verdict = queue.verify_all()

    assert (verdict.findings, verdict.not_held) == ((), ())
    scene.events.drop_index("ts")
    assert [one.stream for one in queue.verify_all().findings] == ["events"]
