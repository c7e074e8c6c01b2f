"""What a worker holds: a slot is free once its run has ended, and an end that nobody needs is told apart."""

import pytest

from eventqueue.model.job import Job, fold
from eventqueue.worker.holdings import Held, Holdings
from eventqueue.worker.running.reports import Ended
from tests.builders import claimed, enqueued, history


def job(name: str) -> Job:
    found = fold(history(enqueued(), claimed(), stream=f"job-{name}"))
    assert found is not None
    return found


@pytest.fixture
def holdings() -> Holdings:
    return Holdings(2)


@pytest.fixture
def held(holdings: Holdings) -> Held:
    return holdings.add(job("one"))


def test_a_slot_is_taken_until_its_run_has_ended(holdings: Holdings, held: Held) -> None:
    assert (holdings.free, holdings.running) == (1, [held])

    assert holdings.ended(Ended(key=held.key, exit_code=0)) is None

    assert (holdings.free, holdings.running, list(holdings)) == (2, [], [held])  # its outcome is yet to be settled
    holdings.remove(held)
    assert not holdings


def test_the_end_of_what_was_lost_is_of_no_use_if_that_killed_it(holdings: Holdings, held: Held) -> None:
    assert holdings.lost([held]) == [held]
    assert holdings.lost([held]) == []  # once

    assert holdings.ended(Ended(key=held.key, killed=True)) is held
    assert held.key not in holdings


def test_what_was_lost_and_ended_by_itself_has_an_outcome_all_the_same(holdings: Holdings, held: Held) -> None:
    holdings.lost([held])

    assert holdings.ended(Ended(key=held.key, exit_code=0)) is None
    assert held.key in holdings


def test_only_what_runs_and_is_not_lost_is_handed_back(holdings: Holdings, held: Held) -> None:
    other = holdings.add(job("two"))
    holdings.lost([other])

    assert holdings.hand_back("its worker was stopped") == [held]
    assert holdings.hand_back("again") == []
    assert (held.handed_back, other.handed_back) == ("its worker was stopped", None)


def test_what_could_not_be_started_is_handed_back_as_if_it_had_been_killed(holdings: Holdings, held: Held) -> None:
    held.give_up("no launcher")

    assert held.ended is not None
    assert (held.ended.killed, held.handed_back, holdings.free) == (True, "no launcher", 2)


def test_news_of_a_run_that_is_not_held_is_nobodys(holdings: Holdings) -> None:
    holdings.began("another/1")

    assert not holdings
