"""Names that people type: which one is meant by a wrong one."""

import pytest

from eventqueue.errors import InvalidInput
from eventqueue.model.names import LENGTH_MAX, LOOKED_AT, as_known, by_known, meant

KNOWN = ("priority", "max_retries", "run_at")


def test_the_one_that_is_most_alike_is_meant() -> None:
    assert meant("prority", KNOWN) == " (is priority meant?)"
    assert meant("max-retrys", KNOWN) == " (is max_retries meant?)"


def test_where_none_is_alike_none_is_meant() -> None:
    assert meant("colour", KNOWN) == ""
    assert meant("colour", ()) == ""


def test_of_very_many_names_and_very_long_ones_only_so_much_is_looked_at() -> None:
    seen = iter(f"queue-{number}" for number in range(10 * LOOKED_AT))

    assert meant("x" * LENGTH_MAX * 1000, seen) == ""
    assert next(seen) == f"queue-{LOOKED_AT}"


@pytest.mark.parametrize("typed", ["max_retries", "max-retries"])
@pytest.mark.parametrize("known", ["max_retries", "max-retries"])
def test_a_dash_is_as_good_as_an_underscore(typed: str, known: str) -> None:
    assert as_known(typed, {known}) == known


def test_a_name_that_is_none_stays_as_it_was_typed() -> None:
    assert as_known("max-retrys", KNOWN) == "max-retrys"
    assert by_known({"max-retrys": 1, 7: 2}, KNOWN) == {"max-retrys": 1, 7: 2}  # type: ignore[dict-item]


def test_one_name_in_two_spellings_is_given_twice() -> None:
    assert by_known({"max-retries": 1, "run-at": 2}, KNOWN) == {"max_retries": 1, "run_at": 2}
    with pytest.raises(InvalidInput, match="max_retries: is given twice"):
        by_known({"max-retries": 1, "max_retries": 1}, KNOWN)
