"""What a look for claims may find, as signals, looks and polls follow each other."""

from types import SimpleNamespace

import pytest

from eventqueue.worker.claims.prospects import POLL_S, TOLD_MAX, Prospect, Prospects


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Its last number is the time."""
    times = [100.0]
    monkeypatch.setattr("eventqueue.worker.claims.prospects.time", SimpleNamespace(monotonic=lambda: times[-1]))
    return times


def seen(prospects: Prospects) -> Prospect:
    return prospects.now


@pytest.fixture
def spent(clock: list[float]) -> Prospects:
    """All was looked through a moment ago."""
    prospects = Prospects()
    prospects.forget_names()
    prospects.reach_the_end()
    return prospects


def test_at_first_anything_may_be_there(clock: list[float]) -> None:
    assert Prospects().now is Prospect.ANYTHING
    assert Prospects().next_at == float("-inf")


def test_after_a_look_through_all_nothing_is_until_the_next_poll(spent: Prospects, clock: list[float]) -> None:
    assert seen(spent) is Prospect.NOTHING
    assert clock[-1] < spent.next_at <= clock[-1] + 1.2 * POLL_S

    clock.append(spent.next_at)

    assert seen(spent) is Prospect.ANYTHING


def test_what_a_signal_names_is_all_that_is_looked_at(spent: Prospects) -> None:
    assert spent.hear_of({"one"})
    assert spent.hear_of({"two"})
    assert (spent.now, spent.next_at) == (Prospect.THE_TOLD, float("-inf"))

    assert spent.take_names() == {"one", "two"}
    assert seen(spent) is Prospect.ANYTHING  # so far: it may fail

    spent.were_all()
    assert seen(spent) is Prospect.NOTHING


def test_names_are_of_no_use_where_all_is_looked_through_anyway(spent: Prospects) -> None:
    spent.hear_of({"one"})
    spent.open()

    assert not spent.hear_of({"two"})
    assert spent.take_names() == set()


def test_of_very_many_no_names_are_kept(spent: Prospects) -> None:
    assert spent.hear_of({str(number) for number in range(TOLD_MAX + 1)})

    assert not spent.hear_of({"one more"})

    assert seen(spent) is Prospect.ANYTHING
