"""What may be changed of a job that waits, field by field, and what is refused."""

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from eventqueue.errors import InvalidInput
from eventqueue.model.amending import AMENDABLE, amendment
from eventqueue.model.codec import DATA_MAX
from eventqueue.model.events import Amended, Enqueued, Event, RetryAmended, Shell, Terms
from eventqueue.model.fields import Fields
from eventqueue.model.job import Command, Job, decide, evolve, fold
from tests.builders import NOW, SOON, amend, called, claimed, enqueued, failed, history, job

HOUR = timedelta(hours=1)
ENV = {"A": "1", "B": "2"}
FIRST = enqueued(env=ENV, delay=60, timeout=9, tags=["old"], cwd="/srv")
ALL: dict[str, Any] = {
    "priority": 7,
    "queue": "mail",
    "run_at": NOW + HOUR,
    "max_retries": 9,
    "timeout": 30,
    "env": {"B": "3", "C": "4"},
}
ALL |= {"tags": ["new", "er"], "command": "make"}


def happen(one: Job, command: Command) -> tuple[Event, Job]:
    """The one event that a command leads to, and the job after it."""
    (event,) = decide(one, command, NOW)
    (recorded,) = history(event, head=one.head)
    return event, evolve(one, recorded)


def test_an_event_tells_of_each_field_that_changes_what_it_was_and_what_it_is_now() -> None:
    event, after = happen(job(FIRST), amend(why="the customer waits", **ALL))

    assert event == Amended(
        was=Terms(
            priority=0,
            queue="default",
            due_at=SOON,
            max_retries=3,
            timeout=9,
            env={"B": "2"},
            tags=("old",),
            command="true",
        ),
        now=Terms(
            priority=7,
            queue="mail",
            due_at=NOW + HOUR,
            max_retries=9,
            timeout=30,
            env={"B": "3", "C": "4"},
            tags=("new", "er"),
            command="make",
        ),
        why="the customer waits",
    )
    assert after.run == Shell(command="make", cwd="/srv", env={"A": "1", "B": "3", "C": "4"})
    assert (after.priority, after.queue, after.due_at, after.max_retries) == (7, "mail", NOW + HOUR, 9)
    assert (after.timeout, after.tags, after.state) == (30, ("new", "er"), "pending")


@pytest.mark.parametrize("field", sorted(ALL))
def test_what_is_not_asked_for_stays_as_it_is(field: str) -> None:
    before = job(FIRST)

    event, after = happen(before, amend(**{field: ALL[field]}))

    assert isinstance(event, Amended)
    told = {name for name in Terms.__struct_fields__ if getattr(event.now, name) not in (None, ())}
    changed = {name for name in Job.__struct_fields__ if getattr(before, name) != getattr(after, name)}
    stored = {"run_at": "due_at", "env": "run", "command": "run"}.get(field, field)
    assert told == {"due_at" if field == "run_at" else field}
    assert changed == {stored, "version", "hash"}


@pytest.mark.parametrize("field", sorted(ALL))
def test_what_is_so_already_is_told_by_no_event(field: str) -> None:
    _, after = happen(job(FIRST), amend(**{field: ALL[field]}))

    assert decide(after, amend(**{field: ALL[field]}), NOW) == []


def test_a_retry_that_is_to_come_keeps_its_failures_and_comes_when_it_is_asked_for() -> None:
    event, after = happen(job(enqueued(), claimed(), failed()), amend(delay=0))

    assert event == RetryAmended(was=Terms(due_at=SOON), now=Terms(due_at=NOW))
    assert (after.state, after.due_at, after.failures, after.attempts) == ("failed", NOW, 1, 1)


def test_who_is_due_already_keeps_its_place() -> None:
    waits = job(enqueued())

    assert decide(waits, amend(delay=0), NOW + HOUR) == []
    assert decide(waits, amend(run_at=NOW - HOUR), NOW + HOUR) == []


def test_a_time_long_past_goes_before_nobody_who_was_there() -> None:
    _, after = happen(job(FIRST), amend(run_at=NOW - HOUR))

    assert after.due_at == NOW


@pytest.mark.parametrize("field", ["command", "env"])
def test_a_task_has_no_command_that_could_be_changed(field: str) -> None:
    with pytest.raises(InvalidInput, match=rf"{field}: cannot be given for job one: it runs a task"):
        decide(job(called()), amend(**{field: ALL[field]}), NOW)


@pytest.mark.parametrize("asked", [{"delay": 3600}, {"run_at": NOW + HOUR}])
def test_a_job_is_not_put_off_until_after_it_has_expired(asked: dict[str, Any]) -> None:
    expiring = job(replace(enqueued(), expires_at=NOW + HOUR))

    with pytest.raises(InvalidInput, match=rf"{next(iter(asked))}: is not before job one expires, at 2026-01-01T01:00"):
        decide(expiring, amend(**asked), NOW)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("priority", "high"),
        ("priority", 2**31),
        ("queue", "no such name"),
        ("run_at", "tomorrow"),
        ("run_at", "2030-01-31T08:00:00"),
        ("delay", -1),
        ("max_retries", -1),
        ("timeout", 0),
        ("env", {"A": 1}),
        ("env", {"A=B": "1"}),
        ("env", {"A": "\x00"}),
        ("tags", [""]),
        ("tags", "one"),
        ("command", ""),
        ("command", "\x00"),
        ("command", "x" * 200_000),
        ("command", "\ud800"),
    ],
)
def test_a_field_is_checked_as_where_a_job_is_enqueued(field: str, value: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        amendment({field: value})

    assert caught.value.field.startswith(field)


@pytest.mark.parametrize("field", sorted({*Fields.__struct_fields__} - {*AMENDABLE}))
def test_what_a_job_is_known_by_and_all_else_cannot_be_changed(field: str) -> None:
    value = {"args": [1], "kwargs": {"a": 1}, "meta": {"a": 1}, "backoff": {"base": 2.0}}.get(field, "1")

    with pytest.raises(InvalidInput, match=rf"^{field}: cannot be changed of a job that is there; what can"):
        amendment({field: value})


def test_what_is_no_field_at_all_is_named_and_so_is_nothing() -> None:
    with pytest.raises(InvalidInput, match=r"^prority: is no field of a job \(is priority meant\?\)"):
        amendment({"prority": 1})
    with pytest.raises(InvalidInput, match="Nothing to change was given"):
        amendment({"priority": None})


def test_the_values_of_an_environment_are_in_no_text_of_its_event() -> None:
    event, _ = happen(job(FIRST), amend(env={"A": "hush"}))

    assert "hush" not in repr(event)
    assert "'A'" in repr(event)


def test_the_time_of_an_event_may_be_later_than_what_was_asked_for() -> None:
    # A stream's time never runs backwards, whatever the clocks of its writers do.
    later = fold(history(FIRST, now=NOW + HOUR))
    assert later is not None
    (event,) = decide(later, amend(run_at=NOW + 2 * timedelta(seconds=1)), NOW)
    (recorded,) = history(event, head=later.head)

    assert evolve(later, recorded).due_at == NOW + HOUR


@pytest.mark.parametrize(
    ("unset", "told", "left"),
    [
        (["timeout"], (Terms(timeout=9), Terms(unset=("timeout",))), {"timeout": None}),
        (["tags"], (Terms(tags=("old",)), Terms(tags=())), {"tags": ()}),
        (["env.A"], (Terms(env={"A": "1"}), Terms(unset=("env.A",))), {"run": {"B": "2"}}),
        (["env"], (Terms(env=ENV), Terms(unset=("env.A", "env.B"))), {"run": {}}),
    ],
)
def test_what_is_unset_is_had_no_more_and_its_event_tells_what_it_was(unset: Any, told: Any, left: Any) -> None:
    before = job(FIRST)

    event, after = happen(before, amend(unset=unset))

    assert event == Amended(was=told[0], now=told[1])
    assert event.schema == (2 if event.now.unset else 1)  # who knows of nothing that is unset must not read it
    changed = {name for name in Job.__struct_fields__ if getattr(before, name) != getattr(after, name)}
    assert changed == {*left, "version", "hash"}
    for name, value in left.items():
        assert (after.run.env if name == "run" else getattr(after, name)) == value  # type: ignore[union-attr]
    assert decide(after, amend(unset=unset), NOW) == []


def test_all_variables_but_those_that_are_given_anew_are_unset_together() -> None:
    event, after = happen(job(FIRST), amend(unset=["env"], env={"B": "3", "C": "4"}))

    assert event == Amended(was=Terms(env=ENV), now=Terms(env={"B": "3", "C": "4"}, unset=("env.A",)))
    assert isinstance(after.run, Shell)
    assert after.run.env == {"B": "3", "C": "4"}


@pytest.mark.parametrize(
    ("unset", "fields", "problem"),
    [
        ("queue", {}, "unset: queue cannot be empty; what can be are timeout, tags, env, env.NAME"),
        ("timeuot", {}, "timeuot is nothing that could be unset (is timeout meant?)"),
        ("key", {}, "key is nothing that could be unset"),
        ("env.", {}, "env. is nothing that could be unset"),
        ("timeout", {"timeout": 3}, "unset: timeout cannot be given together with a value for it"),
        ("env.A", {"env": {"A": "1"}}, "unset: env.A cannot be given together with a value for it"),
    ],
)
def test_what_no_job_can_be_without_is_refused(unset: str, fields: Any, problem: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        amendment(fields, [unset])

    assert problem in str(caught.value)


def test_a_task_has_no_environment_to_unset() -> None:
    with pytest.raises(InvalidInput, match="unset: cannot be given for job one: it runs a task"):
        decide(job(called()), amend(unset=["env.A"]), NOW)


def test_every_field_that_may_be_changed_is_one_of_a_job() -> None:
    assert {*AMENDABLE} < {*Fields.__struct_fields__}
    assert {*ALL, "delay"} == {*AMENDABLE}
    assert isinstance(FIRST, Enqueued)


@pytest.mark.parametrize("terms", [{"env": {"D": "x" * 120_000}}, {"command": "x" * 120_000}], ids=["env", "command"])
def test_a_job_that_is_changed_again_and_again_has_no_more_than_one_that_is_enqueued(terms: dict[str, Any]) -> None:
    large = job(enqueued(env={"A": "x" * 100_000, "B": "x" * 50_000}, tags=["old"]))

    with pytest.raises(InvalidInput, match="a job's fields may have 262,144 together") as refused:
        decide(large, amend(**terms), NOW)

    assert refused.value.field in ("env", "command")
    assert decide(large, amend(priority=3), NOW)
    assert decide(large, amend(env={"A": "x" * 120_000}), NOW)


@pytest.mark.parametrize(
    "terms",
    [Terms(env={"D": "x" * DATA_MAX}), Terms(tags=("x" * DATA_MAX,)), Terms(command="x" * DATA_MAX)],
    ids=["env", "tags", "command"],
)
def test_a_hand_that_says_more_of_a_job_than_one_may_have_does_not_make_it_larger(terms: Terms) -> None:
    before = job(FIRST)
    now = replace(terms, priority=9, unset=("env.A", "timeout"))
    (recorded,) = history(Amended(was=Terms(), now=now), head=before.head)

    after = evolve(before, recorded)

    assert (after.run, after.tags, after.priority, after.timeout) == (before.run, before.tags, 9, None)
