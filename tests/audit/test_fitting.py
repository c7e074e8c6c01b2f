"""Which jobs fit; which texts are in others, whatever their case: as the database has it, which leaves out the rest."""

import re
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from pymongo.database import Database

from eventqueue.audit.fitting import fits, says
from eventqueue.model.job import Job
from eventqueue.ports.views import Filter
from tests.builders import JOURNEYS, NOW, SOON, job


@pytest.mark.parametrize(
    ("whole", "part", "is_in"),
    [
        ("HTTP 503: Gone", "503: gONE", True),
        ("Straße", "STRAßE", True),
        ("STRASSE", "straße", False),
        ("ΟΔΟΣ", "οδος", True),
        ("\u212aelvin", "KELVIN", True),
        ("\u0130", "i", False),
        ("\u0131", "I", False),
        ("Ünïcode", "ÜNÏ", True),
        ("a.c", "a.c", True),
        ("abc", "a.c", False),
        ("a" * 1000, "a" * 999 + "b", False),
        ("x", "", True),
    ],
    ids=ascii,
)
def test_a_text_is_in_another_whatever_the_case_of_both(
    database: Database[dict[str, Any]], whole: str, part: str, is_in: bool
) -> None:
    database["texts"].insert_one({"_id": whole})

    assert says(whole, part) is is_in
    pattern = {"_id": {"$regex": re.escape(part), "$options": "i"}}
    assert (database["texts"].find_one(pattern) is not None) is is_in


def test_no_part_is_in_all_and_in_no_text_is_none() -> None:
    assert says(None, None)
    assert says("x", None)
    assert not says(None, "")


def such(kind: str) -> Job:
    return job(*JOURNEYS[kind])


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        (1, ("1",)),
        (True, ("true",)),
        ("1", ("1", '"1"')),
        ("true", ("true",)),
        (None, ("null",)),
        ([1], ("[1]",)),
    ],
    ids=repr,
)
def test_a_value_of_meta_is_its_text_or_its_json_and_of_no_other_type(value: Any, meant: tuple[str, ...]) -> None:
    one = replace(such("pending"), meta={"n": value})

    assert {text for text in ("1", '"1"', "true", "null", "[1]") if fits(one, Filter(meta={"n": text}))} == set(meant)
    assert not fits(one, Filter(meta={"other": "null"}))


def test_only_what_is_over_has_ended_at_a_time() -> None:
    since, until = Filter(ended_since=NOW), Filter(ended_until=NOW)

    for kind in ("completed", "dead", "cancelled"):
        assert fits(such(kind), since)
        assert fits(such(kind), until)
        assert not fits(such(kind), Filter(ended_since=SOON))
    for kind in ("pending", "processing", "failed, to be retried"):
        assert not fits(such(kind), since)
        assert not fits(such(kind), until)


def test_a_job_is_due_or_scheduled_and_never_both() -> None:
    for due_at in (NOW - timedelta(seconds=1), NOW, SOON):
        one = replace(such("pending"), due_at=due_at)

        assert fits(one, Filter(due_before=NOW)) == (due_at <= NOW)
        assert fits(one, Filter(due_after=NOW)) == (due_at > NOW)
    assert not fits(such("completed"), Filter(due_before=NOW))
    assert not fits(such("completed"), Filter(due_after=NOW))
