"""What is said to have been changed of a job, held against what it had."""

from typing import Any

import pytest

from eventqueue.audit.amends import Amends
from eventqueue.model.codec import DATA_MAX
from eventqueue.model.events import Amended, Event, Terms
from eventqueue.model.job import decide, fold
from tests.builders import NOW, SOON, amend, called, enqueued, history

OUTGROWN = "it makes more of the job than a job may have: its variables, tags, queue and command stayed"
FIRST = enqueued(env={"A": "hush"}, tags=["old"], timeout=9)


def faults(*events: Event) -> list[str]:
    amends = Amends()
    return [problem for event in events for problem in amends.faults(event)]


def test_what_was_decided_is_found_in_order_one_after_the_other() -> None:
    recorded = history(FIRST)
    for fields in (
        {"priority": 3, "env": {"A": "1", "B": "2"}, "command": "make"},
        {"queue": "mail", "env": {"B": "3"}, "tags": [], "timeout": 7},
        {"queue": "web", "max_retries": 0, "delay": 60},
        {"unset": ["timeout", "env.A"], "env": {"C": "4"}},
        {"unset": ["env", "tags"], "timeout": 3},
        {"env": {"A": "5"}},
    ):
        job = fold(recorded)
        assert job is not None
        recorded += history(*decide(job, amend(**fields), NOW), head=job.head)

    assert len(recorded) == 7
    assert faults(*(one.event for one in recorded)) == []


@pytest.mark.parametrize(
    ("field", "was", "now"),
    [
        ("priority", 1, 2),
        ("queue", "web", "mail"),
        ("max_retries", 9, 2),
        ("timeout", None, 2.0),
        ("env", {"A": "other"}, {"A": "x"}),
        ("env", {}, {"A": "x"}),
        ("tags", (), ("x",)),
        ("command", "false", "x"),
    ],
)
def test_what_a_job_had_not_is_named_by_its_field_alone(field: str, was: Any, now: Any) -> None:
    wrong = Amended(was=Terms(**{field: was}), now=Terms(**{field: now}))

    assert faults(FIRST, wrong) == [f"it tells of another `{field}` than the job had"]


@pytest.mark.parametrize(
    ("field", "was", "unset"),
    [("timeout", 8, "timeout"), ("env", {"A": "other"}, "env.A"), ("env", {"B": "hush"}, "env.B")],
)
def test_what_is_unset_must_have_been_so_too(field: str, was: Any, unset: str) -> None:
    wrong = Amended(was=Terms(**{field: was}), now=Terms(unset=(unset,)))

    assert faults(FIRST, wrong) == [f"it tells of another `{field}` than the job had"]


def test_a_task_had_no_command() -> None:
    for was in (Terms(command="x"), Terms()):
        assert faults(called(), Amended(was=was, now=Terms(command="y"))) == [
            "it tells of another `command` than the job had"
        ]


def test_when_a_job_was_due_may_have_moved_and_what_is_not_known_is_not_judged() -> None:
    amends = Amends()
    wrong = Amended(was=Terms(priority=7), now=Terms(priority=8))

    assert faults(FIRST, Amended(was=Terms(due_at=NOW), now=Terms(due_at=SOON))) == []
    assert list(amends.faults(FIRST)) == []
    amends.pass_over()
    assert list(amends.faults(wrong)) == []


@pytest.mark.parametrize(
    ("was", "now", "fault"),
    [
        (Terms(), Terms(), "it changes nothing"),
        (Terms(priority=0), Terms(priority=0), "it changes nothing"),
        (Terms(queue="web", priority=0), Terms(priority=2), "it tells of a `queue` that it does not change"),
        (Terms(due_at=SOON, priority=0), Terms(priority=2), "it tells of a `due_at` that it does not change"),
        (Terms(env={}), Terms(env={"B": "x" * DATA_MAX}), OUTGROWN),
        (Terms(tags=("old",)), Terms(tags=("x" * DATA_MAX,)), OUTGROWN),
    ],
    ids=["nothing", "the same", "more than it changes", "a time", "variables", "tags"],
)
def test_what_nobody_is_allowed_is_named(was: Terms, now: Terms, fault: str) -> None:
    assert faults(FIRST, Amended(was=was, now=now)) == [fault]


def test_what_outgrows_a_job_left_it_as_it_was() -> None:
    large = Amended(was=Terms(env={}, queue="default"), now=Terms(env={"B": "x" * DATA_MAX}, queue="web"))
    after = Amended(was=Terms(env={}, queue="default"), now=Terms(env={"B": "2"}, queue="mail"))

    assert faults(FIRST, large, after) == [OUTGROWN]
