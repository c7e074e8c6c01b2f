"""What is typed into the field of a search, as a filter or as a job's id."""

from datetime import timedelta

import pytest

from eventqueue.web.searching import TEXT_MAX, searched
from tests.web.sites import NOW, THEN, asking


def test_times_are_seen_from_the_time_that_one_looks_at() -> None:
    for then in (None, THEN):
        found = searched(asking(then, q="created>-2h"))

        assert found.problem is None
        assert found.wanted.created_since == (then or NOW) - timedelta(hours=2)


def test_all_jobs_are_looked_at_only_where_that_was_asked_for() -> None:
    assert not searched(asking(q="group:one")).wanted.scan
    assert searched(asking(q="group:one", scan="1")).wanted.scan


@pytest.mark.parametrize("text", ["no id", "state:nowhere", "x" * (TEXT_MAX + 1)])
def test_what_cannot_be_an_id_is_looked_for_as_none_and_refused_in_a_sentence(text: str) -> None:
    found = searched(asking(q=text))

    assert found.job is None
    assert found.problem is not None
    assert len(found.text) <= TEXT_MAX
    assert found.problem.endswith(".")
    assert not found.problem.endswith("..")
