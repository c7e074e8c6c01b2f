"""What differs between two jobs is told field by field, all of it and nothing else."""

from typing import Any

from hypothesis import given
from msgspec.structs import replace

from eventqueue.audit.differences import ABSENT, Differing, differences
from tests.builders import COMPLETED, claimed, enqueued, failed, job, json_values


def told(found: list[Differing]) -> dict[str, tuple[Any, Any]]:
    return {".".join(one.path): (one.before, one.after) for one in found}


def test_of_one_and_the_same_job_nothing_differs() -> None:
    assert differences(job(enqueued(meta={"a": [1]})), job(enqueued(meta={"a": [1]}))) == []


def test_two_versions_differ_in_what_the_events_between_them_changed() -> None:
    was, now = job(enqueued()), job(enqueued(), claimed("worker-7"))

    found = told(differences(was, now))

    assert set(found) == {"state", "due_at", "attempts", "claim", "worker", "claimed_at", "version"}
    assert found["worker"] == (None, "worker-7")
    assert found["version"] == (1, 2)


def test_what_has_fields_is_told_by_those_that_differ() -> None:
    was = job(enqueued(command="make", env={"A": "1", "B": "2"}, meta={"deep": {"x": 1, "y": 2}}))
    now = job(enqueued(command="make all", env={"A": "1", "C": "3"}, meta={"deep": {"x": 1, "y": 3}}))

    assert told(differences(was, now)) == {
        "run.command": ("make", "make all"),
        "run.env.B": ("2", ABSENT),
        "run.env.C": (ABSENT, "3"),
        "meta.deep.y": (2, 3),
    }


def test_a_first_error_and_a_result_are_told_by_their_fields() -> None:
    was = job(enqueued(), claimed())
    errors = told(differences(was, job(enqueued(), claimed(), failed())))
    results = told(differences(was, job(enqueued(), claimed(), COMPLETED)))

    assert errors["last_error.type"] == (ABSENT, "exit-code")
    assert results["result.exit_code"] == (ABSENT, 0)


@given(json_values, json_values)
def test_values_are_told_apart_by_type_too(one: Any, other: Any) -> None:
    was, now = (replace(job(enqueued()), meta={"value": value}) for value in (one, other))

    assert differences(was, was) == []
    assert (differences(was, now) == []) == (repr(one) == repr(other) or same(one, other))


def same(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and bool(one == other)
