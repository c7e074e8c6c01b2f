"""Conditions on fields: what holds of which event, and that the database leaves out nothing that fits."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from msgspec.structs import replace
from pymongo.database import Database

from eventqueue.audit.conditions import parse
from eventqueue.errors import InvalidInput
from eventqueue.model.events import Completed, ConfigSet, Error, Failed, FailReason, Recorded
from eventqueue.mongo.log import MongoLog
from tests.builders import SOON, append, claimed, enqueued, history

JOB = (
    replace(
        enqueued(), priority=3, tags=("night", "mail"), meta={"customer": {"name": "acme"}, "n": 1}, expires_at=SOON
    ),
    claimed("web-1:abc"),
    Failed(reason=FailReason.ERROR, error=Error(type="exit", message="No space left"), retry_at=SOON, exit_code=7),
)
EVENTS = [*history(*JOB), *history(enqueued(), claimed(), Completed(exit_code=0, result=True), stream="job-two")]


def versions(text: str) -> list[tuple[str, int]]:
    condition = parse(text)
    return [(one.stream[4:], one.version) for one in EVENTS if condition.holds(one)]


@pytest.mark.parametrize(
    ("text", "fitting"),
    [
        ("data.exit_code=7", [("one", 3)]),
        ("data.exit_code = 0", [("two", 3)]),
        ("data.exit_code>0", [("one", 3)]),
        ("data.exit_code<=7", [("one", 3), ("two", 3)]),
        ("data.priority=0", [("two", 1)]),  # which is left out where it is stored
        ("data.priority!=0", [("one", 1), ("one", 2), ("one", 3), ("two", 2), ("two", 3)]),
        ("data.tags=mail", [("one", 1)]),
        ("data.meta.customer.name=acme", [("one", 1)]),
        ("data.meta.n=1", [("one", 1)]),
        ("data.error.message~no SPACE", [("one", 3)]),
        ("data.reason=error", [("one", 3)]),
        ("data.result=true", [("two", 3)]),
        ("data.result=1", []),  # True is no 1
        ("data.expires_at=2026-01-01T00:01:00Z", [("one", 1)]),
        ("data.expires_at<2026-01-01T00:02Z", [("one", 1)]),
        ("data.worker~web-1", [("one", 2)]),
        ("type=claimed", [("one", 2), ("two", 2)]),
        ("version>=3", [("one", 3), ("two", 3)]),
        ("stream=job-two", [("two", 1), ("two", 2), ("two", 3)]),
        ("data.exit_code<no", []),
    ],
)
def test_a_condition_holds_of_those_events_and_no_others(text: str, fitting: list[tuple[str, int]]) -> None:
    assert versions(text) == fitting


def test_bytes_are_given_in_hex() -> None:
    assert versions(f"hash={EVENTS[1].hash.hex()}") == [("one", 2)]


@pytest.mark.parametrize(
    "text",
    ["", "exit_code=7", "data.exitcode=7", "data.exit_code", "data..x=1", "=7", "colour=red", "data.exit_code ? 7"],
)
def test_what_names_no_field_or_is_no_condition_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="where"):
        parse(text)


@pytest.fixture(scope="module")
def stored(client: Any) -> Iterator[Database[dict[str, Any]]]:
    from uuid import uuid4

    from eventqueue.mongo.layout import prepare

    database = client[f"test_{uuid4().hex[:16]}"]
    prepare(database)
    MongoLog(database).append(
        [append("job-one", *JOB), append("job-two", *(one.event for one in EVENTS[3:])), append("config-default")]
    )
    yield database
    client.drop_database(database)


def held(one: Recorded | Mapping[str, Any]) -> tuple[str, int]:
    return (one.stream, one.version) if isinstance(one, Recorded) else (one["_id"]["stream"], one["_id"]["version"])


@pytest.mark.parametrize(
    "text",
    [
        *("data.exit_code=7", "data.exit_code=0", "data.priority=0", "data.tags=mail", "data.meta.customer.name=acme"),
        *("data.result=true", "data.expires_at=2026-01-01T00:01:00Z", "data.worker~web", "data.meta.n=1"),
        "data.name!=said",
        *("data.error.message~space", "data.value=something", "type=claimed", "version>=3", "data.priority>=0"),
    ],
)
def test_the_database_leaves_out_no_event_that_fits(stored: Database[dict[str, Any]], text: str) -> None:
    condition = parse(text)
    fitting = {held(one) for one in MongoLog(stored).scan() if condition.holds(one)}

    found = {held(one) for one in stored["events"].find(condition.query())}

    assert fitting
    assert fitting <= found


@pytest.mark.parametrize(
    "value",
    ['{"$gt": 1}', '[{"$where": "1"}]', '{"a\\u0000": 1}', "[9223372036854775808]", "[" * 300 + "]" * 300],
    ids=lambda one: one[:20],
)
def test_a_value_is_no_question_to_the_database(stored: Database[dict[str, Any]], value: str) -> None:
    for field in ("data.meta", "data.meta.x", "data.result"):
        condition = parse(f"{field}={value}")

        assert not any(condition.holds(one) for one in MongoLog(stored).scan())
        assert list(stored["events"].find(condition.query()))


def test_an_equality_on_a_field_reads_little_more_than_what_fits(stored: Database[dict[str, Any]]) -> None:
    found = {one["type"] for one in stored["events"].find(parse("data.exit_code=7").query())}

    assert found == {"failed"}


def test_a_field_that_is_of_another_type_in_one_event_breaks_nothing() -> None:
    (odd,) = history(ConfigSet(name="said", value={"a": [1, {"b": 2}]}), stream="config-default")

    assert parse("data.value.a=1").holds(odd)
    assert parse("data.value.a.b=2").holds(odd)
    assert not parse("data.value.a.c=2").holds(odd)
    assert not parse("data.value<3").holds(odd)
