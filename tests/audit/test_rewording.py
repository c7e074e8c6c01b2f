"""A filter's text with a condition more or less: what else it asks for stays as it was typed."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from eventqueue.audit.filters import joined, parse, text_of
from eventqueue.audit.rewording import added, asked_of, without
from eventqueue.model.job import State
from eventqueue.ports.views import Filter
from eventqueue.system.zones import zone
from tests.audit.test_filters import KINDS, TEXTS
from tests.builders import NOW

FILTERS = st.fixed_dictionaries({}, optional={name: KINDS[name] for name in KINDS if not name.endswith("_in")}).map(
    lambda fields: Filter(**fields)
)


def fields(text: str) -> dict[str, Any]:
    return parse(text, NOW, zone)


@pytest.mark.parametrize(
    ("text", "field", "value", "then"),
    [
        ("", "state", "dead", "state:dead"),
        ("state:dead", "state", "failed", "state:dead state:failed"),
        ("state:scheduled", "state", "failed", "state:failed"),
        (" created>-2h ", "queue", "my queue", 'created>-2h queue:"my queue"'),
        ("tag:red", "tag", "blue", "tag:red tag:blue"),
        ("task:one  error~x", "task", "two", "error~x task:two"),
        ('state:"dead"', "state", "dead", 'state:"dead"'),
    ],
)
def test_a_condition_is_added_as_it_would_be_typed(text: str, field: str, value: str, then: str) -> None:
    assert added(text, field, value) == then


def test_of_a_field_one_value_or_all_are_taken_away() -> None:
    assert without('queue:a queue:"b c" created>-2h', "queue", "b c") == "queue:a created>-2h"
    assert without("queue:a state:dead queue:b", "queue") == "state:dead"
    assert without("meta.tag=red tag:red", "tag", "red") == "meta.tag=red"


@given(FILTERS, TEXTS)
def test_what_is_added_holds_besides_and_taken_away_again_leaves_what_was_asked(wanted: Filter, tag: str) -> None:
    text = text_of(wanted)

    more = added(text, "tag", tag)

    assert tag in asked_of(more, "tag")
    if tag not in wanted.tags:
        assert fields(more) == joined(fields(text), {"tags": (tag,)})
        assert fields(without(more, "tag", tag)) == fields(text)


@given(FILTERS, TEXTS)
def test_of_what_a_job_has_once_another_value_takes_the_place_of_the_first(wanted: Filter, task: str) -> None:
    found = fields(added(text_of(wanted), "task", task))

    assert found == {**fields(text_of(wanted)), "task": task}


@given(FILTERS, st.sampled_from(State))
def test_a_state_that_is_added_is_one_of_any(wanted: Filter, state: State) -> None:
    text = text_of(replace(wanted, state=None, due_before=None, due_after=None))  # beside which there is one state

    found = fields(added(added(text, "state", state), "state", State.DEAD))

    assert {found.get("state"), *found.get("state_in", ())} - {None} == {state, State.DEAD}
