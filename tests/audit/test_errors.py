"""Failures in groups: those that are alike as one."""

from datetime import timedelta

import pytest

from eventqueue.audit import errors
from eventqueue.audit.errors import QUEUES_MAX, group
from eventqueue.model.fingerprint import fingerprint
from eventqueue.ports.views import Failure
from tests.builders import NOW

SECOND = timedelta(seconds=1)


def failure(number: int, message: str, queue: str = "mail") -> Failure:
    return Failure(f"job-{number}", queue, NOW + number * SECOND, message)


def test_those_that_are_alike_are_one_group_with_its_first_its_last_and_an_example() -> None:
    found = group(
        [
            failure(3, "user 3 is gone", "b"),
            failure(1, "user 1 is gone"),
            failure(9, "no host"),
            failure(5, "user 5 is gone"),
        ]
    )

    first, second = found.groups
    assert (first.count, second.count, found.failures, found.ungrouped) == (3, 1, 4, 0)
    assert (first.first, first.last, first.queues) == (NOW + SECOND, NOW + 5 * SECOND, ["b", "mail"])
    assert (first.example.job, first.example.message) == ("job-5", "user 5 is gone")
    assert first.fingerprint == fingerprint("user 7 is gone")


def test_of_groups_of_one_size_the_one_that_failed_last_stands_first() -> None:
    found = group([failure(1, "one"), failure(2, "two")])

    assert [one.example.message for one in found.groups] == ["two", "one"]


def test_of_kinds_without_number_some_are_kept_and_the_rest_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errors, "GROUPS_MAX", 2)

    found = group((failure(number, message) for number, message in enumerate(["a", "b", "c", "d", "a"])))

    assert [(one.example.message, one.count) for one in found.groups] == [("a", 2), ("b", 1)]
    assert (found.failures, found.ungrouped) == (5, 2)


def test_of_many_queues_some_are_named_and_a_long_message_is_cut() -> None:
    found = group(failure(number, "x " * 1000, f"queue-{number}") for number in range(2 * QUEUES_MAX))

    assert len(found.groups[0].queues) == QUEUES_MAX
    assert len(found.groups[0].example.message) <= errors.MESSAGE_MAX


def test_of_nothing_there_is_no_group() -> None:
    assert group([]) == errors.Errors(groups=[], failures=0, ungrouped=0, absent=[])
