"""What is sealed is what is read back: a fold of either is the same job. What would not come back is not let in."""

from json import dumps
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from eventqueue.audit.seals import LeavesSealed
from eventqueue.errors import InvalidInput
from eventqueue.model.codec import DATA_MAX, DEPTH_MAX, check_data, decode, seal, size_of, to_data
from eventqueue.model.events import EMPTY, Captured, Completed, Event, Failed, FailReason, LateResult, Output
from eventqueue.model.retry import Backoff
from tests.builders import BOOM, JOURNEYS, NOW, failed, json_objects, json_values, request, said, sealed, without_ts


def returned(event: Event) -> Any:
    """Return the event as it comes back from its stored bytes."""
    (one,) = sealed(event)
    return decode(one.raw).event


def is_let_in(value: Any) -> bool:
    try:
        check_data(value, "value")
    except InvalidInput:
        return False
    return True


def as_json(value: Any) -> str:
    # Python holds 1, 1.0 and True, and 0.0 and -0.0, for equal: JSON text tells them apart.
    return dumps(value, sort_keys=True)


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("kind", JOURNEYS)
def test_an_event_comes_back_as_it_went_in(kind: str) -> None:
    for one in sealed(*JOURNEYS[kind], cause=bytes(16)):
        assert without_ts(decode(one.raw)) == one.recorded


def test_every_field_of_an_event_comes_back() -> None:
    output = Output(stdout=Captured(text="ö\x00\n", length=3, sha256=bytes(32)), stderr=Captured(length=2**40))
    event = Failed(
        reason=FailReason.WORKER_LOST,
        error=replace(BOOM, traceback="line\nline"),
        retry_at=NOW,
        exit_code=-9,
        duration=0.25,
        output=output,
        worker="worker-1",
        renewed_at=NOW,
        buried_by="worker-2",
    )

    assert returned(event) == event


@given(json_values)
@example([1, True, 1.0, 0.0, -0.0, 2**63 - 1, -(2**63), 5e-324, 1.7976931348623157e308])
@example({"$ref": "jobs", "$id": 1})
@example({"$ref": "jobs", "$id": 1, "$db": None})
@example([{"$ref": "jobs", "$id": 1, "$db": "other", "more": [{"$id": None}]}])
def test_a_json_value_that_is_let_in_comes_back_as_it_was(value: Any) -> None:
    if is_let_in(value):
        assert as_json(returned(said(value)).value) == as_json(value)


@given(json_objects)
@example({"$ref": "jobs", "$id": 1})
def test_a_jobs_meta_that_is_let_in_comes_back_as_it_was(meta: dict[str, Any]) -> None:
    if is_let_in(meta):
        asked = request(meta=meta).enqueued(NOW)

        assert as_json(returned(asked).meta) == as_json(asked.meta)
        assert as_json(returned(asked).asked) == as_json(asked.asked)


@pytest.mark.parametrize("number", [2**31, -(2**31) - 1, 2**63 - 1, -(2**63)])
def test_an_integer_comes_back_as_one_that_can_be_written_as_json_again(number: int) -> None:
    assert msgspec.json.encode(returned(said([number])).value) == f"[{number}]".encode()


def test_what_a_late_result_tells_of_its_outcome_comes_back() -> None:
    late = LateResult(claim=2, worker="worker-1", outcome="completed", data={"result": {"n": 1}, "exit_code": 0})

    assert returned(late) == late


@given(json_values)
def test_a_json_value_is_let_in_unless_it_looks_like_a_database_reference(value: Any) -> None:
    assert is_let_in(value) or "$ref" in as_json(value)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (2**63, "beyond 64 bits"),
        (-(2**63) - 1, "beyond 64 bits"),
        (float("nan"), "not finite"),
        (float("inf"), "not finite"),
        (float("-inf"), "not finite"),
        ("\ud800", "lone surrogate"),
        ("ok \udfff", "lone surrogate"),
        ({"\udc00": 1}, "lone surrogate"),
        ({"a\x00b": 1}, "NUL"),
        ({1: 2}, "no string"),
        ({None: 2}, "no string"),
        ({("a",): 2}, "no string"),
        (b"bytes", "bytes"),
        ({1, 2}, "set"),
        (NOW, "datetime"),
        (1 + 2j, "complex"),
        (object(), "object"),
    ],
)
@pytest.mark.parametrize("depth", [0, 1, 5])
def test_a_value_that_would_not_come_back_is_refused_however_deep_it_lies(value: Any, problem: str, depth: int) -> None:
    for _ in range(depth):
        value = [{"in": value}]

    with pytest.raises(InvalidInput, match=problem) as refused:
        check_data(value, "meta")

    assert refused.value.field.startswith("meta")


@given(json_values, st.sampled_from([2**63, float("nan"), "\ud800", {"\x00": 1}, {1: 1}, b""]), st.data())
def test_a_bad_value_is_found_among_good_ones(good: Any, bad: Any, data: st.DataObject) -> None:
    spoiled = data.draw(st.sampled_from([[good, bad], [bad, good], {"a": good, "b": bad}, [[{"a": [bad]}], good]]))

    assert not is_let_in(spoiled)


@pytest.mark.parametrize("text", ["", "\x00", "a\x00b", "é", "\U0001f600", "\uffff", "\u2028"])
def test_every_other_text_is_let_in(text: str) -> None:
    assert is_let_in(text)
    assert returned(said(text)).value == text


def test_nesting_is_let_in_up_to_a_depth_that_every_reader_can_follow() -> None:
    assert is_let_in(nested(DEPTH_MAX))
    assert not is_let_in(nested(DEPTH_MAX + 1))
    assert not is_let_in(nested(100_000))
    assert returned(said(nested(DEPTH_MAX))).value == nested(DEPTH_MAX)


def test_the_field_that_is_named_leads_to_the_value() -> None:
    with pytest.raises(InvalidInput) as refused:
        check_data({"a": {"b": [1, {"c": float("nan")}]}}, "meta")

    assert refused.value.field == "meta.a.b.c"


@pytest.mark.parametrize("value", [2**63, "\ud800", {"a\x00": 1}, {1: 2}, object(), nested(100_000)], ids=type)
def test_what_cannot_be_stored_is_refused_as_invalid_input(value: Any) -> None:
    with pytest.raises(InvalidInput):
        sealed(said(value))


def test_an_event_of_more_than_256_kib_is_refused() -> None:
    with pytest.raises(InvalidInput, match=f"{DATA_MAX:,}"):
        sealed(said("x" * DATA_MAX))


def test_an_event_of_just_under_256_kib_is_stored() -> None:
    assert len(returned(said("x" * (DATA_MAX - 1024))).value) == DATA_MAX - 1024


def test_a_result_of_256_kib_is_stored_with_what_its_attempt_wrote_and_when_it_comes_too_late() -> None:
    wrote = Captured(text="€" * 1024, length=10**9, sha256=bytes(32))
    result = [0.5, "x" * (DATA_MAX - 50)]
    assert DATA_MAX - 30 < size_of(result) <= DATA_MAX
    completed = Completed(result=result, output=Output(stdout=wrote, stderr=wrote))

    assert returned(completed) == completed
    late = LateResult(claim=2, worker="w" * 256, outcome="completed", data=to_data(completed))
    assert returned(late) == late


def test_the_second_event_being_refused_seals_neither() -> None:
    with pytest.raises(InvalidInput):
        seal("job-one", EMPTY, [said(1), said(2**70)], actor="test", now=NOW)


@pytest.mark.parametrize(
    "event",
    [
        replace(request().enqueued(NOW), max_retries="three"),
        replace(request().enqueued(NOW), backoff=Backoff(base=-1.0, cap=2.0**40)),
        replace(request().enqueued(NOW), tags=(1,)),
        replace(failed(), reason="because"),
        replace(failed(), retry_at="soon"),
        replace(LateResult(claim=2, worker="worker-1", outcome="completed", data={}), claim="2"),
        LeavesSealed(seal=0, first=0, leaves=b""),
        LeavesSealed(seal=2**62, first=0, leaves=b""),
    ],
    ids=["type", "bounds", "items", "word", "time", "late", "too small", "too large"],
)
def test_what_could_not_be_read_again_is_not_sealed(event: Event) -> None:
    with pytest.raises(InvalidInput, match="could not be read again"):
        sealed(event)
