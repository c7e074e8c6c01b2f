"""Whatever one byte of whatever stored event is another one, an audit of the database finds it: but in the `ts`."""

from collections.abc import Iterator
from typing import Any

import pytest
from bson.errors import InvalidBSON
from bson.raw_bson import RawBSONDocument
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from tests.audit.tampering.scene import Scene
from tests.audit.tampering.stage import RAW, Stage

TS = slice(-52, -44)  # the server's stamp, which no hash protects


@pytest.fixture(scope="module")
def stage(client: MongoClient[Any]) -> Iterator[Stage]:
    stage = Stage(client, lambda _: None)
    yield stage
    stage.close()


def put(scene: Scene, before: RawBSONDocument, flipped: bytes) -> bool:
    """Put other bytes in the place of an event's; False where the server stores no such thing."""
    scene.events.delete_one({"_id": before["_id"]})
    try:
        document = RawBSONDocument(flipped, RAW)
        scene.database.command("insert", "events", documents=[document], bypassDocumentValidation=True)
    except (InvalidBSON, OperationFailure):
        return False
    return True


def test_nothing_is_found_where_no_byte_is_flipped(stage: Stage) -> None:
    assert not stage.scene().verdict().findings


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_one_flipped_byte_of_any_event_is_found(stage: Stage, data: st.DataObject) -> None:
    scene = stage.scene()
    events = list(scene.events.with_options(RAW).find(sort=[("_id", 1)]))
    event = events[data.draw(st.integers(0, len(events) - 1), "event")]
    raw = bytes(event.raw)
    places = sorted(set(range(4, len(raw))) - set(range(len(raw))[TS]))
    place, bit = data.draw(st.sampled_from(places), "place"), data.draw(st.integers(0, 7), "bit")
    flipped = raw[:place] + bytes([raw[place] ^ 1 << bit]) + raw[place + 1 :]

    if put(scene, event, flipped):
        assert scene.verdict().findings
