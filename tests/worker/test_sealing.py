"""The log is sealed by who brings a projector along, beside all else it does, and with the key that it was given."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bson.timestamp import Timestamp
from pymongo.database import Database

from eventqueue.connect import SEAL_KEY
from eventqueue.model.job import State
from eventqueue.mongo.clock import majority_time
from eventqueue.mongo.log import VISIBLE_S
from eventqueue.sealing import stored
from eventqueue.sealing.holding import hold
from eventqueue.sealing.signing import create
from tests.cli.commands import Queuectl, is_one_sentence
from tests.cli.conftest import environ
from tests.patience import PATIENCE_S
from tests.worker.crew import Start
from tests.worker.stage import Stage, wait_until


@pytest.fixture
def stage(server_uri: str, database: Database[dict[str, Any]], tmp_path: Path) -> Iterator[Stage]:
    """A database of the test's own: what was sealed in it is not to be wiped away."""
    stage = Stage(server_uri, database.name, tmp_path)
    yield stage
    stage.close()


def enqueued_long_ago(stage: Stage, command: str = "true") -> str:
    """Enqueue a job that is settled already: what has just come is sealed only after some seconds."""
    job = stage.enqueue(command)
    database = stage.connection.ground.database
    stamped = Timestamp(majority_time(database).time - 2 * VISIBLE_S, 1)
    database["events"].update_many({}, {"$set": {"ts": stamped}})
    return job


def test_workers_with_a_projector_have_the_log_sealed_and_signed(
    stage: Stage, start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = str(tmp_path / "seal.key")
    public = create(key).public
    monkeypatch.setenv(SEAL_KEY, key)
    told = enqueued_long_ago(stage, f"! env | grep {SEAL_KEY}")

    start()

    wait_until(lambda: stored.last(stage.connection.ground.log) is not None)
    stage.ended(told)
    last = stored.last(stage.connection.ground.log)
    assert last is not None
    assert last.said.key == public
    assert list(hold(stage.connection.ground, [last.seal])) == []
    assert stage.job(told).state is State.COMPLETED


@pytest.mark.parametrize("words", ["worker start", "projector start"])
def test_with_a_key_that_cannot_be_used_nothing_starts(
    server_uri: str, database: Database[dict[str, Any]], tmp_path: Path, words: str
) -> None:
    queuectl = Queuectl({**environ(server_uri, database.name), SEAL_KEY: str(tmp_path / "none")})

    ran = queuectl.process(*words.split())

    assert ran.code == 1
    assert is_one_sentence(ran)
    assert "cannot be read" in ran.err


def test_a_projector_alone_seals_too(server_uri: str, stage: Stage) -> None:
    enqueued_long_ago(stage)
    process = Queuectl(environ(server_uri, stage.db)).start("projector", "start")
    try:
        wait_until(lambda: stored.last(stage.connection.ground.log) is not None)
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE_S)

    assert process.returncode == 0
