"""Times as people type them: what each means at a moment, for what looks back and for what looks ahead."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pytest

from eventqueue.model.times import NoZone, meant_at, typed

NOW = datetime(2026, 1, 31, 7, 30, tzinfo=UTC)
SAME = [
    ("now", "2026-01-31T07:30"),
    ("-2h", "2026-01-31T05:30"),
    ("+1h30m", "2026-01-31T09:00"),
    ("2026-01-31", "2026-01-31T00:00"),
    ("2026-01-31 18:00", "2026-01-31T18:00"),
    ("2026-01-31T08:00+01:00", "2026-01-31T07:00"),
    ("today", "2026-01-31T00:00"),
    ("yesterday 18:00", "2026-01-30T18:00"),
    ("tomorrow 18:00", "2026-02-01T18:00"),
    ("tomorrow 18:00:30-11:00", "2026-02-01T05:00:30"),  # there it is still the 30th
    ("tomorrow 03:00Z", "2026-02-01T03:00"),
    ("2026-07-31T08:00 Europe/Berlin", "2026-07-31T06:00"),  # in summer
    ("2026-01-31 08:00 Europe/Berlin", "2026-01-31T07:00"),
    ("2026-02-01 Europe/Berlin", "2026-01-31T23:00"),
    ("tomorrow Europe/Berlin", "2026-01-31T23:00"),
    ("tomorrow 01:30 America/Argentina/Buenos_Aires", "2026-02-01T04:30"),
    ("yesterday 18:00 UTC", "2026-01-30T18:00"),
]
APART = [
    ("2h", "2026-01-31T05:30", "2026-01-31T09:30"),
    ("03:12", "2026-01-31T03:12", "2026-02-01T03:12"),
    ("18:00", "2026-01-30T18:00", "2026-01-31T18:00"),
    ("07:30", "2026-01-31T07:30", "2026-01-31T07:30"),
    ("09:00 Europe/Berlin", "2026-01-30T08:00", "2026-01-31T08:00"),
]


def meant(text: str, *, ahead: bool) -> datetime:
    return meant_at(typed(text, UTC, ZoneInfo, ahead=ahead), NOW, ahead=ahead)


@pytest.mark.parametrize("ahead", [False, True])
@pytest.mark.parametrize(("text", "at"), SAME)
def test_what_names_its_moment_is_the_same_whoever_asks(text: str, at: str, ahead: bool) -> None:
    assert meant(text, ahead=ahead) == datetime.fromisoformat(f"{at}+00:00")


@pytest.mark.parametrize(("text", "back", "ahead"), APART)
def test_what_may_be_on_either_side_is_on_the_one_that_is_looked_at(text: str, back: str, ahead: str) -> None:
    assert meant(text, ahead=False) == datetime.fromisoformat(f"{back}+00:00")
    assert meant(text, ahead=True) == datetime.fromisoformat(f"{ahead}+00:00")


@pytest.mark.parametrize(
    ("now", "back", "ahead"),
    [
        ("2026-10-25T00:10", "2026-10-24T00:30", "2026-10-25T00:30"),  # 02:10 for the first time
        ("2026-10-25T00:40", "2026-10-25T00:30", "2026-10-25T01:30"),
        ("2026-10-25T01:10", "2026-10-25T00:30", "2026-10-25T01:30"),  # 02:10 for the second time
        ("2026-10-25T01:40", "2026-10-25T01:30", "2026-10-26T01:30"),
        ("2026-03-29T00:40", "2026-03-28T01:30", "2026-03-29T01:30"),  # a clock never shows it: it is 03:30 then
        ("2026-03-29T01:40", "2026-03-29T01:30", "2026-03-30T00:30"),
    ],
)
def test_of_a_time_that_a_clock_shows_twice_the_last_or_the_next_is_meant(now: str, back: str, ahead: str) -> None:
    at = datetime.fromisoformat(f"{now}+00:00")

    for is_ahead, expected in ((False, back), (True, ahead)):
        found = meant_at(typed("02:30 Europe/Berlin", UTC, ZoneInfo, ahead=is_ahead), at, ahead=is_ahead)
        assert found == datetime.fromisoformat(f"{expected}+00:00")


@pytest.mark.parametrize("text", ["18:00", "tomorrow", "tomorrow 18:00", "2026-01-31", "2026-01-31T08:00"])
def test_where_no_zone_is_taken_one_has_to_be_given(text: str) -> None:
    with pytest.raises(NoZone):
        typed(text, None, ZoneInfo)


@pytest.mark.parametrize(
    "text", ["now", "10m", "-2h", "18:00Z", "tomorrow 18:00+01:00", "2026-01-31T08:00Z", "18:00 Europe/Berlin"]
)
def test_what_needs_no_zone_or_has_one_is_taken(text: str) -> None:
    assert typed(text, None, ZoneInfo) is not None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "tomorrow 3:12",
        "tomorrow  03:12",
        "noon",
        "--2h",
        "tomorrow 24:00",
        "+",
        "18:00Z Europe/Berlin",
        "10m UTC",
        "now UTC",
    ],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        typed(text, UTC, ZoneInfo)


@pytest.mark.parametrize("text", ["999999999d", "+999999999d"])
def test_what_is_beyond_the_calendar_is_refused(text: str) -> None:
    with pytest.raises(OverflowError):
        meant(text, ahead=False)


def test_a_name_that_is_no_zones_is_refused_as_the_zones_do() -> None:
    with pytest.raises(ZoneInfoNotFoundError, match="Nowhere"):
        typed("18:00 Nowhere", UTC, ZoneInfo)
