"""When ticks are: over ten years of four zones, against a clock that is walked along and knows nothing of cron."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import islice, pairwise, takewhile
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventqueue.errors import InvalidInput
from eventqueue.model.codec import EPOCH
from eventqueue.schedules.rule import END as LAST
from eventqueue.schedules.rule import Every, Rule, cron, every, latest

# The usual hour in the night; half an hour; at midnight, which is then left out.
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago")
BEGIN, END = datetime(2017, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
QUARTER, MINUTE, DAY = timedelta(minutes=15), timedelta(minutes=1), timedelta(days=1)
BERLIN = ZoneInfo("Europe/Berlin")
YEARS = timedelta(days=36_500)

Fits = Callable[[datetime], bool]

# Of each expression what it says, in Python; and whether it holds in each hour.
EXPRESSIONS: dict[str, tuple[Fits, bool]] = {
    "30 2 * * *": (lambda at: (at.hour, at.minute) == (2, 30), False),
    "0 0 * * *": (lambda at: (at.hour, at.minute) == (0, 0), False),
    "15,45 1-3 * * *": (lambda at: at.hour in (1, 2, 3) and at.minute in (15, 45), False),
    "0 */2 * * *": (lambda at: at.hour % 2 == 0 and at.minute == 0, False),
    "45 23 1,15 * SUN": (
        lambda at: (at.hour, at.minute) == (23, 45) and (at.day in (1, 15) or at.weekday() == 6),
        False,
    ),
    "0 2 29 2 *": (lambda at: (at.month, at.day, at.hour, at.minute) == (2, 29, 2, 0), False),
    "*/15 * * 3,4,9-11 SUN": (
        lambda at: at.minute % 15 == 0 and at.month in (3, 4, 9, 10, 11) and at.weekday() == 6,
        True,
    ),
    "30 * * 3,4,10 MON-FRI": (
        lambda at: at.minute == 30 and at.month in (3, 4, 10) and at.weekday() < 5,
        True,
    ),
}
BY_MINUTES: dict[str, tuple[Fits, bool]] = {
    "7 2 * * *": (lambda at: (at.hour, at.minute) == (2, 7), False),
    "*/7 0-2 * * *": (lambda at: at.hour < 3 and at.minute % 7 == 0, False),
    "59 * * * *": (lambda at: at.minute == 59, True),
    "* * * * *": (lambda at: True, True),
}


@cache
def walked(zone: str, step: timedelta) -> list[tuple[datetime, datetime]]:
    """Return what a clock shows in ten years, one step after the other: each moment in UTC, and the time."""
    there, found, at = ZoneInfo(zone), [], BEGIN
    while at < END:
        found.append((at, at.astimezone(there).replace(tzinfo=None, fold=0)))
        at += step
    return found


@cache
def changes(zone: str) -> list[datetime]:
    """Return the moments at which the clock of a zone is changed, to a quarter of an hour."""
    quarters = walked(zone, QUARTER)
    return [at for (_, before), (at, shown) in pairwise(quarters) if shown - before != QUARTER]


def expected(
    walk: list[tuple[datetime, datetime]], step: timedelta, fits: Fits, *, is_hourly: bool
) -> Iterator[datetime]:
    """Yield the ticks as somebody would who watches the clock and remembers how far it has shown."""
    furthest = walk[0][1] - step
    for at, shown in walk:
        if is_hourly:
            if fits(shown):
                yield at
        elif shown > furthest:
            new = (furthest + number * step for number in range(1, (shown - furthest) // step + 1))
            if any(map(fits, new)):
                yield at
        furthest = max(furthest, shown)


def between(rule: Rule, begin: datetime, end: datetime) -> list[datetime]:
    return list(takewhile(lambda at: at < end, rule.after(begin - timedelta(seconds=1))))


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_ten_years_of_ticks_are_those_of_a_clock_that_is_watched(zone: str, expression: str) -> None:
    fits, is_hourly = EXPRESSIONS[expression]

    found = between(cron(expression, ZoneInfo(zone)), BEGIN, END)

    assert found == list(expected(walked(zone, QUARTER), QUARTER, fits, is_hourly=is_hourly))


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("expression", BY_MINUTES)
def test_where_the_clock_is_changed_each_minute_is_right(zone: str, expression: str) -> None:
    fits, is_hourly = BY_MINUTES[expression]
    rule, there = cron(expression, ZoneInfo(zone)), ZoneInfo(zone)
    assert len(changes(zone)) in range(18, 23)

    for change in changes(zone):
        begin, end = change - timedelta(hours=5), change + timedelta(hours=5)
        moments = [begin + number * MINUTE for number in range(600)]
        walk = [(at, at.astimezone(there).replace(tzinfo=None, fold=0)) for at in moments]
        assert between(rule, begin, end) == list(expected(walk, MINUTE, fits, is_hourly=is_hourly)), change


@pytest.mark.parametrize("zone", ZONES)
def test_from_wherever_one_looks_the_next_tick_is_the_same(zone: str) -> None:
    for expression in ("*/30 * * * *", "30 2 * * *", "15 0,1 * * *"):
        rule = cron(expression, ZoneInfo(zone))
        for change in changes(zone)[:4]:
            ticks = between(rule, change - DAY, change + DAY)
            for before, tick in pairwise(ticks):
                for moment in (before, before + MINUTE, tick - MINUTE, tick - timedelta(milliseconds=1)):
                    assert next(rule.after(moment)) == tick, (expression, moment)


def test_what_the_clock_leaves_out_comes_right_after_it_and_what_it_shows_twice_comes_once() -> None:
    daily, spring, autumn = (
        cron("30 2 * * *", BERLIN),
        datetime(2026, 3, 29, tzinfo=UTC),
        datetime(2026, 10, 25, tzinfo=UTC),
    )

    assert between(daily, spring, spring + DAY) == [datetime(2026, 3, 29, 1, tzinfo=UTC)]  # 03:00 there
    assert between(daily, autumn, autumn + DAY) == [datetime(2026, 10, 25, 0, 30, tzinfo=UTC)]  # the first 02:30
    often = cron("*/5 * * * *", BERLIN)
    for day in (spring, autumn):
        assert between(often, day, day + DAY) == [day + number * timedelta(minutes=5) for number in range(288)]


def test_a_day_that_a_zone_never_had_comes_as_the_next_one_begins() -> None:
    rule = cron("0 12 * * *", ZoneInfo("Pacific/Apia"))  # which had no 30th of December in 2011

    found = [
        at.astimezone(ZoneInfo("Pacific/Apia")) for at in islice(rule.after(datetime(2011, 12, 29, tzinfo=UTC)), 3)
    ]

    assert [(at.day, at.hour) for at in found] == [(29, 12), (31, 0), (31, 12)]


@given(st.integers(1000, 10**9), st.datetimes(datetime(1960, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_spans_are_counted_from_1970_so_that_all_who_look_mean_the_same_ticks(ms: int, moment: datetime) -> None:
    span = timedelta(milliseconds=ms)

    first, second = islice(every(span).after(moment), 2)

    assert moment < first <= moment + span
    assert (first - EPOCH) % span == timedelta(0)
    assert second == first + span


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ("", "its five fields are"),
        ("* * * *", "its five fields are"),
        ("0 * * * * *", "its five fields are"),
        ("@daily", "its five fields are"),
        ("61 * * * *", "bad minute"),
        ("* 24 * * *", "bad hour"),
        ("* * * * MOO", "bad day-of-week"),
        ("*/0 * * * *", "bad minute"),
        ("5-1 * * * *", "bad minute"),
        ("/2 * * * *", "bad minute"),
        ("٣ * * * *", "bad minute"),
        ("L/2 * * * *", "bad minute"),
        ("0 0 30 2 *", "no cron expression|fits no day"),
        ("0 0 31 4,6 *", "no cron expression|fits no day"),
        ("0 0 * 2 MON#5", ""),
        ("1" * 300 + " * * * *", "characters"),
        ("\x00 * * * *", "bad minute"),
    ],
)
def test_what_is_no_cron_expression_is_told_in_a_sentence(expression: str, problem: str) -> None:
    if not problem:  # in leap years
        assert next(cron(expression, UTC).after(BEGIN))
        return
    with pytest.raises(InvalidInput, match=rf"(?s)^cron: .*({problem})"):
        cron(expression, UTC)


@given(st.text(max_size=30) | st.from_regex(r"([0-9*/,LW#A-Z-]{1,4} ){4}[0-9*/,LW#A-Z-]{1,4}", fullmatch=True))
def test_whatever_is_given_as_an_expression_is_one_or_refused(expression: str) -> None:
    with suppress(InvalidInput):
        assert next(cron(expression, UTC).after(BEGIN)) > BEGIN


@pytest.mark.parametrize("span", [timedelta(0), timedelta(milliseconds=1), timedelta(-1), timedelta(days=40_000)])
def test_a_span_is_a_second_at_least(span: timedelta) -> None:
    with pytest.raises(InvalidInput, match=r"^every: must be a second or more"):
        every(span)


def test_the_last_ticks_are_found_however_long_ago_the_first_was() -> None:
    rules: list[Rule] = [cron("*/5 * * * *", BERLIN), cron("0 4 1 1 *", BERLIN), Every(timedelta(seconds=7))]
    for rule in rules:
        for until in (END, END - timedelta(hours=7, seconds=13)):
            whole = [at for at in between(rule, until - DAY, until + DAY) if at <= until]

            assert latest(rule, EPOCH, until, 10)[-len(whole[-10:]) :] == whole[-10:] or not whole
            assert latest(rule, until - timedelta(hours=1), until, 1000) == [
                at for at in whole if at > until - timedelta(hours=1)
            ]
            assert len(latest(rule, EPOCH, until, 10)) == 10


@pytest.mark.parametrize("one", [cron("0 0 29 2 *", ZoneInfo("Europe/Berlin")), cron("0 * * * *", UTC), every(YEARS)])
@pytest.mark.parametrize("year", [1, 1969, 8999, 9000, 9999])
def test_ticks_are_told_after_whatever_moment_and_end_with_the_calendar(one: Rule, year: int) -> None:
    for moment in (datetime(year, 1, 1, tzinfo=UTC), datetime(year, 12, 31, 23, 59, 59, tzinfo=UTC)):
        assert all(moment < at < LAST for at in islice(one.after(moment), 100))
    assert len(list(every(YEARS).after(BEGIN))) < 100
