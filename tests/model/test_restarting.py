"""What a restart makes of a job that has ended."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from eventqueue.errors import IllegalTransition, InvalidInput
from eventqueue.model.events import Call, Enqueued, Shell
from eventqueue.model.job import FINAL, Job, State
from eventqueue.model.restarting import alterations, difference, restarted, successor, successors
from tests.builders import (
    AMENDED,
    CANCELLED,
    COMPLETED,
    JOURNEYS,
    NOW,
    RELEASED,
    RETRIED_BY_OPERATOR,
    called,
    claimed,
    enqueued,
    history,
    job,
    job_that_is,
)

HOUR = timedelta(hours=1)
LATER = NOW + HOUR
FIRST = enqueued(
    env={"A": "1", "B": "2"},
    delay=60,
    timeout=9,
    tags=["red"],
    cwd="/srv",
    key="nightly",
    group="g",
    meta={"a": 1},
    correlation="c",
    max_retries=7,
    backoff={"base": 5.0},
)
NOTHING = alterations({})


def test_a_new_job_is_as_the_old_one_was_last_but_for_its_key_and_its_time() -> None:
    old = job(FIRST, AMENDED, CANCELLED)

    new = restarted(old, NOTHING, LATER, "the numbers were wrong")

    assert new == replace(
        FIRST, priority=5, run_at=LATER, key=None, asked={}, restart_of="one", why="the numbers were wrong"
    )


def test_a_task_is_called_with_the_same_arguments() -> None:
    new = restarted(job(called(args=[1], kwargs={"to": "ann"}), claimed(), COMPLETED), NOTHING, LATER)

    assert new.run == Call(task="send", args=[1], kwargs={"to": "ann"})


def test_what_is_asked_for_is_otherwise_and_stands_in_what_was_asked() -> None:
    asked = alterations({"priority": 9, "env": {"B": "3"}, "delay": 60, "command": "make"}, ["timeout", "env.A"])

    new = restarted(job(FIRST, CANCELLED), asked, LATER)

    assert new.run == Shell(command="make", cwd="/srv", env={"B": "3"})
    assert (new.priority, new.timeout, new.run_at) == (9, None, LATER + timedelta(seconds=60))
    assert new.asked == {
        "priority": 9,
        "env": {"B": "3"},
        "delay": 60.0,
        "command": "make",
        "unset": ["timeout", "env.A"],
    }


def test_it_expires_as_long_after_its_time_as_the_old_one_did() -> None:
    old = job(enqueued(delay=60, expires=120), CANCELLED)

    assert restarted(old, NOTHING, LATER).expires_at == LATER + timedelta(seconds=120)
    assert restarted(old, alterations({"delay": 600}), LATER).expires_at == LATER + timedelta(seconds=720)


@pytest.mark.parametrize("kind", sorted(JOURNEYS.keys() - {"not there"}))
def test_only_what_has_ended_is_restarted_and_all_else_is_told_what_to_do_instead(kind: str) -> None:
    old = job_that_is(kind)
    assert old is not None

    if old.state in FINAL:
        assert restarted(old, NOTHING, LATER).restart_of == old.id
        return
    with pytest.raises(IllegalTransition, match=f"Cannot restart job one: it is {old.state}; `queuectl "):
        restarted(old, NOTHING, LATER)


def test_only_an_event_that_says_of_what_it_is_a_restart_has_the_newer_schema() -> None:
    new = restarted(job(FIRST, CANCELLED), NOTHING, LATER)

    assert (FIRST.schema, called().schema, new.schema) == (1, 2, 3)
    (recorded,) = history(new, stream="job-two")
    assert Job.__struct_fields__[-1] == "restart_of"
    assert job(new).restart_of == "one"
    assert job(FIRST).restart_of is None
    assert recorded.event == new


def test_the_new_id_follows_from_the_old_one_and_its_attempts_and_from_nothing_else() -> None:
    once = (enqueued(max_retries=0), claimed(), COMPLETED)
    again = (enqueued(), CANCELLED, RETRIED_BY_OPERATOR, claimed(), COMPLETED)

    assert successors(history(*once)) == [successor("one", 1)]
    assert successors(history(*again)) == [successor("one", 0), successor("one", 1)]
    assert successors(history(enqueued(), claimed(), RELEASED, CANCELLED)) == [successor("one", 0)]
    assert successors(history(enqueued(), claimed())) == []
    assert successors(history(claimed(), COMPLETED)) == []
    assert len({successor("one", 1), successor("one", 11), successor("one1", 1), successor("two", 1)}) == 4


def test_the_same_changes_are_the_same_restart_and_others_are_told_by_their_field() -> None:
    old = job(FIRST, CANCELLED)

    def asked(**fields: object) -> Enqueued:
        return restarted(old, alterations(fields), LATER)

    assert difference(asked(priority=3), restarted(old, alterations({"priority": 3}), LATER + HOUR, "why")) is None
    assert difference(asked(priority=3), asked(priority=4)) == "priority"
    assert difference(asked(), asked(tags=["x"])) == "tags"
    assert difference(asked(), FIRST) == "id"


def test_what_such_a_job_cannot_have_is_refused() -> None:
    with pytest.raises(InvalidInput, match="command: cannot be given for job one: it runs a task"):
        restarted(job(called(), CANCELLED), alterations({"command": "make"}), LATER)
    with pytest.raises(InvalidInput, match="key: cannot be changed"):
        alterations({"key": "other"})
    assert alterations({"priority": None}) == NOTHING
    assert State.CANCELLED in FINAL
