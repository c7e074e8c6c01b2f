"""Which texts are in others, whatever their case: as the database has it, which leaves out what does not fit."""

import re
from typing import Any

import pytest
from pymongo.database import Database

from eventqueue.audit.fitting import says


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
