"""A connection from a moment at which its server had no role: the driver keeps it, and refuses sessions on it."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest
from pymongo import MongoClient

from eventqueue.connect import open_client
from eventqueue.errors import Unavailable
from eventqueue.mongo.errors import translated
from eventqueue.mongo.ground import Ground, stand_on
from eventqueue.mongo.slices import slices
from tests.builders import enqueued
from tests.faults.replica_set import Member
from tests.projections.stage import await_that, is_fresh, projecting, put


@pytest.fixture
def stale() -> Iterator[MongoClient[dict[str, Any]]]:
    """A client that was there before its server became a member of a set."""
    home = Path(tempfile.mkdtemp(prefix="eq-stale-"))
    member = Member(home)
    member.start()
    try:
        with open_client(f"mongodb://{quote_plus(member.socket)}/?directConnection=true") as client:
            members = [{"_id": 0, "host": member.socket}]
            client.admin.command({"replSetInitiate": {"_id": "rs0", "members": members}})
            await_that(lambda: client.admin.command("hello")["isWritablePrimary"])
            yield client
    finally:
        member.end()
        shutil.rmtree(home)


@pytest.fixture
def ground(stale: MongoClient[dict[str, Any]]) -> Iterator[Ground]:
    """A database with a job and without views, as that client sees it, of whose connections the only one is such."""
    with open_client(f"mongodb://{quote_plus(stale.address[0])}/?directConnection=true") as client:  # type: ignore[index]
        today = stand_on(client["test_stale"])
        put(today, "job-one", enqueued())
        yield stand_on(stale["test_stale"])
        client.drop_database("test_stale")


def test_what_is_refused_there_may_be_asked_again_and_is_no_fault_of_the_uri(ground: Ground) -> None:
    database = ground.database

    def ask() -> None:
        with translated(), database.client.start_session() as session:
            database.command("ping", session=session)

    with pytest.raises(Unavailable) as told:
        ask()

    assert str(told.value) == "MongoDB was changing its primary when this connection was made: try again."
    ask()


def test_a_scan_to_which_it_happens_goes_on(ground: Ground) -> None:
    assert len([*slices(ground.database["events"], {})]) == 1


def test_a_projector_to_which_it_happens_while_it_builds_the_views_tries_again(ground: Ground) -> None:
    with projecting(ground):
        await_that(lambda: is_fresh(ground))
