"""Whether and when a worker leaves: asked once or often, it leaves by the first end that it was given."""

from datetime import timedelta
from types import SimpleNamespace

import pytest

from eventqueue.worker.departure import GIVE_UP_S, Departure

MINUTE = timedelta(minutes=1)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Its last number is the time."""
    times = [100.0]
    monkeypatch.setattr("eventqueue.worker.departure.time", SimpleNamespace(monotonic=lambda: times[-1]))
    return times


def test_who_has_heard_nothing_stays(clock: list[float]) -> None:
    departure = Departure()
    clock.append(1e9)

    heard = [departure.is_near, departure.was_asked, departure.grace_is_over, departure.is_overdue]
    assert not any(heard)


def test_who_was_asked_has_its_grace_and_then_some_time_to_settle(clock: list[float]) -> None:
    departure = Departure()
    departure.within(MINUTE)
    assert (departure.is_near, departure.was_asked, departure.grace_is_over) == (True, True, False)

    clock.append(160.0)
    assert (departure.grace_is_over, departure.is_overdue) == (True, False)

    clock.append(160.1 + GIVE_UP_S)
    assert departure.is_overdue


def test_a_second_request_can_only_shorten_the_first(clock: list[float]) -> None:
    departure = Departure()
    departure.within(MINUTE)

    departure.within(2 * MINUTE)
    assert departure.grace_ends_at == 160.0

    departure.within(-MINUTE)  # by a time that is past
    assert departure.grace_ends_at == 100.0


def test_who_is_buried_leaves_without_having_been_asked(clock: list[float]) -> None:
    departure = Departure()

    departure.bury()

    assert (departure.is_near, departure.was_asked, departure.is_overdue) == (True, False, False)
