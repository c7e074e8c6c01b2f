"""Whatever a hand has put into a schedule's stream, it is listed, shown and told of, and so are all others."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from eventqueue.api.scheduling import shown
from eventqueue.cli.render import schedules
from eventqueue.schedules.events import Missed, Overlap, ScheduleSet
from eventqueue.schedules.schedule import Schedule, evolve
from eventqueue.telling import documents
from eventqueue.telling import schedules as told
from tests.builders import NOW, history

STREAM = "schedule-nightly"
ODD: list[Any] = [5, None, "secret", ["secret"], {"a": 1}, [{"a": "secret"}], 2**62, b"secret", float("nan"), True, NOW]
FIELDS = ("command", "task", "args", "kwargs", "cwd", "env", "priority", "none-such")
EVERY = [float("nan"), float("inf"), -1.0, 0.0, 1e-9, 1e308, None]
CRON = ["1," * 60000 + "1 * * * *", "99999999999999999999 * * * *", "0 0 31 2 *", "", "\0", "² * * * *"]
ZONES = ["", ".", "Europe", "../../etc/passwd", "/etc/passwd", "a\0b", "A" * 100_000]


def all_ways(event: ScheduleSet) -> str:
    """All that is told of a schedule that was set so, for people and as JSON."""
    (recorded,) = history(event, stream=STREAM)
    one = shown(evolve(Schedule(name="nightly"), recorded), NOW)
    table = schedules.table([one], NOW)
    texts = [str(cell) for row in table.rows for cell in row]
    texts += [str(schedules.details(one)), told.describe(event), told.coming(one)]
    return "\n".join([*texts, json.dumps(documents.schedule(one)), json.dumps(documents.event(recorded, None))])


def as_set(**said: Any) -> ScheduleSet:
    usual = {"fields": {"command": "true"}, "missed": Missed.ONCE, "overlap": Overlap.ALLOW, "every": 60.0}
    return ScheduleSet(**{**usual, **said})


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("runs", [{"command": "true"}, {"task": "mail"}])
def test_whatever_fields_its_jobs_have(field: str, runs: dict[str, Any]) -> None:
    for value in ODD:
        assert all_ways(as_set(fields={**runs, field: value}))


def test_no_environment_shows_its_values_whatever_it_is() -> None:
    for value in ODD:
        assert "secret" not in all_ways(as_set(fields={"command": "true", "env": value}))


@pytest.mark.parametrize("said", [{"every": one} for one in EVERY] + [{"cron": one, "every": None} for one in CRON])
def test_whenever_its_ticks_are_said_to_be(said: dict[str, Any]) -> None:
    (recorded,) = history(as_set(**said), stream=STREAM)
    one = shown(evolve(Schedule(name="nightly"), recorded), NOW)

    assert all_ways(as_set(**said))
    assert one.next_at is None
    assert one.every is None
    assert one.problem


@pytest.mark.parametrize("tz", ZONES)
def test_whatever_zone_it_is_said_to_be_in(tz: str) -> None:
    assert all_ways(as_set(cron="* * * * *", every=None, tz=tz))
    assert all_ways(as_set(tz=tz))


def test_whenever_it_is_said_to_have_happened() -> None:
    for year in (1, 1969, 9999):
        (recorded,) = history(as_set(), stream=STREAM, now=datetime(year, 1, 1, tzinfo=UTC))
        one = shown(evolve(Schedule(name="nightly"), recorded), NOW)
        assert one.next_at is not None
        assert schedules.details(one)
