"""What people do to jobs, held against what can happen to one."""

import pytest

from eventqueue.model.deeds import AMEND, CANCEL, DEEDS, DISCARD, RESTART, RETRY, RUN_NOW, Deed
from eventqueue.model.job import FINAL, LEGAL, State


@pytest.mark.parametrize("deed", [CANCEL, RETRY, AMEND], ids=lambda one: one.name)
def test_a_deed_can_be_done_to_jobs_in_exactly_the_states_in_which_its_events_are_legal(deed: Deed) -> None:
    assert {*deed.possible} == {state for event in deed.events for state in LEGAL[event][0]}


def test_what_has_ended_can_be_restarted_and_nothing_else() -> None:
    assert {*RESTART.possible} == FINAL


def test_cancelling_alone_ends_what_runs() -> None:
    assert [one.name for one in DEEDS.values() if one.kills] == ["cancel"]
    assert not DISCARD.kills


def test_those_of_other_words_are_the_same_in_the_log() -> None:
    assert (DISCARD.name, RUN_NOW.name) == (CANCEL.name, AMEND.name)
    assert (DISCARD.possible, RUN_NOW.possible) == ((State.DEAD,), AMEND.possible)
